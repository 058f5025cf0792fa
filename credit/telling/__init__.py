"""How an answer is told: as one JSON object, and in words for people. Decides nothing; read `answers` first."""
