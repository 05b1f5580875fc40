"""`cookbook secrets`: finds credentials in files before they are committed or shared.

`rules.toml` describes the credentials that have a prefix of their own. `credential_rules` finds them, and decides by
the names around a random value whether it is a credential; `detecting` applies both to a text. `scan` reads the files,
notebooks by cell and output, and prints where a credential is.
"""
