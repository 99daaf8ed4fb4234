"""Files of arrays, and the configurations beside them."""
