"""Recipes: what to train and how, as data."""
