"""The platform over HTTP: composition, calls of terminals and operators, error answers. Read `app` first."""
