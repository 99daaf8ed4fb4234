"""PyTorch's modules: its numbers from its weights, and weights that do not fit."""

import json

import numpy as np
import pytest
from keras import ops
from safetensors.numpy import load_file
from tolerances import FLOAT32

from keras_seqattn.checkpoints import torch
from keras_seqattn.testing import check_error

ATTENTIONS = ["torch_mha/packed", "torch_mha/kdim_vdim"]
TRANSFORMERS = ["torch_transformer/post_norm", "torch_transformer/pre_norm"]
MASKS = {"nomask": None, "padding": None, "bool_mask": "attn_mask_bool",
         "bool_mask_3d": "attn_mask_bool_3d"}


def _read(folder):
    """State, constructor arguments and arrays of a recorded module."""
    with np.load(folder / "io.npz", allow_pickle=False) as arrays:
        io = dict(arrays)
    return (load_file(folder / "model.safetensors"),
            json.loads((folder / "config.json").read_text(encoding="utf-8")), io)


def _first_layers(state):
    """What is left of a Transformer when each stack has one layer."""
    return {key: array for key, array in state.items() if ".layers.1." not in key}


def _check_equal(ours, theirs):
    np.testing.assert_allclose(ops.convert_to_numpy(ours), theirs, atol=FLOAT32, rtol=0)


@pytest.mark.parametrize("name", ATTENTIONS)
def test_attention_and_its_masks(goldens, name):
    state, config, io = _read(goldens / name)
    heads = config["num_heads"]
    layer = torch.multi_head_attention(state, heads)
    for case, mask in MASKS.items():
        allowed = None if mask is None else ~io[mask]
        if allowed is not None and allowed.ndim == 3:
            allowed = allowed.reshape(-1, heads, *allowed.shape[1:])
        output, scores = layer(
            io["query"], io["value"], io["key"], attention_mask=allowed,
            key_mask=None if case == "nomask" else ~io["key_padding_mask"],
            return_attention_scores=True)
        _check_equal(output, io[f"output_{case}"])
        _check_equal(scores, io[f"weights_{case}"])
    output, scores = layer(
        io["query"], io["value"], io["key"], key_mask=~io["key_padding_mask"],
        attention_bias=io["attn_mask_float"], return_attention_scores=True)
    _check_equal(output, io["output_float_mask"])
    _check_equal(scores, io["weights_float_mask"])


def _attention(query, key, value, weights, num_heads):
    """PyTorch's attention in NumPy, without masks and biases."""
    heads = [np.stack(np.split(x @ w.T, num_heads, axis=-1))
             for x, w in zip((query, key, value), weights, strict=True)]
    logits = heads[0] @ heads[1].swapaxes(-1, -2) / np.sqrt(heads[0].shape[-1])
    shares = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    return np.concatenate(list(shares @ heads[2]), axis=-1)


def test_attention_without_biases(rng):
    state = {f"{name}_proj_weight": rng.normal(size=(6, width))
             for name, width in zip("qkv", (6, 5, 7), strict=True)}
    state["out_proj.weight"] = rng.normal(size=(6, 6))
    layer = torch.multi_head_attention(state, 3)
    query, key, value = (rng.normal(size=(2, length, width)).astype("float32")
                         for length, width in ((3, 6), (11, 5), (11, 7)))
    weights = [state[f"{name}_proj_weight"] for name in "qkv"]
    expected = _attention(query, key, value, weights, 3) @ state["out_proj.weight"].T
    np.testing.assert_allclose(layer(query, value, key), expected, rtol=1e-4, atol=1e-4)
    assert len(layer.weights) == 4


