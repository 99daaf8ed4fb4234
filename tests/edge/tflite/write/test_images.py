"""`keras_seqattn.edge.tflite.write.images`: convolutions, pooling, sizes, in a file as in Keras."""

import keras
import pytest
from written import check, check_kind, examples, model_of

from keras_seqattn.edge.tflite import reader
from keras_seqattn.edge.tflite.write import images

pytestmark = pytest.mark.edge


@pytest.mark.parametrize(("kind", "example"), examples(images.WRITERS))
def test_the_file_computes_what_the_kind_does(kind, example, tmp_path):
    check_kind(kind, example, tmp_path / "x.tflite")


@pytest.mark.parametrize("size", [(6, 8, 5), (7, 9, 5)])
@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("pool", [keras.layers.MaxPooling2D, keras.layers.AveragePooling2D])
def test_windows_of_one_pixel_are_slices(pool, padding, size, tmp_path):
    path = tmp_path / "x.tflite"
    check(model_of(pool(1, strides=(2, 3), padding=padding), size), path, atol=0)
    assert {op.name for op in reader.read(path).ops} <= {"PAD", "SLICE", "RESHAPE"}
