"""Keras 3 layers for sequences and attention, with a road to the edge.

    from keras_seqattn import layers, models, training, edge

Each of these is imported when it is asked for, so that running an exported file does not load
Keras. The letters of the shapes are explained in `keras_seqattn.shapes`.
"""

__version__ = "0.1.0"
