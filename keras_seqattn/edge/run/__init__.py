"""Running exported files with NumPy and LiteRT alone."""