def test_a_file_is_read_as_its_arrays(goldens):
    path = goldens / ATTENTIONS[0] / "model.safetensors"
    for ours, theirs in zip(torch.multi_head_attention(path, 4).weights,
                            torch.multi_head_attention(load_file(path), 4).weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_lstm_padded_and_packed(goldens):
    state, _, io = _read(goldens / "torch_lstm" / "bidirectional")
    model = torch.lstm(state)
    real = np.arange(io["input"].shape[1]) < io["lengths"][:, None]
    for ending, mask in (("", None), ("_packed", real)):
        ours = model({"inputs": io["input"], "mask": mask})
        _check_equal(ours["outputs"], io[f"output{ending}"])
        _check_equal(ops.swapaxes(ours["hidden"], 0, 1), io[f"h_n{ending}"])
        _check_equal(ops.swapaxes(ours["cell"], 0, 1), io[f"c_n{ending}"])


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def _one_way(x, state, end, hidden, cell):
    """PyTorch's equations in one direction, one step after another."""
    steps = []
    for step in np.moveaxis(x, 1, 0):
        enters, forgets, makes, shows = np.split(
            step @ state[f"weight_ih_{end}"].T + hidden @ state[f"weight_hh_{end}"].T
            + state.get(f"bias_ih_{end}", 0) + state.get(f"bias_hh_{end}", 0), 4, axis=-1)
        cell = _sigmoid(forgets) * cell + _sigmoid(enters) * np.tanh(makes)
        hidden = _sigmoid(shows) * np.tanh(cell)
        steps.append(hidden)
    return np.stack(steps, axis=1), hidden, cell


def _lstm_state(rng, units, width, ends, use_bias):
    """Weights of several layers. An end names a layer and its direction."""
    state = {}
    for end in ends:
        inputs = width if end.startswith("l0") else units * (2 if "l0_reverse" in ends else 1)
        state |= {f"weight_ih_{end}": rng.normal(size=(4 * units, inputs)),
                  f"weight_hh_{end}": rng.normal(size=(4 * units, units))}
        if use_bias:
            state |= {f"bias_{part}_{end}": rng.normal(size=4 * units) for part in ("ih", "hh")}
    return state


@pytest.mark.parametrize("use_bias", [True, False])
def test_lstm_of_three_layers_in_one_direction(rng, use_bias):
    units, x = 3, rng.normal(size=(2, 7, 5)).astype("float32")
    state, seen = _lstm_state(rng, units, 5, ["l0", "l1", "l2"], use_bias), x
    for end in ("l0", "l1", "l2"):
        seen, hidden, cell = _one_way(seen, state, end, np.zeros((2, units)), np.zeros((2, units)))
    ours = torch.lstm(state)({"inputs": x, "mask": None})
    _check_equal(ours["outputs"], seen)
    _check_equal(ours["hidden"][:, -1], hidden)
    _check_equal(ours["cell"][:, -1], cell)


def test_lstm_that_begins_with_given_states(rng):
    """Two layers in both directions. The backward one begins at the end of the real steps."""
    units, x = 3, rng.normal(size=(2, 7, 5)).astype("float32")
    ends = ["l0", "l0_reverse", "l1", "l1_reverse"]
    state = _lstm_state(rng, units, 5, ends, True)
    hidden, cell = rng.normal(size=(2, 2, 4, units)).astype("float32")
    last, seen = [], x
    for i, end in enumerate(ends):
        back = "reverse" in end
        outputs, *final = _one_way(seen[:, ::-1] if back else seen, state, end, hidden[:, i],
                                   cell[:, i])
        last.append(final)
        if not back:
            ahead = outputs
        else:
            seen = np.concatenate([ahead, outputs[:, ::-1]], axis=-1)
    model = torch.lstm(state, initial_state=True)
    ours = model({"inputs": x, "mask": None, "hidden": hidden, "cell": cell})
    _check_equal(ours["outputs"], seen)
    for i, (shown, kept) in enumerate(last):
        _check_equal(ours["hidden"][:, i], shown)
        _check_equal(ours["cell"][:, i], kept)
    longer = np.concatenate([x, np.ones((2, 2, 5), "float32")], axis=1)
    real = np.arange(9) < np.array([[7], [7]])
    padded = model({"inputs": longer, "mask": real, "hidden": hidden, "cell": cell})
    _check_equal(padded["outputs"][:, :7], seen)
    _check_equal(padded["hidden"], ops.convert_to_numpy(ours["hidden"]))


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_transformer_and_its_masks(goldens, name):
    state, config, io = _read(goldens / name)

    def load(use_causal_mask):
        return torch.transformer(
            state, config["nhead"], "pre" if config["norm_first"] else "post",
            config["activation"], config["layer_norm_eps"], use_causal_mask)

    def run(model, source_mask, target_mask):
        return model({"source": io["src"], "target": io["tgt"], "source_mask": source_mask,
                      "target_mask": target_mask})

    source_mask, target_mask = ~io["src_key_padding_mask"], ~io["tgt_key_padding_mask"]
    all_source, all_target = np.ones_like(source_mask), np.ones_like(target_mask)
    causal = load(use_causal_mask=True)
    masked = run(causal, source_mask, all_target)
    _check_equal(masked["memory"], io["memory"])
    _check_equal(masked["output"], io["output"])
    _check_equal(run(causal, source_mask, target_mask)["output"], io["output_tgt_padding"])
    _check_equal(run(load(use_causal_mask=False), all_source, all_target)["output"],
           io["output_no_masks"])


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_the_encoder_alone(goldens, name):
    """It is the encoder of a whole Transformer, whose final norm may be missing."""
    state, config, io = _read(goldens / name)
    encoder = {key.removeprefix("encoder."): array for key, array in state.items()
               if key.startswith("encoder.")}
    options = (config["nhead"], "pre" if config["norm_first"] else "post", config["activation"],
               config["layer_norm_eps"])
    inputs = {"source": io["src"], "source_mask": ~io["src_key_padding_mask"]}
    model = torch.transformer_encoder(encoder, *options)
    _check_equal(model(inputs), io["memory"])
    bare = {key: array for key, array in encoder.items() if not key.startswith("norm.")}
    last = model.get_layer("encoder_norm")
    _check_equal(last(torch.transformer_encoder(bare, *options)(inputs)), io["memory"])
    causal = torch.transformer_encoder(encoder, *options, use_causal_mask=True)
    other = {**inputs, "source": inputs["source"].copy()}
    other["source"][:, -1] += 3.0
    _check_equal(causal(other)[:, :-1], ops.convert_to_numpy(causal(inputs))[:, :-1])
    missing = "layers.0.linear2.weight"
    check_error(lambda: torch.transformer_encoder(
        {key: array for key, array in encoder.items() if key != missing}, *options), key=missing)
    check_error(lambda: torch.transformer_encoder(
        {**encoder, "layers.0.norm3.weight": np.ones(3)}, *options), number=1)


def test_transformer_without_biases(goldens):
    """Biases of zero, which are those that are missing, change nothing."""
    state, config, io = _read(goldens / TRANSFORMERS[1])
    state = _first_layers(state)
    zeros = {key: np.zeros_like(array) if "bias" in key else array
             for key, array in state.items()}
    bare = {key: array for key, array in state.items() if "bias" not in key}
    inputs = {"source": io["src"], "target": io["tgt"],
              "source_mask": ~io["src_key_padding_mask"],
              "target_mask": ~io["tgt_key_padding_mask"]}
    one, other = (torch.transformer(each, config["nhead"], "pre") for each in (zeros, bare))
    shifts_of_norms, unpacked = 2 + 3 + 2, 2 * (1 + 2)
    assert len(other.weights) == len(bare) + shifts_of_norms + unpacked
    _check_equal(one(inputs)["output"], ops.convert_to_numpy(other(inputs)["output"]))


CASES = [
    ("torch_mha/packed", lambda state, _: torch.multi_head_attention(state, 4),
     "out_proj.bias", "bias_k"),
    ("torch_mha/kdim_vdim", lambda state, _: torch.multi_head_attention(state, 3),
     "k_proj_weight", "in_proj_weight_2"),
    ("torch_lstm/bidirectional", lambda state, _: torch.lstm(state),
     "bias_hh_l1_reverse", "weight_hr_l0"),
    ("torch_transformer/pre_norm", lambda state, config: torch.transformer(state, config["nhead"]),
     "decoder.layers.0.multihead_attn.in_proj_weight", "encoder.layers.0.norm3.weight"),
]


@pytest.mark.parametrize(("name", "load", "missing", "extra"), CASES)
def test_states_that_do_not_fit(goldens, name, load, missing, extra):
    state, config, _ = _read(goldens / name)
    state = _first_layers(state)
    without = {key: array for key, array in state.items() if key != missing}
    check_error(lambda: load(without, config), key=missing)
    check_error(lambda: load({**state, extra: np.ones(3)}, config), keys=[extra], number=1)
    shape = state[missing].shape
    wrong = {**state, missing: np.ones((shape[0] + 1, *shape[1:]))}
    check_error(lambda: load(wrong, config), key=missing, shape=(shape[0] + 1, *shape[1:]),
                expected=shape)


def test_heads_that_do_not_divide():
    state = {"in_proj_weight": np.ones((18, 6)), "out_proj.weight": np.ones((6, 6))}
    check_error(lambda: torch.multi_head_attention(state, 4), num_heads=4, embed_dim=6)
    check_error(lambda: torch.multi_head_attention(state, 0), num_heads=0)
