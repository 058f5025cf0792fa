"""People who work at a terminal: names, PINs, and the five minutes for which an unlocked screen acts in one's name."""
