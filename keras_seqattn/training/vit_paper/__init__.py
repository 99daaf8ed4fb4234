"""The experiments of the Vision Transformer's paper, with their published numbers."""
