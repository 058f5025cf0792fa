"""What stands behind a grant: proofs as they come, verdicts as values, what stands apart. Read `judging` first."""
