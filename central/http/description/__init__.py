"""The platform's calls, described: `openapi` has their table, `answers` what the operator's calls give. No handler."""
