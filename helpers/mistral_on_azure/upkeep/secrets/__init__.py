"""`cookbook secrets`: finding credentials where none belong, before they are committed or shared.

`detecting` knows what a credential looks like, `reading` takes files apart, notebooks by cell and output, and `command`
goes through them and tells.
"""
