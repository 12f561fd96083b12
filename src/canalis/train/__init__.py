"""Training of the networks; the only folder that imports torch."""
