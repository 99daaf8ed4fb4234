"""`keras_seqattn.training.vit_paper.table`; whole tables are in `test_reproduction.py`."""

from keras_seqattn.training.vit_paper import table

CELL = {"dataset": "own", "model": "mine", "method": "fine-tuning", "mean": 61.234,
        "deviation": None, "published": None, "published_deviation": None, "accuracies": [61.234],
        "steps": None, "image_shapes": [(16, 24, 3), (32, 32, 3)], "parameters": 4321,
        "changes": [], "tasks": {"own": {"chosen": [0.5, 0.5, 0.25]}}}


def test_what_nobody_published_is_left_open():
    lines = table.markdown([CELL]).splitlines()
    assert lines[2] == ("| own | mine | fine-tuning | 61.23 | – | 0.5, 0.25 | 1 | – "
                        "| 16×24, 32×32 | 4,321 | – |")
    assert not any("core-days" in line for line in lines)
