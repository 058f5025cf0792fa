"""The whole story on one machine: platform, three terminals of one scenic town, and visitors with phones."""
