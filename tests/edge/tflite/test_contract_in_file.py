"""`keras_seqattn.edge.tflite.contract_in_file`: what is written is read, no damage is silent."""

import io
import random
import tracemalloc
import zipfile

import keras
import numpy as np
import pytest
from converted import converted
from PIL import Image

from keras_seqattn import edge
from keras_seqattn.edge.contract import checksum, pixels
from keras_seqattn.edge.tflite import contract_in_file, metadata_tables
from keras_seqattn.testing import check_error

pytestmark = pytest.mark.edge
MUTATIONS = 250


def test_what_is_written_is_read(plain, tmp_path, described):
    path = tmp_path / "vit.tflite"
    path.write_bytes(plain["float32"].read_bytes())
    contract = described(path)
    contract_in_file.write(path, contract)
    assert contract_in_file.read(path) == contract
    assert contract_in_file.tokenizer(path) is None


def test_a_tokenizer_takes_the_place_of_tables_for_one_signature(plain, tmp_path, described):
    path = tmp_path / "vit.tflite"
    path.write_bytes(plain["float32"].read_bytes())
    contract_in_file.write(path, described(path), tokenizer="words")
    assert contract_in_file.tokenizer(path) == "words"
    assert b"TFLITE_METADATA" not in path.read_bytes()


def test_any_zip_tool_lists_contract_and_labels(file, labels):
    with zipfile.ZipFile(file) as archive:
        assert archive.namelist() == ["contract.json", "labels.txt"]
        assert archive.read("labels.txt").decode().splitlines() == labels
        # MediaPipe takes members as they lie in the file.
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_the_same_file_and_contract_give_the_same_bytes(plain, tmp_path, described):
    contents = []
    for name in ("a", "b"):
        path = tmp_path / name / "vit.tflite"
        path.parent.mkdir()
        path.write_bytes(plain["float32"].read_bytes())
        contract_in_file.write(path, described(path))
        contents.append(path.read_bytes())
    assert contents[0] == contents[1]


def test_the_file_computes_what_it_computed(file, plain, rng):
    images = rng.uniform(-1, 1, size=(3, 24, 16, 3)).astype("float32")
    before = edge.load(plain[contract_in_file.read(file)["precision"]])(images)
    np.testing.assert_array_equal(edge.load(file)(images), before)


def test_writing_holds_no_copy_of_the_weights(tmp_path, described):
    inputs = keras.Input((1009,), name="x")
    path = converted(
        keras.Model(inputs, keras.layers.Dense(2003)(inputs)), tmp_path / "wide.tflite")
    contract = described(path, labels=None)
    assert path.stat().st_size > 4 * 1009 * 2003
    tracemalloc.start()
    contract_in_file.write(path, contract)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 * 2**20


def _mutated(content, seed):
    draw = random.Random(seed)  # noqa: S311
    place = draw.randrange(len(content))
    kind = ("flip", "cut", "insert")[seed % 3]
    if kind == "flip":
        changed = bytes([content[place] ^ 1 << draw.randrange(8)])
        return content[:place] + changed + content[place + 1:]
    length = draw.choice([1, 7, 64, 1009, len(content)])
    if kind == "cut":
        return content[:place] + content[place + length:]
    return content[:place] + draw.randbytes(min(length, 1009)) + content[place:]


def test_no_damage_is_silent(file, tmp_path):
    """Flips, cuts and insertions, anywhere: each is an error, or the right answer."""
    content = file.read_bytes()
    images = pixels.golden_input((1, 24, 16, 3), "float32")
    expected = edge.load(file)(images)
    damaged = tmp_path / "damaged.tflite"
    errors = []
    for seed in range(MUTATIONS):
        damaged.write_bytes(_mutated(content, seed))
        try:
            np.testing.assert_array_equal(edge.load(damaged)(images), expected)
        except ValueError as error:
            errors.append(str(error))
    assert len(errors) == MUTATIONS
    assert all(str(damaged) in error for error in errors)


def test_each_byte_that_guards_the_others_is_guarded(file, tmp_path):
    content = file.read_bytes()
    mark = content.index(checksum.MARK.encode())
    places = [*range(-120, 0), *range(mark, mark + len(checksum.MARK)), *range(40)]
    for place in places:
        changed = bytearray(content)
        changed[place] ^= 1
        (tmp_path / "damaged.tflite").write_bytes(changed)
        check_error(lambda: edge.load(tmp_path / "damaged.tflite"),
                    file=str(tmp_path / "damaged.tflite"))


def test_other_programs_files_have_no_contract(plain, tmp_path):
    assert contract_in_file.read(plain["float32"]) == {}
    path = tmp_path / "foreign.tflite"
    path.write_bytes(plain["float32"].read_bytes())
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("labels.txt", "a\nb\n")
    assert contract_in_file.read(path) == {}
    assert edge.load(path)(np.zeros((2, 24, 16, 3))).shape == (2, 7)


def test_a_contract_is_written_once(file):
    content = file.read_bytes()
    check_error(lambda: contract_in_file.write(file, contract_in_file.read(file)), path=str(file))
    assert file.read_bytes() == content
    assert [each.name for each in file.parent.iterdir()] == [file.name]


def test_a_contract_of_another_format(plain, tmp_path, described):
    path = tmp_path / "vit.tflite"
    path.write_bytes(plain["float32"].read_bytes())
    contract_in_file.write(path, {**described(path), "format": 3})
    check_error(lambda: edge.load(path), format=3, known=2)


def test_a_file_of_the_first_format_still_answers(plain, tmp_path, described, labels, rng):
    path = tmp_path / "vit.tflite"
    path.write_bytes(plain["float32"].read_bytes())
    contract = described(path, labels=None)
    contract_in_file.write(path, {**contract, "format": 1, "labels": labels})
    runner = edge.load(path)
    assert runner.contract["format"] == 2
    assert runner.contract["outputs"][0]["labels"] == labels
    picture = io.BytesIO()
    Image.fromarray(rng.integers(0, 256, (24, 16, 3)).astype("uint8")).save(picture, "PNG")
    assert {name for name, _ in runner.classify(picture.getvalue(), top=7)} == set(labels)


def test_each_labelled_output_has_a_file_of_labels():
    def facts(name, size, labels):
        return {"name": name, "shape": [1, size], "labels": labels}

    one = {"outputs": [facts("pet", 1, ["cat", "dog"]), {"name": "x", "shape": [1, 5]}]}
    assert metadata_tables.label_files(one) == {"pet": ("labels.txt", ["dog"])}
    two = {"outputs": [facts("pet", 2, ["cat", "dog"]), facts("hue", 3, ["r", "g", "b"])]}
    assert metadata_tables.label_files(two) == {
        "pet": ("pet.labels.txt", ["cat", "dog"]), "hue": ("hue.labels.txt", ["r", "g", "b"])}
