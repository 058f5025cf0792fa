"""The chain of facts, which is also the outbox. Never changes a fact; read `chain` first."""
