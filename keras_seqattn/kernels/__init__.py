"""Kernels of our own for one kind of device, and the function that tells which kind that is."""
