"""What each runtime does with each precision: a small ViT, opened and run.

    python benchmarks/runtimes.py [--python PYTHON …] [--write]

A row is a precision, a column a runtime. A cell is the root mean square of the difference from the
float32 file's output under Python's Interpreter, as a share of that output. `refused` is an error,
`ends the process` worse, and `–` a runtime that is not installed here. PYTHON is the interpreter of
an environment with an older tflite-runtime, TensorFlow or ai-edge-litert. Each gets a column, and
is asked whether it takes what `runtimes.minimum` promises. The runtimes of the phone's library run
on the JVM, after `tflite/android/build/compile.sh` and `test.sh`. `GPU` is LiteRT's accelerator, on
a card or on SwiftShader, which takes a file whole or refuses it. `--write` puts the table into
`tflite/README.md`, where cells of runtimes that are not installed here stay as they were.
"""

import argparse
import contextlib
import functools
import http.server
import importlib.util
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import xml.etree.ElementTree as ET

import numpy as np

ROOT = pathlib.Path(__file__).parents[1]
README, WEB = ROOT / "tflite" / "README.md", ROOT / "tflite" / "web"
ANDROID = ROOT / "tflite" / "android"
BEGIN, END = "<!-- runtimes:begin, written by benchmarks/runtimes.py -->", "<!-- runtimes:end -->"
SHAPE, LABELS, INPUT = (24, 16, 3), ("a", "b", "c", "d", "e"), "images"
REFUSED, DIED, ABSENT = "refused", "ends the process", "–"
SECONDS = 60
REFUSES, ABORTS = 3, -6  # exit statuses of RunFile.java and of a JVM that a library ended
IN_BROWSER = """
const [name, input, shape, done] = arguments;
(async () => {
  const {loadAndCompile, loadLiteRt, Tensor} = await import('./litert/core.js');
  await loadLiteRt('litert/wasm/');
  const model = await loadAndCompile(name, {accelerator: 'wasm'});
  const [output] = Object.values(await model.run({images: new Tensor(
    Float32Array.from(input), shape)}));
  return Array.from(await output.data());
})().then(done, (error) => done(String(error)));
"""


# What runs in a process of its own: the file, the input's and the output's path as arguments.


def interpreter(file, image):
    """Python's Interpreter, of whatever package this environment has."""
    for name in ("ai_edge_litert.interpreter", "tflite_runtime.interpreter",
                 "tensorflow.lite.python.interpreter"):
        with contextlib.suppress(ModuleNotFoundError):
            module = importlib.import_module(name)
            break
    run = module.Interpreter(model_path=str(file), num_threads=2).get_signature_runner()
    return next(iter(run(**{INPUT: image}).values()))


def compiled_model(file, image):
    """LiteRT's CompiledModel on the CPU."""
    from ai_edge_litert.compiled_model import CompiledModel

    model = CompiledModel.from_file(str(file))
    (signature, names), = model.get_signature_list().items()
    given = model.create_input_buffer_by_name(signature, INPUT)
    given.write(image)
    made = model.create_output_buffer_by_name(signature, names["outputs"][0])
    model.run_by_name(signature, {INPUT: given}, {names["outputs"][0]: made})
    return made.read(len(LABELS), np.float32)


def mediapipe(file, image):
    """MediaPipe Tasks' classifier, whose scores are the file's outputs."""
    from mediapipe import Image, ImageFormat
    from mediapipe.tasks.python import BaseOptions, vision

    options = vision.ImageClassifierOptions(base_options=BaseOptions(model_asset_path=str(file)))
    pixels = np.rint(image[0] * 127.5 + 127.5).astype("uint8")
    with vision.ImageClassifier.create_from_options(options) as classifier:
        found = classifier.classify(Image(image_format=ImageFormat.SRGB, data=pixels))
    scores = {each.category_name: each.score for each in found.classifications[0].categories}
    return np.array([scores[label] for label in LABELS], "float32")


ALONE = {each.__name__: each for each in (interpreter, compiled_model, mediapipe)}


def alone(runtime, python, file, image, folder):
    """Runs a file in a process of its own, under a name of `ALONE`."""
    given, made = folder / "input.npy", folder / "output.npy"
    np.save(given, image)
    made.unlink(missing_ok=True)
    done = subprocess.run(
        [python, __file__, "--one", runtime, str(file), str(given), str(made)],
        capture_output=True, text=True, check=False, timeout=SECONDS, env=_quiet())
    if made.exists():
        return np.load(made)
    return DIED if done.returncode < 0 else REFUSED


