"""The page in a real browser against the runner in Python, on the same pictures."""

import hashlib
import json
import urllib.parse

import numpy as np
import pytest

from keras_seqattn import edge
from keras_seqattn.data.images import decode
from keras_seqattn.edge.contract.contract import beside

pytestmark = pytest.mark.edge

# Of the largest value. XNNPACK in WebAssembly and natively sum in different orders: some float32
# roundings. Where weights are int8, a rounding can move an activation to the neighbouring int8
# value, 1/127 of the largest, and WebGPU does not round activations at all.
TOLERANCE = {"dynamic_wi8_afp32": 1e-2}
FLOAT32 = 2e-5
SIZES = [(64, 64), (97, 61), (31, 43), (29, 41), (31, 61), (401, 283), (1, 1), (7, 389), (37, 55),
         (37, 56), (5, 41), (389, 7)]


def _pixels(width, height, channels=3):
    """Waves with noise: smooth enough for JPEG, and no two patches alike."""
    y, x, c = np.mgrid[:height, :width, :channels]
    noise = np.random.default_rng(5).normal(0, 20, (height, width, channels))
    waves = 128 + 100 * np.sin(x / (7 + 3 * c)) * np.cos(y / (11 - 2 * c)) + noise
    return np.clip(waves, 0, 255).astype("uint8")


def _picture(path, width=97, height=61, **how):
    from PIL import Image

    Image.fromarray(_pixels(width, height)).save(path, **how)
    return path


def _python(file, image):
    """All outputs, and the five likeliest classes, as the runner in Python sees them."""
    runner = edge.load(file)
    detail = runner.inputs["images"]
    _, height, width, channels = map(int, detail["shape"])
    pixels = decode(image, (height, width), channels)[None]
    outputs = runner(pixels if detail["dtype"] == np.uint8 else runner.normalise(pixels))
    if not isinstance(outputs, dict):
        outputs = {next(iter(runner.outputs)): outputs}
    return outputs, runner.classify(image)


def _check_as_python(page, file, image):
    outputs, ranked = _python(file, image)
    tolerance = TOLERANCE.get(file.stem, FLOAT32)
    numbers = page.numbers()
    for name, array in outputs.items():
        np.testing.assert_allclose(
            numbers["outputs"][name], array.ravel(), rtol=0, atol=tolerance * np.abs(array).max())
    assert [each["label"] for each in numbers["top"]] == [label for label, _ in ranked]
    seen = page.see("ranking").splitlines()
    assert seen[::2] == [label for label, _ in ranked]
    steepest = 0.5 * tolerance * max(float(np.abs(each).max()) for each in outputs.values())
    for text, (_, share) in zip(seen[1::2], ranked, strict=True):
        assert float(text.removesuffix(" %")) == pytest.approx(
            100 * share, abs=0.05 + 100 * steepest)


@pytest.mark.filterwarnings("ignore:a picture stored as RGB:UserWarning")
@pytest.mark.parametrize("channels", [3, 1])
def test_resizing_gives_the_bytes_of_pillow(node, tmp_path, channels):
    """Shrinking, growing, one axis only, equal sizes, and both sides of the order of the passes."""
    pytest.importorskip("PIL", minversion="13", reason="older Pillow is always horizontal first")
    wanted = {}
    for width, height in SIZES:
        name = f"{width}x{height}"
        (tmp_path / name).write_bytes(_pixels(width, height).tobytes())
        picture = _picture(tmp_path / f"{name}.png", width, height)
        wanted[name] = decode(picture, (43, 31), channels).tobytes()
    node("--input-type=module", "-e", """
        import {readFileSync, writeFileSync} from 'node:fs';
        import {fit} from './src/pixels.js';
        const [folder, channels, ...names] = process.argv.slice(1);
        for (const name of names) {
          const [width, height] = name.split('x').map(Number);
          const picture = {data: readFileSync(`${folder}/${name}`), width, height};
          writeFileSync(`${folder}/${name}`, fit(picture, [1, 43, 31, Number(channels)]));
        }""", tmp_path, channels, *wanted)
    for name, expected in wanted.items():
        assert (tmp_path / name).read_bytes() == expected, name


