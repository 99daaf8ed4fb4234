"""`keras_seqattn.registry`, and the doors of the package, each in a Python of its own."""

import ast
import pathlib
import subprocess
import sys

import keras
import pytest

import keras_seqattn
from keras_seqattn import models, registry

ROOT = pathlib.Path(keras_seqattn.__file__).parents[1]


def _run(code):
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                            cwd=ROOT, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip().splitlines()[-1]


def _registered():
    """Module and name of every class and function that the package registers with Keras."""
    for path in sorted(pathlib.Path(keras_seqattn.__file__).parent.rglob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            for each in getattr(node, "decorator_list", ()):
                if "register_keras_serializable" in ast.unparse(each):
                    yield node.name


def test_the_package_alone_loads_nothing_and_shows_its_doors():
    assert _run(
        "import sys, keras_seqattn; "
        "assert not {'keras', 'numpy', 'keras_seqattn.layers'} & set(sys.modules); "
        "assert {'layers', 'edge', 'models', '__version__'} <= set(dir(keras_seqattn)); "
        "print(keras_seqattn.layers.MultiHeadAttention.__name__)") == "MultiHeadAttention"


def test_an_unknown_door_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'layer'"):
        keras_seqattn.layer  # noqa: B018


@pytest.mark.parametrize("imports", ["import keras_seqattn, keras", "import keras, keras_seqattn",
                                     "import keras; from keras_seqattn import edge"])
def test_keras_finds_the_classes_of_a_saved_model(imports, tmp_path):
    path = tmp_path / "vit.keras"
    models.vit("nano", 8, (16, 24, 3), 5).save(path)
    assert _run(f"{imports}; print(keras.models.load_model({str(path)!r}).output_shape)"
                ) == "(None, 5)"


def test_every_registered_name_is_found():
    """Asked one by one in a fresh Python, where nothing of the package has been imported."""
    names = [f"{registry.PREFIX}{name}" for name in _registered()]
    assert len(names) > 30
    assert _run(
        "import keras_seqattn, keras; "
        f"lost = [name for name in {names!r} if keras.saving.get_registered_object(name) is None]; "
        "print(lost)") == "[]"


def test_other_names_are_not_of_this_package():
    objects = keras.saving.get_custom_objects()
    assert isinstance(objects, registry.Registry)
    assert f"{registry.PREFIX}NoSuchLayer" not in objects
    assert "other>Layer" not in objects
    assert 7 not in objects
