"""`keras_seqattn.edge.contract.checksum`: a sealed file cannot be damaged in silence."""

import hashlib

import pytest

from keras_seqattn.edge.contract import checksum
from keras_seqattn.testing import check_error


@pytest.fixture
def content(tmp_path):
    """Bytes of a small sealed file."""
    path = tmp_path / "sealed"
    path.write_bytes(b"before " + checksum.MARK.encode() + b" between " + checksum.PLACE)
    checksum.seal(path)
    return path.read_bytes()


def test_the_hash_of_a_file_and_of_its_beginning(tmp_path, monkeypatch):
    """In chunks of 7 bytes, which the sizes are no multiples of."""
    monkeypatch.setattr(checksum, "CHUNK", 7)
    content = bytes(range(101))
    (tmp_path / "x").write_bytes(content)
    assert checksum.sha256(tmp_path / "x") == hashlib.sha256(content).hexdigest()
    assert checksum.sha256(tmp_path / "x", 23) == hashlib.sha256(content[:23]).hexdigest()


def test_a_sealed_file_ends_in_the_hash_of_what_is_before(content, tmp_path):
    assert content[-71:-64] == b"sha256:"
    assert content[-64:].decode() == hashlib.sha256(content[:-64]).hexdigest()
    (tmp_path / "same").write_bytes(content)
    assert checksum.sealed(tmp_path / "same")


def test_every_byte_is_guarded(content, tmp_path):
    path = tmp_path / "damaged"
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 1
        path.write_bytes(changed)
        check_error(lambda: checksum.sealed(path), file=str(path))


@pytest.mark.parametrize("length", [1, 64, 71, 72])
def test_a_lost_end_is_seen(content, tmp_path, length):
    (tmp_path / "cut").write_bytes(content[:-length])
    check_error(lambda: checksum.sealed(tmp_path / "cut"), file=str(tmp_path / "cut"))


@pytest.mark.parametrize("other", [b"", b"TFL3", bytes(71), bytes(1_009)])
def test_other_programs_files_are_not_sealed(tmp_path, other):
    (tmp_path / "other").write_bytes(other)
    assert not checksum.sealed(tmp_path / "other")
