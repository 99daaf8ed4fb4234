"""`keras_seqattn.edge.check.interface`: what the contract promises, the file must have."""

import types

import numpy as np

from keras_seqattn.edge.check import interface


def _facts(*shape):
    return [{"name": "x", "shape": list(shape), "dtype": "float32"}]


def _report(shape=(1, 5)):
    return types.SimpleNamespace(inputs=_facts(*shape), outputs=_facts(1, 3), failures=[],
                                 warnings=[])


def _runner(long=(1, 7)):
    """A file of two lengths, the second of which its contract gives as 7."""
    def alone(*shape):
        return types.SimpleNamespace(**{
            kind: {"x": {"shape": each, "dtype": np.float32}}
            for kind, each in (("inputs", shape), ("outputs", (1, 3)))})

    signatures = [{"name": name, "inputs": _facts(1, length), "outputs": _facts(1, 3)}
                  for name, length in (("short", 5), ("long", 7))]
    return types.SimpleNamespace(
        signatures={"short": alone(1, 5), "long": alone(*long)},
        contract={"inputs": _facts(1, 5), "outputs": _facts(1, 3), "signatures": signatures})


def test_a_kept_promise_is_no_failure():
    report = _report()
    interface.judge_interface(report, _runner().contract, {"x": "float32"})
    interface.judge_signatures(report, _runner())
    assert (report.failures, report.warnings) == ([], [])


def test_broken_promises_of_each_signature_are_failures():
    report = _report((1, 11))
    interface.judge_interface(report, _runner().contract, {"x": "int32"})
    interface.judge_signatures(report, _runner((1, 13)))
    main, dtype, long = report.failures
    assert main.startswith("the contract promises inputs")
    assert "signature long" in long
    assert "[1, 13]" in long
    assert dtype == "input x is float32 in the file, int32 in the model"


def test_images_on_another_scale_are_told():
    contract = {"inputs": [{"name": "x", "content": "image", "mean": 127.5, "std": 127.5}]}
    for top, told in ((1.0, 0), (255.0, 1)):
        report = _report()
        images = np.linspace(-1, top, 2 * 3 * 5 * 3).reshape(2, 3, 5, 3)
        interface.judge_scale(report, contract, {"x": images})
        assert len(report.warnings) == told
