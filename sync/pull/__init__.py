"""The signed lists' way in: fetched, verified, handed to `cache.lists`. Read `puller` first."""
