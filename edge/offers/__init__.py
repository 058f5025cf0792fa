"""The shop's own offers over HTTP: read `calls` first. What an offer may be is said in `cache.offers`."""
