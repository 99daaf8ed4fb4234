"""Weights that other projects trained, loaded into layers and models of this library.

    from keras_seqattn.checkpoints import huggingface, torch

A loader uses every array of a checkpoint, or says which one it has no place for. The other
project itself need not be installed.
"""
