"""Kinds of training: one task each, from data to files."""
