"""Signed updates with a trial and a way back (field.md). Read `command` first.

`keys` says who may sign, `bundle` is the file and its signature, `unpack` puts it where it is to live, `versions` moves
the link, `trial` lets the new version decide on a copy. All of it is root's: the service may not change what it is.
"""