def test_the_parts_without_a_browser(node):
    assert "# fail 0" in node("--test", "--test-reporter=tap")


@pytest.mark.parametrize("precision", ["float32", "dynamic_wi8_afp32"])
@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_sees_what_python_sees(page, site, tmp_path, precision, suffix):
    picture = _picture(tmp_path / f"picture.{suffix}")
    page.open(f"{precision}.tflite")
    assert page.see("status") == f"The model {precision} is ready."
    assert "sha256, tensors, golden output" in page.see("facts")
    page.give("picture", picture)
    assert page.see("error") == ""
    assert "CPU (WebAssembly), median of 11 runs" in page.see("latency")
    _check_as_python(page, site / f"{precision}.tflite", picture)


@pytest.mark.parametrize("precision", ["float32", "dynamic_wi8_afp32"])
def test_sees_the_same_on_webgpu(gpu_page, site, tmp_path, precision):
    picture = _picture(tmp_path / "picture.png")
    gpu_page.open(f"{precision}.tflite")
    assert gpu_page.see("note") == ""
    gpu_page.give("picture", picture)
    assert "GPU (WebGPU), median of" in gpu_page.see("latency")
    _check_as_python(gpu_page, site / f"{precision}.tflite", picture)


@pytest.mark.filterwarnings("ignore:a picture stored as RGB:UserWarning")
def test_bytes_enter_webgpu_too(gpu_page, site, tmp_path):
    gpu_page.open("grey.tflite")
    assert gpu_page.see("note") == ""
    gpu_page.give("picture", _picture(tmp_path / "picture.png"))
    assert gpu_page.numbers()["processor"] == "webgpu"
    _check_as_python(gpu_page, site / "grey.tflite", tmp_path / "picture.png")


def test_the_processor_can_be_chosen(gpu_page, site, tmp_path):
    """The picture is classified again on the other one."""
    from selenium.webdriver.support.ui import Select

    picture = _picture(tmp_path / "picture.png")
    gpu_page.open("float32.tflite")
    gpu_page.give("picture", picture)
    assert gpu_page.numbers()["processor"] == "webgpu"
    Select(gpu_page.find("processor")).select_by_value("wasm")
    gpu_page.wait()
    assert gpu_page.numbers()["processor"] == "wasm"
    _check_as_python(gpu_page, site / "float32.tflite", picture)


def test_a_gpu_that_fails_leaves_the_work_to_the_cpu(gpu_page, site, tmp_path):
    """And the page says why."""
    picture = _picture(tmp_path / "picture.png")
    breaking = gpu_page.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {
        "source": "GPUBuffer.prototype.getMappedRange = function () {"
                  "return new ArrayBuffer(this.size); }"})
    try:
        gpu_page.open("float32.tflite")
    finally:
        gpu_page.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", breaking)
    assert gpu_page.see("note").startswith(
        "It runs on the CPU and not on the GPU. The file must give its golden output")
    assert gpu_page.find("processor").get_property("value") == "wasm"
    gpu_page.give("picture", picture)
    _check_as_python(gpu_page, site / "float32.tflite", picture)


def test_a_file_that_is_not_for_gpus_runs_on_the_cpu(gpu_page, site, tmp_path):
    """What its contract says is obeyed, though LiteRT.js would take the file."""
    file, other = site / "float32.tflite", site / "cpu_alone.tflite"
    contract = json.loads(beside(file).read_text(encoding="utf-8"))
    assert contract["processors"]["gpu"] == ["serving_default"]
    contract["processors"]["gpu"] = []
    other.write_bytes(file.read_bytes())
    beside(other).write_text(json.dumps(contract), encoding="utf-8")
    picture = _picture(tmp_path / "picture.png")
    gpu_page.open(other.name)
    assert gpu_page.see("note").startswith(
        "It runs on the CPU and not on the GPU. The contract must name the processor")
    gpu_page.give("picture", picture)
    assert gpu_page.numbers()["processor"] == "wasm"


