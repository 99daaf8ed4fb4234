"""A browser, a server on this machine alone, and a small classifier that shows its attention."""

import functools
import hashlib
import http.server
import json
import os
import pathlib
import shutil
import subprocess
import threading

import numpy as np
import pytest

WEB = pathlib.Path(__file__).parents[2] / "tflite" / "web"
SHAPE, PATCH, GRID = (42, 30, 3), 6, (7, 5)
LABELS = ["annual crop", "forest", "river", "a class with a name that is much longer than others",
          "Autobahnverkehrsflächenbeobachtungsgerät", "sea", "lake", "town", "field", "hill",
          "moor"]


def run_node(*arguments):
    """Runs node in the page's folder and returns what it prints."""
    if not shutil.which("node"):
        pytest.skip("node is not installed")
    result = subprocess.run([shutil.which("node"), *arguments], cwd=WEB, capture_output=True,
                            text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def contract(file, precision, outputs, labels, golden):
    """The contract of a file that takes one image, with its golden input and outputs."""
    values = golden["input"]
    return {
        "format": 1, "name": file.stem, "licence": None, "precision": precision,
        "minimum_runtime": "2.17.0", "labels": labels, "outputs": outputs,
        "inputs": [{"name": "images", "shape": list(values.shape), "dtype": str(values.dtype),
                    "content": "image", "mean": 127.5, "std": 127.5}],
        "golden": {"seed": 0, "input_sha256": hashlib.sha256(values.tobytes()).hexdigest(),
                   "outputs": {name: array.ravel()[:32].tolist()
                               for name, array in golden["outputs"].items()}},
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(), "bytes": file.stat().st_size}


def golden_bytes(count):
    return (np.arange(count, dtype="uint64") * 2654435761 % 2**32 >> 24).astype("uint8")


@pytest.fixture(scope="session")
def classifier():
    """Keras model: images to logits and to the attention that each patch receives."""
    import keras

    from keras_seqattn import layers

    images = keras.Input(SHAPE, name="images")
    x = keras.layers.Conv2D(16, PATCH, PATCH)(images)
    x = keras.layers.Reshape((GRID[0] * GRID[1], 16))(x)
    x = layers.PositionalEncoding()(x)
    read, scores = layers.MultiHeadAttention(2, 7)(x, x, return_attention_scores=True)
    pooled = keras.layers.GlobalAveragePooling1D()(x + read)
    attention = keras.ops.mean(scores, axis=(1, 2))
    model = keras.Model(images, {
        "attention": keras.layers.Reshape(GRID)(attention),
        "logits": keras.layers.Dense(len(LABELS))(pooled)})
    drawn = np.random.default_rng(11)
    model.set_weights([drawn.normal(0, 1.5 * each.size ** -0.1 / 2, each.shape) if each.ndim > 1
                       else drawn.normal(0, 0.2, each.shape) for each in model.get_weights()])
    return model


@pytest.fixture(scope="session")
def site(tmp_path_factory, classifier):
    """Folder with the built page, and with the model in two precisions beside it."""
    from keras_seqattn import edge

    if not (WEB / "node_modules").is_dir():
        pytest.skip("tflite/web/node_modules is missing: run `npm ci` in tflite/web")
    folder = tmp_path_factory.mktemp("site")
    run_node("build.js", str(folder))
    for precision in ("float32", "dynamic_wi8_afp32"):
        file = folder / f"{precision}.tflite"
        edge.export(classifier, file, precision)
        pixels = golden_bytes(np.prod(SHAPE)).reshape(1, *SHAPE)
        runner = edge.load(file)
        values = runner.normalise(pixels)
        outputs = [{"name": name, "shape": shape, "dtype": "float32", "content": name}
                   for name, shape in (("logits", [1, len(LABELS)]), ("attention", [1, *GRID]))]
        file.with_suffix(".json").write_text(json.dumps(contract(
            file, precision, outputs, LABELS, {"input": values, "outputs": runner(values)})))
    return folder


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="session")
def address(site):
    """Address of the page."""
    handler = functools.partial(_Quiet, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="session")
def browser(address):
    """Headless Chromium with a camera that shows a test picture; no other host can be reached."""
    selenium = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip("chromium or chromedriver is not installed")
    options = selenium.ChromeOptions()
    options.binary_location = chromium
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    for flag in ("headless=new", "disable-background-networking", "disable-component-update",
                 "no-first-run", "no-proxy-server", "disable-dev-shm-usage",
                 "use-fake-device-for-media-stream", "use-fake-ui-for-media-stream",
                 "host-resolver-rules=MAP phone.test 127.0.0.1, MAP * ~NOTFOUND, "
                 "EXCLUDE 127.0.0.1",
                 *(["no-sandbox"] if os.geteuid() == 0 else [])):
        options.add_argument(f"--{flag}")
    with selenium.Chrome(options, selenium.ChromeService(driver)) as started:
        started.set_script_timeout(60)
        yield started
