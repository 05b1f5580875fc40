"""`cookbook secrets`: finding credentials where none belong, before they are committed or shared.

`rules.toml` describes the credentials that have a prefix of their own, and `credential_rules` finds them. `detecting`
finds random values that are named as a credential. `scan` reads the files, notebooks by cell and output, and prints
where a credential is.
"""