@pytest.mark.filterwarnings("ignore:a picture stored as RGB:UserWarning")
def test_a_grey_model_of_bytes_without_attention(page, site, tmp_path):
    picture = _picture(tmp_path / "picture.png")
    page.open("grey.tflite")
    page.give("picture", picture)
    _check_as_python(page, site / "grey.tflite", picture)
    assert list(page.numbers()["outputs"]) == ["logits"]
    assert "seqattn export MODEL --attention" in page.see("blind")
    assert page.see("where") == ""
    assert not page.find("heat").is_displayed()


@pytest.mark.parametrize("name", ["softmax", "no_yes"])
def test_an_answer_is_what_the_contract_says(page, site, tmp_path, name):
    """No second softmax; one value is the probability of yes."""
    picture = _picture(tmp_path / "picture.png")
    page.open(f"{name}.tflite")
    page.give("picture", picture)
    _check_as_python(page, site / f"{name}.tflite", picture)
    values = page.numbers()["outputs"]["answer"]
    top = page.numbers()["top"][0]["probability"]
    assert top == pytest.approx(max(*values, 1 - values[0] if name == "no_yes" else 0), abs=1e-6)


@pytest.mark.parametrize(("mode", "suffix"), [("L", "png"), ("P", "gif"), ("LA", "png"),
                                              ("RGBA", "webp")])
@pytest.mark.filterwarnings("ignore:a picture stored as:UserWarning")
def test_pictures_stored_otherwise(page, site, tmp_path, mode, suffix):
    from PIL import Image

    picture = tmp_path / f"picture.{suffix}"
    stored = Image.fromarray(_pixels(97, 61)).convert(mode)
    if "A" in mode:
        stored.putalpha(Image.fromarray(255 * (_pixels(97, 61, 1)[..., 0] > 99).astype("uint8")))
    stored.save(picture, **({"lossless": True} if suffix == "webp" else {}))
    page.open("float32.tflite")
    page.give("picture", picture)
    _check_as_python(page, site / "float32.tflite", picture)


def test_colours_are_taken_as_they_are_stored(page, site, tmp_path):
    """A file may ask for another gamma; Python does not follow, and training did not."""
    from PIL.PngImagePlugin import PngInfo

    wish = PngInfo()
    wish.add(b"gAMA", (100_000).to_bytes(4, "big"))
    picture = _picture(tmp_path / "picture.png", pnginfo=wish)
    assert b"gAMA" in picture.read_bytes()
    page.open("float32.tflite")
    page.give("picture", picture)
    _check_as_python(page, site / "float32.tflite", picture)


def test_a_photo_taken_sideways_is_turned(page, site, tmp_path):
    """Cameras store how they were held; the page shows and classifies the upright picture."""
    from PIL import Image, ImageOps

    exif = Image.Exif()
    exif[0x0112] = 6
    sideways = _picture(tmp_path / "sideways.jpg", exif=exif)
    upright = tmp_path / "upright.png"
    ImageOps.exif_transpose(Image.open(sideways)).save(upright)
    page.open("float32.tflite")
    page.give("picture", sideways)
    _check_as_python(page, site / "float32.tflite", upright)


def test_a_picture_larger_than_the_page(page, site, tmp_path):
    """It is read in bands and shown smaller."""
    picture = _picture(tmp_path / "picture.jpg", 1301, 2017)
    page.open("float32.tflite")
    page.give("picture", picture)
    _check_as_python(page, site / "float32.tflite", picture)
    assert (page.find("seen").get_property("width"),
            page.find("seen").get_property("height")) == (660, 1024)


