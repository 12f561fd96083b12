"""A synthetic neck with known truth."""
