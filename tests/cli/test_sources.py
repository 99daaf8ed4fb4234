"""`keras_seqattn.cli.sources`: data that do not fit."""

import pytest

pytestmark = pytest.mark.edge


def test_classes_of_another_data_set_are_refused(folder, seqattn, tmp_path):
    from PIL import Image

    for name in ("cat", "dog"):
        (tmp_path / "test" / name).mkdir(parents=True)
        Image.new("RGB", (64, 64)).save(tmp_path / "test" / name / "picture.png")
    for command in (["evaluate", folder], ["evaluate", folder / "model.tflite"],
                    ["export", folder, "--out", tmp_path / "x.tflite"],
                    ["verify", folder / "model.tflite", "--against", folder]):
        code, _, err = seqattn(*command, "--data", f"folder:{tmp_path}")
        assert code == 2
        assert "source_classes=['cat', 'dog']" in err