def test_attention_over_the_picture(page, tmp_path):
    """One cell per patch, lighter where the model attends more, blue to yellow."""
    page.open("float32.tflite")
    page.give("picture", _picture(tmp_path / "picture.png"))
    grid = np.array(page.numbers()["outputs"]["attention"]).reshape(7, 5)
    assert grid.sum() == pytest.approx(1, abs=1e-5)
    rgba = np.array(page.driver.execute_script(
        "const heat = document.getElementById('heat');"
        "return [...heat.getContext('2d').getImageData(0, 0, heat.width, heat.height).data]"))
    rgba = rgba.reshape(7, 5, 4)
    row, column = np.unravel_index(grid.argmax(), grid.shape)
    assert rgba[row, column].tolist() == [254, 232, 56, 255]
    light = rgba[..., :3] @ [0.2126, 0.7152, 0.0722]
    assert rgba.reshape(35, 4)[grid.argmin()].tolist() == [0, 34, 78, 255]
    order = grid.ravel().argsort()
    assert (np.diff(light.ravel()[order]) > -1).all()
    assert [page.see(each) for each in ("least", "most")] == [
        f"{100 * each:.1f} %" for each in (grid.min(), grid.max())]
    assert page.see("where") == (
        f"The largest share, {100 * grid.max():.1f} %, goes to row {row + 1} of 7, "
        f"column {column + 1} of 5.")
    box = [page.find(each).rect for each in ("seen", "heat")]
    assert box[0] == pytest.approx(box[1])
    page.find("overlay").click()
    assert not page.find("heat").is_displayed()


OF = {"attention": 0, "logits": 1}  # places of the outputs


def _change(contract, path, value):
    *parents, last = path
    for each in parents:
        contract = contract[each]
    contract[last] = value


@pytest.mark.parametrize(("path", "value", "rule"), [
    (["sha256"], "0" * 64, "The file must have the sha256 that its contract names"),
    (["inputs", 0, "dtype"], "uint8", "The tensors of the file must be those of its contract"),
    (["outputs", OF["logits"], "shape"], [1, 13], "The contract must name every class"),
    (["outputs", OF["attention"], "shape"], [1, 5, 7],
     "The tensors of the file must be those of its contract"),
    (["golden", "input_sha256"], "0" * 64, "The golden input must have the sha256"),
    (["golden", "outputs", "logits", 3], 9.0, "The file must give its golden output"),
    (["golden", "outputs", "attention", 3], 0.5, "The file must give its golden output"),
    (["golden"], None, "The contract must have a golden output"),
    (["format"], 3, "The contract must have format 1 or 2"),
    (["inputs", 0, "content"], "tensor", "The model must take one image"),
    (["outputs", OF["logits"], "content"], "features",
     "The model must have an output with classes"),
])
def test_a_broken_contract_is_never_ready(page, site, tmp_path, path, value, rule):
    contract = json.loads((site / "float32.tflite.json").read_text())
    _change(contract, path, value)
    name = f"broken_{'_'.join(map(str, path))}"
    (site / f"{name}.tflite").write_bytes((site / "float32.tflite").read_bytes())
    (site / f"{name}.tflite.json").write_text(json.dumps(contract))
    page.open(f"{name}.tflite")
    _check_error(page, rule)
    assert page.see("status") == "The model is not ready."
    page.give("picture", _picture(tmp_path / "picture.png"))
    assert page.see("result") == "No result."
    assert page.see("ranking") == ""


def _check_error(page, rule):
    error = page.see("error")
    assert error.startswith(rule)
    assert error.index(". Received: ") < error.index(". To fix: ")
    assert page.find("error").get_attribute("role") == "alert"


