"""Kinds of training: each knows its data, model, loss and card."""
