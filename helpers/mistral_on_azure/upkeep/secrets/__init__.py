"""`cookbook secrets`: finding credentials where none belong, before they are committed or shared.

`rules.toml` has the credentials with a mark of their own, `rules` finds them, `detecting` judges the others by what
stands around them, `reading` takes files apart, notebooks by cell and output, and `scan` goes through them and tells.
"""
