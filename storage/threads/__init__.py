"""The threads behind a SQLite store: who takes its log into the file, and what happens when one dies. No table here."""
