"""The letters that stand for sizes in every shape of the documentation.

| letter | size |
|---|---|
| `B` | batch: examples at once |
| `T` | positions that ask (queries, tokens of a sequence) |
| `S` | positions that are read (keys and values) |
| `D` | `embed_dim`: width of the residual stream |
| `F` | `mlp_dim`: inner width of the feed-forward network |
| `N` | `num_heads` |
| `K` | `num_kv_heads`: heads of key and value |
| `H` | `key_dim`: size of one head; `H_v` is `value_dim` |
| `L` | `num_layers`: blocks |
| `V` | `vocab_size` |
| `P` | `patch_size`, in pixels |
| `GH`, `GW` | rows and columns of the patch grid |

`Tensor` and `Shape` are the types of all that has such letters.
"""

import typing

# Of the backend at hand or symbolic: Keras has no type that holds all of them.
Tensor: typing.TypeAlias = typing.Any
# Sizes of one tensor, batch first; `None` is known only when the model runs.
Shape: typing.TypeAlias = tuple[int | None, ...]
