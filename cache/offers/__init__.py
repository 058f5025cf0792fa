"""A merchant's own offers beside the signed ones. Never overrides a signed benefit; read `own` first."""
