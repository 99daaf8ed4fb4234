"""`keras_seqattn.edge.npu.emulator`: the program inside a compiled file, as a function."""

import numpy as np
import pytest

from keras_seqattn.edge.npu import emulator, libraries
from keras_seqattn.edge.npu.compile import compile_for_npu
from keras_seqattn.edge.tflite import contract_in_file
from keras_seqattn.testing import check_error

pytestmark = [pytest.mark.edge, pytest.mark.usefixtures("own_process")]


@pytest.fixture
def compiled(compiler, portable, tmp_path):
    path = tmp_path / "vit.tflite"
    path.write_bytes(portable.read_bytes())
    return compile_for_npu(path, "SM8750").chips["SM8750"].file


def test_the_program_computes_what_the_model_does_in_16_bits(compiled, model):
    images = np.random.default_rng(3).uniform(-1, 1, (2, 24, 16, 3)).astype("float32")
    made = emulator.run(compiled, {"images": images})["logits"]
    wanted = model.predict(images, verbose=0)
    error = np.abs(made - wanted).max() / np.abs(wanted).max()
    assert made.shape == wanted.shape
    assert 1e-6 < error < 2e-2     # floats of 16 bits, not of 32


def test_the_chip_is_that_of_the_contract(compiled, portable):
    assert emulator.chip(compiled).name == "SM8750"
    check_error(lambda: emulator.chip(portable), file=str(portable))


def test_a_portable_file_and_a_signature_that_is_none(compiled, portable):
    check_error(lambda: emulator.program(portable), file=str(portable))
    check_error(lambda: emulator.program(compiled, "other"), signature="other",
                known=["serving_default"])


def test_inputs_of_other_names(compiled):
    check_error(lambda: emulator.run(compiled, {"x": np.zeros(1)}), given=["x"],
                inputs=["images"])


def test_a_program_of_other_libraries(compiled, monkeypatch):
    said = contract_in_file.read(compiled)["npu"]["libraries"]
    assert said == libraries.VERSIONS
    other = {**said, "onnxruntime-qnn": "2.8.0"}
    monkeypatch.setattr(libraries, "find", lambda: None)
    monkeypatch.setattr(libraries, "VERSIONS", other)
    check_error(lambda: emulator.run(compiled, {"images": np.zeros((1, 24, 16, 3))}),
                compiled_by=said, installed=other)


def test_a_file_of_several_programs_is_refused(compiler, writer_file):
    made = compile_for_npu(writer_file, "SM8750").chips["SM8750"]
    assert {"encode", "decode_step"} <= set(made.signatures)
    with pytest.raises(ValueError, match="one program of the NPU"):
        emulator.program(made.file, "decode_step")
