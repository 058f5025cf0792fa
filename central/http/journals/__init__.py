"""What the platform does with a journal that came over HTTP, in one transaction. Read `arrivals` first."""
