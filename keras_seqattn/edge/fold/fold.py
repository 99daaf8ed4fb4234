"""The exact rewrites of a graph before it is quantised, in the order in which they apply.

Each pass walks over a `Graph` and applies a function of `formulas` wherever it is exact; the
graph's notes say where it is not.
"""

from keras_seqattn.edge.fold.attention import (
    absorb_query_scales,
    absorb_value_biases,
    balance_attention,
    drop_key_biases,
)
from keras_seqattn.edge.fold.epilogues import join_epilogues
from keras_seqattn.edge.fold.factors import join_factors
from keras_seqattn.edge.fold.first_positions import keep_first_positions
from keras_seqattn.edge.fold.repeated import join_repeated
from keras_seqattn.edge.fold.streams import absorb_norms, centre_streams, rotate_streams
from keras_seqattn.edge.graph.graph import Graph

JOINS = (join_repeated, join_epilogues, join_factors)   # these change no value that is left
PASSES = (
    *JOINS,
    keep_first_positions,
    centre_streams,
    absorb_norms,
    absorb_query_scales,
    drop_key_biases,
    absorb_value_biases,
    balance_attention,
)


def fold(graph: Graph, rotate: bool = False) -> Graph:
    """Applies every pass to a graph and writes into its notes what was done.

    Args:
        graph: `Graph`; changes in place.
        rotate: Whether to rotate the residual streams at the end, so that outlying features spread
            over all.

    Returns:
        The graph.
    """
    for apply in (*PASSES, rotate_streams) if rotate else PASSES:
        apply(graph)
    graph.drop_unread()
    return graph


def join(graph: Graph) -> Graph:
    """Applies the passes that change no value that is left, also inside of loops.

    Args:
        graph: `Graph`; changes in place.

    Returns:
        The graph.
    """
    for apply in JOINS:
        apply(graph)
    graph.drop_unread()
    for node in graph.nodes:
        for setting in node.settings.values():
            if isinstance(setting, Graph):
                join(setting)
    return graph
