"""The whole story on one machine: platform, a hub and four terminals of one scenic town, and visitors with phones."""
