"""A played case told: which condition decided (explain), and a table for people (table). Pure."""
