"""A lane: a code in, a decision, a gate opened after the commit. Holds no rule of credit/; read `lane` first."""
