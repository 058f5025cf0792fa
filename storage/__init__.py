"""How anything of ours is kept: jobs on one database, migrations, files. Knows no table; read `jobs` first."""
