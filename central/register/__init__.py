"""Who is known: people as pseudonyms, terminals, codes, standing. Publishes nothing; read `registry` first."""
