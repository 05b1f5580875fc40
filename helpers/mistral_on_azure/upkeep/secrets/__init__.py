"""`cookbook secrets`: finding credentials where none belong, before they are committed or shared.

`rules.toml` describes the credentials that have a prefix of their own. `credential_rules` finds them, and judges random
values by the names that stand around them; `detecting` applies both to a text. `scan` reads the files, notebooks by
cell and output, and prints where a credential is.
"""
