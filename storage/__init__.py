"""How anything of ours is kept: jobs on one database, migrations, files. Knows no table; read `jobs` first.

`heard` is beside that: what a command says where its reader may leave, which every command line here stands on.
"""
