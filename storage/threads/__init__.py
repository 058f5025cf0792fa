"""The threads behind a SQLite store: who waits, who looks into its file, who takes its log in, last words. No table."""