def on_gpu(file, image, folder):
    """LiteRT's GPU accelerator, which takes the file whole or is said to refuse it."""
    from keras_seqattn.edge.run import accelerators, gpu
    from keras_seqattn.edge.tflite import reader

    try:
        driver = accelerators.driver()
    except ValueError:
        return ABSENT
    signature, = reader.read(file).signatures
    ran = gpu.run(file, signature.name, {INPUT: image[None]}, driver)
    if ran.whole:
        return next(iter(ran.outputs.values()))
    return DIED if any(DIED in reason for reason in ran.refused) else REFUSED


def on_jvm():
    """Name of each runtime of the phone's library to what runs it on the JVM."""
    pom, space = ET.parse(ANDROID / "build" / "pom.xml"), "{http://maven.apache.org/POM/4.0.0}"  # noqa: S314
    releases = {
        (each.findtext(f"{space}groupId"), each.findtext(f"{space}artifactId")):
            each.findtext(f"{space}version", "").partition("-")[0]
        for each in pom.iter(f"{space}dependency")}
    return {
        f"bytedeco {releases['org.bytedeco', 'tensorflow-lite']}":
            functools.partial(_on_jvm, "TfLiteRuntimes"),
        f"AAR {releases['org.tensorflow', 'tensorflow-lite']}":
            functools.partial(_on_jvm, "LiteRtRuntimes")}


def _on_jvm(runtimes, file, image, folder):
    out = ANDROID / "out"
    classes = [out / "test" / "tests.jar", out / "classes.jar"]
    if not (shutil.which("java") and all(each.exists() for each in classes)):
        return ABSENT
    libraries = [each for name in ("org.bytedeco.*", "org.tensorflow.*", "org.jetbrains.kotlin.*")
                 for each in (out / "jars").glob(f"{name}.jar")]
    given, made = folder / "input", folder / "output"
    given.write_bytes(image.tobytes())
    made.unlink(missing_ok=True)
    done = subprocess.run(
        ["java", f"-Djava.library.path={out / 'bionic'}",  # noqa: S607
         "-cp", os.pathsep.join(map(str, [*classes, *libraries])),
         str(ANDROID / "build" / "RunFile.java"), runtimes, str(file), str(given), str(made)],
        capture_output=True, text=True, check=False, timeout=SECONDS)
    if done.returncode == REFUSES:
        return REFUSED
    if done.returncode not in (0, ABORTS):
        raise RuntimeError(done.stderr)
    return np.fromfile(made, "float32") if made.exists() else DIED


def _quiet():
    return {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}


@contextlib.contextmanager
def browser(folder):
    """Yields a function from a file and an image to LiteRT.js's output, or `None` without it."""
    binary, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (binary and driver and shutil.which("node") and (WEB / "node_modules").is_dir()
            and importlib.util.find_spec("selenium")):
        yield None
        return
    from selenium import webdriver

    subprocess.run(["node", "build.js", str(folder)], cwd=WEB, check=True)  # noqa: S607
    (folder / "blank.html").write_text("<!doctype html>", encoding="utf-8")
    handler = functools.partial(_Handler, directory=str(folder))
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for flag in ("headless=new", "no-proxy-server", "disable-dev-shm-usage",
                 *(["no-sandbox"] if os.geteuid() == 0 else [])):
        options.add_argument(f"--{flag}")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server, webdriver.Chrome(
            options, webdriver.ChromeService(driver)) as started:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        started.set_script_timeout(SECONDS)

        def run(file, image):
            shutil.copy(file, folder)
            started.get(f"http://127.0.0.1:{server.server_port}/blank.html")
            answer = started.execute_async_script(
                IN_BROWSER, file.name, image.ravel().tolist(), list(image.shape))
            return REFUSED if isinstance(answer, str) else np.array(answer, "float32")

        yield run
        server.shutdown()


class _Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        """Says nothing."""


