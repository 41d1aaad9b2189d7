"""Proofs that a run never ends within its limit, so that nobody has to wait for it."""
