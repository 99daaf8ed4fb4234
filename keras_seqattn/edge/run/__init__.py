"""Running exported files, with NumPy and the runtime of their format alone."""
