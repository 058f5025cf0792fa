"""Reference central platform: issuing, publishing lists, taking in journals, reconciliation."""
