"""Who works here: persons, their PINs, and the sessions they unlock. Knows no HTTP; read `persons` first."""