def test_files_that_are_no_model(page, site, tmp_path):
    page.open("nowhere.tflite")
    _check_error(page, "The model and its contract must lie beside this page")
    page.give("files", site / "float32.tflite")
    _check_error(page, "A model is two files, a .tflite and its contract, a .json")
    (tmp_path / "text.tflite").write_text("no flatbuffer at all")
    page.give("files", tmp_path / "text.tflite", site / "float32.tflite.json")
    _check_error(page, "The file must be a .tflite file, which has TFL3 in its bytes 4 to 7")
    (tmp_path / "text.tflite.json").write_text("{torn")
    page.give("files", site / "float32.tflite", tmp_path / "text.tflite.json")
    _check_error(page, "The contract must be JSON")


def test_a_model_that_passes_its_hash_but_is_torn(page, site, tmp_path):
    torn = (site / "float32.tflite").read_bytes()[:3_000]
    contract = json.loads((site / "float32.tflite.json").read_text())
    contract["sha256"] = hashlib.sha256(torn).hexdigest()
    (tmp_path / "torn.tflite").write_bytes(torn)
    (tmp_path / "torn.tflite.json").write_text(json.dumps(contract))
    page.open("float32.tflite")
    page.give("files", tmp_path / "torn.tflite", tmp_path / "torn.tflite.json")
    _check_error(page, "LiteRT.js must be able to run the file")
    page.give("files", site / "float32.tflite", site / "float32.tflite.json")
    assert page.see("error") == ""
    assert page.see("status") == "The model float32 is ready."


def test_a_page_that_is_served_in_part(page):
    tools = page.driver.execute_cdp_cmd
    tools("Network.enable", {})
    tools("Network.setBlockedURLs", {"urls": ["*litert_wasm*"]})
    try:
        page.open("float32.tflite")
    finally:
        tools("Network.setBlockedURLs", {"urls": []})
    _check_error(page, "LiteRT.js must lie beside this page, in litert/wasm")
    assert page.see("status") == "The model is not ready."


def test_an_own_model_replaces_the_first(page, site, tmp_path):
    picture = _picture(tmp_path / "picture.png")
    page.open("nowhere.tflite")
    page.give("picture", picture)
    file = site / "dynamic_wi8_afp32.tflite"
    page.give("files", beside(file), file)
    assert page.see("error") == ""
    _check_as_python(page, file, picture)


def test_a_picture_that_is_none(page, tmp_path):
    (tmp_path / "torn.png").write_bytes(_picture(tmp_path / "picture.png").read_bytes()[:99])
    page.open("float32.tflite")
    page.give("picture", tmp_path / "torn.png")
    _check_error(page, "The file must be a picture that this browser can read")
    assert "torn.png" in page.see("error")
    page.give("picture", tmp_path / "picture.png")
    assert page.see("error") == ""


def test_a_picture_can_be_dropped(page, site, tmp_path):
    picture = _picture(tmp_path / "picture.png")
    page.open("float32.tflite")
    page.driver.execute_script(
        "const bytes = Uint8Array.from(arguments[0]); const moved = new DataTransfer();"
        "moved.items.add(new File([bytes], 'picture.png', {type: 'image/png'}));"
        "document.body.dispatchEvent(new DragEvent('drop', {dataTransfer: moved, bubbles: true,"
        "cancelable: true}));", list(picture.read_bytes()))
    page.wait()
    _check_as_python(page, site / "float32.tflite", picture)


def test_the_keyboard_is_enough(page):
    """Tab reaches every control and shows where it is; Enter takes a picture, Space toggles."""
    from selenium.webdriver import ActionChains, Keys

    def press(key):
        ActionChains(page.driver).send_keys(key).perform()
        page.wait()

    def tab():
        """Goes one control on and returns its name, or nothing at the end of the page."""
        press(Keys.TAB)
        focus = page.driver.switch_to.active_element
        name = focus.get_attribute("id")
        if name:
            shown = focus if focus.get_attribute("class") != "pick" else (
                page.driver.find_element("css selector", f"label[for={name}]"))
            assert shown.value_of_css_property("outline-style") == "solid"
        return name

    def walk():
        """Tabs to the end of the page, then once around it."""
        return list(iter(tab, "")) and list(iter(tab, ""))

    def go(name):
        assert name in iter(tab, "")

    page.open("float32.tflite")
    assert list(iter(tab, "")) == ["picture", "camera", "files"]
    go("camera")
    press(Keys.ENTER)
    assert page.find("video").is_displayed()
    go("snap")
    press(Keys.ENTER)
    assert not page.find("video").is_displayed()
    assert page.see("result").endswith(" %")
    assert page.driver.switch_to.active_element.get_attribute("id") == "camera"
    assert walk() == ["picture", "camera", "overlay", "save", "files"]
    go("overlay")
    press(Keys.SPACE)
    assert not page.find("heat").is_displayed()


