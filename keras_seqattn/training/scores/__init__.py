"""How good a trained model is: BLEU, captions' scores, linear probes."""
