"""`keras_seqattn.edge.tflite.outer_tables`: new metadata and op versions, all else as it was."""

import pytest

from keras_seqattn.edge.tflite import contract_in_file, outer_tables, reader

pytestmark = pytest.mark.edge


def _bytes(file):
    """Bytes of every buffer, wherever in the file they lie."""
    return [file.data(buffer).tobytes() for buffer in file.buffers]


def test_every_tensor_is_as_it_was(file, plain):
    """Quantised files keep large buffers outside the flatbuffer, by their place in the file."""
    contract = contract_in_file.read(file)
    before, after = reader.read(plain[contract["precision"]]), reader.read(file)
    assert _bytes(after)[:len(before.buffers)] == _bytes(before)
    assert len(after.buffers) == len(before.buffers) + 3
    apart = any(buffer.note is not None for buffer in after.buffers)
    assert apart == (contract["precision"] != "float32")
    said = after.data(after.metadata["min_runtime_version"]).tobytes()
    assert said.rstrip(b"\0").decode() == contract["minimum_runtime"]


@pytest.mark.parametrize("precision", ["float32", "dynamic_wi8_afp32"])
def test_an_entry_takes_the_place_of_one_of_its_name(plain, tmp_path, precision):
    path, again = tmp_path / "a.tflite", tmp_path / "b.tflite"
    outer_tables.write(reader.read(plain[precision]), path, {"x": b"first", "y": b"stays"})
    outer_tables.write(reader.read(path), again, {"x": b"last"})
    before, after = reader.read(plain[precision]), reader.read(again)
    kept = {name: after.data(buffer).tobytes() for name, buffer in after.metadata.items()}
    assert (kept.pop("x"), kept.pop("y")) == (b"last", b"stays")
    assert kept == {name: before.data(buffer).tobytes()
                    for name, buffer in before.metadata.items()}
    assert _bytes(after)[:len(before.buffers)] == _bytes(before)
    assert [each.name for each in after.signatures] == [each.name for each in before.signatures]


def test_a_quantised_op_gets_the_version_that_old_runtimes_refuse(file):
    declared = {code.name: code.version for code in reader.read(file).codes}
    quantised = contract_in_file.read(file)["precision"] != "float32"
    assert declared["FULLY_CONNECTED"] == (12 if quantised else 5)
    assert declared["GELU"] == 1