def test_results_and_states_are_announced(page):
    page.open("float32.tflite")
    for name in ("result", "status", "note"):
        assert page.find(name).get_attribute("role") == "status"


def test_off_localhost_the_page_says_what_it_cannot_do(page, untrusted_address, tmp_path):
    page.open("float32.tflite", untrusted_address)
    assert page.see("status") == "The model float32 is ready."
    assert "not the sha256" in page.see("facts")
    page.find("camera").click()
    page.wait()
    _check_error(page, "Browsers lend the camera to pages on https and localhost only")
    page.give("picture", _picture(tmp_path / "picture.png"))
    assert page.see("result").endswith(" %")


def test_no_request_leaves_this_machine(page, tmp_path):
    page.driver.get_log("performance")
    page.open("float32.tflite")
    page.give("picture", _picture(tmp_path / "picture.png"))
    messages = [json.loads(each["message"])["message"]
                for each in page.driver.get_log("performance")]
    addresses = [urllib.parse.urlsplit(each["params"]["request"]["url"]) for each in messages
                 if each["method"] == "Network.requestWillBeSent"]
    assert {each.path for each in addresses} >= {"/float32.tflite", "/float32.tflite.json"}
    assert {each.scheme for each in addresses} <= {"http", "blob", "data"}
    assert {each.hostname for each in addresses if each.scheme == "http"} == {"127.0.0.1"}


LUMINANCE = """
const channel = (c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
const light = (text) => {
  const [r, g, b] = text.match(/[\\d.]+/g).map(Number);
  return 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
};
const ground = (element) => {
  const colour = getComputedStyle(element).backgroundColor;
  return colour === 'rgba(0, 0, 0, 0)' ? ground(element.parentElement) : colour;
};
const texts = [...document.body.querySelectorAll('*')].filter((each) => each.checkVisibility()
  && [...each.childNodes].some((child) => child.nodeType === 3 && child.data.trim()));
return texts.map((each) => {
  const [a, b] = [light(getComputedStyle(each).color), light(ground(each))];
  return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), each.outerHTML];
});
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(360, 740), (1280, 800)])
def test_readable_on_phone_and_desk(page, tmp_path, scheme, width, height):
    """No scrolling sideways, whatever the labels; contrast of 4.5 at least (WCAG 2.2, 1.4.3)."""
    tools = page.driver.execute_cdp_cmd
    tools("Emulation.setDeviceMetricsOverride", {
        "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500})
    tools("Emulation.setEmulatedMedia", {
        "features": [{"name": "prefers-color-scheme", "value": scheme}]})
    try:
        page.open("float32.tflite")
        page.give("picture", _picture(tmp_path / "picture.jpg", 640, 480))
        page.driver.execute_script(
            "document.getElementById('error').textContent = 'Wrong. Received: x=' + 'y'.repeat(99);"
            "document.getElementById('error').hidden = false;")
        assert page.driver.execute_script(
            "return document.documentElement.scrollWidth") <= width
        contrasts = page.driver.execute_script(LUMINANCE)
        assert len(contrasts) > 20
        assert [each for each in contrasts if each[0] < 4.5] == []
    finally:
        tools("Emulation.clearDeviceMetricsOverride", {})
        tools("Emulation.setEmulatedMedia", {"features": []})
