"""`keras_seqattn.training.run_folder.board`: what TensorBoard reads."""

import pytest

from keras_seqattn import training

pytest.importorskip("tensorboard")
pytest.importorskip("PIL")


def _curves(folder):
    """Name of each curve of a run to its steps and values."""
    import tensorflow as tf
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    read = EventAccumulator(str(folder), {"tensors": 0, "images": 0})
    read.Reload()
    tags = read.Tags()["tensors"]
    return {tag: {each.step: tf.make_ndarray(each.tensor_proto) for each in read.Tensors(tag)}
            for tag in tags}


def test_one_chart_shows_training_and_validation_over_steps(make_recipe, tmp_path):
    """32 images are 4 steps of 8: two epochs end after steps 4 and 8."""
    run = training.fit(make_recipe({"epochs": 2, "warmup": 0.5}), tmp_path / "run", "none",
                       quiet=True)
    train, validation = (_curves(tmp_path / "run" / "logs" / name)
                         for name in ("train", "validation"))
    assert set(train) == {"loss", "accuracy", "learning_rate", "seconds", "examples_per_s"}
    assert {"loss", "accuracy"} <= set(validation)
    assert [float(each) for each in validation["loss"].values()] == pytest.approx(
        run.history["val_loss"])
    assert list(validation["loss"]) == [4, 8]
    assert list(train["loss"]) == list(train["learning_rate"]) == list(range(1, 9))
    assert [float(train["loss"][step]) for step in (4, 8)] == pytest.approx(run.history["loss"])
    rates = [float(rate) for rate in train["learning_rate"].values()]
    assert rates[:4] == sorted(rates[:4])   # it rises for half of the steps
    assert rates[4:] == sorted(rates[4:], reverse=True)
    assert max(rates) == pytest.approx(0.01)
    assert "pictures" in validation
