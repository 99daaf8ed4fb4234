"""Checkpoints of other projects, one family in each file."""
