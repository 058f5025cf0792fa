"""Drafts: what one person proposes and another puts in force. `states` is the table; read it first."""
