"""One authority for each key: claims, leases, learning, and the hub's way to the platform. Read `claims` first."""
