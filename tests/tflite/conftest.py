"""A browser, a server on this machine alone, and small classifiers beside the built page."""

import contextlib
import functools
import http.server
import os
import pathlib
import shutil
import subprocess
import threading

import numpy as np
import pytest

WEB = pathlib.Path(__file__).parents[2] / "tflite" / "web"
OTHER_NAME = "phone.test"  # a name of this machine that browsers do not trust as they do localhost
WAIT_SECONDS = 60
SHAPE, PATCH, GRID = (42, 30), 6, (7, 5)
LABELS = ["annual crop", "forest", "river", "a class with a name that is much longer than others",
          "Autobahnverkehrsflächenbeobachtungsgerät", "sea", "lake", "town", "field", "hill",
          "moor"]


class Page:
    """The page in a browser, by what people do and see."""

    def __init__(self, driver, address):
        self.driver, self.address = driver, address

    def open(self, model, address=None):
        self.driver.get(f"{address or self.address}?model={model}")
        self.wait()

    def wait(self):
        """Until the page has done what was asked of it."""
        from selenium.webdriver.support.ui import WebDriverWait

        WebDriverWait(self.driver, WAIT_SECONDS, 0.02).until(lambda driver: driver.execute_script(
            "return document.readyState === 'complete' && !document.body.ariaBusy"))

    def find(self, name):
        return self.driver.find_element("id", name)

    def see(self, name):
        """The text of an element, or nothing where it is hidden."""
        return self.find(name).text

    def give(self, name, *files):
        """Chooses files by the file input `name`."""
        self.find(name).send_keys("\n".join(map(str, files)))
        self.wait()

    def numbers(self):
        """What the page saves as result.json."""
        return self.driver.execute_async_script(
            "const done = arguments[0]; fetch(document.getElementById('save').href)"
            ".then((each) => each.json()).then(done)")


@pytest.fixture(scope="session")
def node():
    """Runs node in the page's folder and returns what it prints."""
    if not shutil.which("node"):
        pytest.skip("node is not installed")

    def run(*arguments):
        result = subprocess.run(["node", *map(str, arguments)], cwd=WEB,  # noqa: S607
                                capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    version = run("--version").strip().lstrip("v")
    if tuple(map(int, version.split(".")[:2])) < (20, 11):
        pytest.skip(f"node is {version}, the page's build needs 20.11")
    return run


def _classifier(channels, dtype, attention):
    import keras

    from keras_seqattn import layers

    images = keras.Input((*SHAPE, channels), name="images", dtype=dtype)
    x = keras.layers.Rescaling(1 / 127.5, -1)(images) if dtype == "uint8" else images
    x = keras.layers.Conv2D(16, PATCH, PATCH)(x)
    x = keras.layers.Reshape((GRID[0] * GRID[1], 16))(x)
    x = layers.PositionalEncoding()(x)
    read, scores = layers.MultiHeadAttention(2, 7)(x, x, return_attention_scores=True)
    pooled = keras.layers.GlobalAveragePooling1D()(x + read)
    outputs = {"logits": keras.layers.Dense(len(LABELS))(pooled)}
    if attention:
        received = keras.ops.mean(scores, axis=(1, 2))
        outputs["attention"] = keras.layers.Reshape(GRID)(received)
    model = keras.Model(images, outputs)
    drawn = np.random.default_rng(11)
    model.set_weights([drawn.normal(0, 0.2, each.shape) for each in model.get_weights()])
    return model


def _answering(units, activation):
    import keras

    images = keras.Input((*SHAPE, 3), name="images")
    x = keras.layers.Flatten()(keras.layers.AveragePooling2D(PATCH)(images))
    answer = keras.layers.Dense(units, activation=activation, name="answer")(x)
    model = keras.Model(images, answer)
    drawn = np.random.default_rng(11)
    model.set_weights([drawn.normal(0, 0.2, each.shape) for each in model.get_weights()])
    return model


def _export(model, file, precision, labels=LABELS):
    """Writes a file and its contract."""
    from keras_seqattn import edge

    edge.export(model, file, precision, labels=labels)


@pytest.fixture(scope="session")
def site(tmp_path_factory, node):
    """Folder with the built page and five classifiers.

    Two take RGB and show their attention; `grey` takes bytes of one channel and shows none. Two
    end in a softmax and in one sigmoid.
    """
    if not (WEB / "node_modules").is_dir():
        pytest.skip("tflite/web/node_modules is missing: run `npm ci` in tflite/web")
    folder = tmp_path_factory.mktemp("site")
    node("build.js", folder)
    rgb = _classifier(3, "float32", attention=True)
    for precision in ("float32", "dynamic_wi8_afp32"):
        _export(rgb, folder / f"{precision}.tflite", precision)
    _export(_classifier(1, "uint8", attention=False), folder / "grey.tflite", "float32")
    _export(_answering(len(LABELS), "softmax"), folder / "softmax.tflite", "float32")
    _export(_answering(1, "sigmoid"), folder / "no_yes.tflite", "float32", ["cat", "dog"])
    return folder


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="session")
def address(site):
    """Address of the page, which this machine alone can reach."""
    handler = functools.partial(_Quiet, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@contextlib.contextmanager
def _chromium(*flags):
    """Headless Chromium with a camera that shows a test picture; it reaches no other machine."""
    selenium = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    binary, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not binary or not driver:
        pytest.skip("chromium or chromedriver is not installed")
    options = selenium.ChromeOptions()
    options.binary_location = binary
    options.set_capability("goog:loggingPrefs", {"performance": "ALL"})
    as_root = ["no-sandbox"] if os.geteuid() == 0 else []
    for flag in ("headless=new", "disable-background-networking", "disable-component-update",
                 "no-first-run", "no-proxy-server", "disable-dev-shm-usage",
                 "use-fake-device-for-media-stream", "use-fake-ui-for-media-stream",
                 f"host-resolver-rules=MAP {OTHER_NAME} 127.0.0.1, MAP * ~NOTFOUND, "
                 "EXCLUDE 127.0.0.1", *as_root, *flags):
        options.add_argument(f"--{flag}")
    with selenium.Chrome(options, selenium.ChromeService(driver)) as started:
        started.set_script_timeout(WAIT_SECONDS)
        yield started


@pytest.fixture(scope="session")
def page(address):
    """The page where there is no GPU."""
    with _chromium() as driver:
        yield Page(driver, address)


@pytest.fixture(scope="session")
def gpu_page(address):
    """The page where there is WebGPU; Vulkan runs it on the CPU, so that every machine has it."""
    with _chromium("enable-unsafe-webgpu", "use-webgpu-adapter=swiftshader") as driver:
        yield Page(driver, address)


@pytest.fixture(scope="session")
def untrusted_address(address):
    """The page under a name for which browsers withhold hashing and the camera."""
    return address.replace("127.0.0.1", OTHER_NAME)
