"""The threads behind a SQLite store: who looks into its file, who takes its log in, and last words. No table here."""
