"""Commands for the office: its people, its journal, its reports. Whoever runs them holds the platform's folder."""
