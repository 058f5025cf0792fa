"""What commands print, as tables and pure functions, in both languages."""
