"""`keras_seqattn.trained`."""

import hashlib
import json

from keras_seqattn import trained


def test_what_a_folder_ships(tmp_path):
    for name, content in (("b/model.keras", b"two"), ("b/labels.txt", b"cat\n"),
                          ("a/model.keras", b"three"), ("a/README.md", b"card"),
                          ("a/tokenizer.json", b"{}"),
                          ("unfinished/recipe.yaml", b"")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    assert trained.list_shipped(tmp_path) == {
        "a": {"model.keras": {"bytes": 5, "sha256": hashlib.sha256(b"three").hexdigest()},
              "tokenizer.json": {"bytes": 2, "sha256": hashlib.sha256(b"{}").hexdigest()}},
        "b": {"model.keras": {"bytes": 3, "sha256": hashlib.sha256(b"two").hexdigest()},
              "labels.txt": {"bytes": 4, "sha256": hashlib.sha256(b"cat\n").hexdigest()}}}


def test_the_listing_is_what_the_checkout_ships():
    listing = json.loads(trained.LISTING.read_text(encoding="utf-8"))
    assert listing["models"] == trained.list_shipped(trained.FOLDER)
    assert listing["base"].startswith("https://")
