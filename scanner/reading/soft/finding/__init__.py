"""Where a dense code may lie, when no decoder says so: finders first, then which of them make a code.

Read `locate` first, then `triples` and, for codes with a finder that cannot be seen, `pairs`. What is found is a
`Candidate`, in pixels of the crop that was searched; whether a code is there at all is for `refine` to say.
"""
