"""Scanners that send text: serial lines and keyboard wedges. Read `framing` first."""
