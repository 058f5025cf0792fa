"""A city of another make: its codes, its signed lists, its platform, and a reader of everybody's lists.

These programs were written from docs/ alone: token-format.md, lists.md, protocol.md, records.md, api.md. They import
none of our packages (`tests/lists/test_another_make.py` looks), and run against ours there and in
`tests/processes/test_another_make.py`: what a page does not say breaks them.
"""
