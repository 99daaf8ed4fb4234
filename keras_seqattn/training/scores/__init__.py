"""How good a trained model is: scores of what it writes, and linear probes."""
