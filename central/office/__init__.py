"""The office at work: drafts and their second pair of eyes, measures, cases, applications, grants, imports.

`desk` is what pages, calls and commands come through; read it first. Rights are asked of `central.register.accounts`,
lists are signed by `central.lists`. No page and no HTTP comes in here.
"""