def export(folder, precisions):
    """Path of a small ViT's file in each precision, and the image that they are run on."""
    import keras

    from keras_seqattn import edge, models

    keras.utils.set_random_seed(3)
    model = models.vit("nano", 8, SHAPE, len(LABELS), num_layers=2, num_heads=2, embed_dim=64,
                       mlp_dim=128, stem="conv")
    draw = np.random.default_rng(5)
    model.set_weights([
        np.ones(each.shape) if each.name == "gamma" else
        draw.normal(scale=1 / np.sqrt(np.prod(each.shape[:-1]) or 1), size=each.shape)
        for each in model.weights])
    images = draw.uniform(-1, 1, size=(64, *SHAPE)).astype("float32")
    files = {precision: folder / f"{precision}.tflite" for precision in precisions}
    for precision, file in files.items():
        edge.export(model, file, precision, calibration=images, labels=LABELS)
    return files, (np.rint(images[:1] * 127.5) / 127.5).astype("float32")


def measure(files, image, pythons=()):
    """Cell of each precision and runtime, as a dictionary of dictionaries."""
    columns = {"Interpreter": functools.partial(alone, "interpreter", sys.executable),
               "CompiledModel": functools.partial(alone, "compiled_model", sys.executable),
               "GPU": on_gpu}
    if importlib.util.find_spec("mediapipe"):
        columns["MediaPipe"] = functools.partial(alone, "mediapipe", sys.executable)
    columns |= {version(python): functools.partial(alone, "interpreter", python)
                for python in pythons}
    columns |= on_jvm()
    with tempfile.TemporaryDirectory() as folder, browser(pathlib.Path(folder)) as in_browser:
        truth = alone("interpreter", sys.executable, files["float32"], image,
                      pathlib.Path(folder)).ravel()
        rows = {}
        for precision, file in files.items():
            row = {name: run(file, image, pathlib.Path(folder)) for name, run in columns.items()}
            row["LiteRT.js"] = ABSENT if in_browser is None else in_browser(file, image)
            row.setdefault("MediaPipe", ABSENT)
            rows[precision] = {name: _cell(each, truth) for name, each in row.items()}
    return rows


def version(python):
    """Package and release that a Python has."""
    said = subprocess.run([python, "-m", "pip", "list", "--format=json"],
                          capture_output=True, text=True, check=True).stdout
    found = {each["name"].replace("_", "-"): each["version"] for each in json.loads(said)}
    return next(f"{name} {found[name]}" for name in (
        "ai-edge-litert", "tflite-runtime", "tensorflow") if name in found)


def _cell(found, truth):
    if isinstance(found, str):
        return found
    error = found.ravel() - truth
    if not np.isfinite(error).all():
        return "NaN"
    return f"{np.sqrt(np.mean(error ** 2) / np.mean(truth ** 2)):.0e}"


def merged(rows, text):
    """Rows with the cells of an earlier table in place of runtimes that are not installed here."""
    (_, _, *names), *lines = [
        [cell.strip(" `") for cell in line.strip().strip("|").split("|")]
        for line in text.splitlines() if line.startswith("|")] or [("", "")]
    old = {precision: dict(zip(names, cells, strict=True)) for precision, _, *cells in lines[1:]}
    return {precision: {**old.get(precision, {}), **{
        name: cell for name, cell in row.items()
        if cell != ABSENT or name not in old.get(precision, {})}}
        for precision, row in rows.items()}


def table(rows, files):
    """The table in Markdown."""
    from keras_seqattn.edge.tflite import runtimes

    names = list(next(iter(rows.values())))
    lines = [f"| precision | oldest TensorFlow Lite | {' | '.join(names)} |",
             "|" + "---|" * (2 + len(names))]
    lines += [f"| `{precision}` | {runtimes.minimum(files[precision])} "
              f"| {' | '.join(row[name] for name in names)} |" for precision, row in rows.items()]
    return "\n".join(lines)


def write(rows, files):
    """Puts the table into the README between its two marks."""
    before, rest = README.read_text(encoding="utf-8").split(BEGIN)
    earlier, after = rest.split(END)
    text = table(merged(rows, earlier), files)
    README.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")


def main():
    """Measures and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", nargs="*", default=[])
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--one", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        runtime, file, given, made = options.one
        np.save(made, ALONE[runtime](file, np.load(given)))
        return
    from keras_seqattn.edge.precisions import PRECISIONS

    with tempfile.TemporaryDirectory() as folder:
        files, image = export(pathlib.Path(folder), PRECISIONS)
        rows = measure(files, image, options.python)
        print(table(rows, files))
        if options.write:
            write(rows, files)


if __name__ == "__main__":
    main()
