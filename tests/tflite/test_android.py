"""What holds of the phone's build without Java: settings agree, and where things come from."""

import pathlib
import re
import sys
import xml.etree.ElementTree as ElementTree

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ANDROID = pathlib.Path(__file__).parents[2] / "tflite" / "android"
NAME = "{http://schemas.android.com/apk/res/android}"
MAVEN = "{http://maven.apache.org/POM/4.0.0}"
APP = ANDROID / "app" / "src" / "main"


@pytest.fixture(scope="module")
def catalogue():
    return tomllib.loads((ANDROID / "gradle" / "libs.versions.toml").read_text())


@pytest.fixture(scope="module")
def jars():
    """Versions by group and artefact, of what build/pom.xml names."""
    found = {}
    for each in _xml(ANDROID / "build" / "pom.xml").iter(f"{MAVEN}dependency"):
        key = tuple(each.findtext(f"{MAVEN}{part}") for part in ("groupId", "artifactId"))
        found.setdefault(key, set()).add(each.findtext(f"{MAVEN}version"))
    return found


@pytest.fixture(scope="module")
def manifest():
    return _xml(APP / "AndroidManifest.xml")


def _xml(path):
    return ElementTree.parse(path).getroot()  # noqa: S314 – the project's own files


def _setting(module, name):
    script = (ANDROID / module / "build.gradle.kts").read_text()
    return re.findall(rf"\b{name} *= *\"?([^\"\s}}]+)", script)


def test_each_reference_of_the_catalogue_names_a_version(catalogue):
    entries = [*catalogue["libraries"].values(), *catalogue["plugins"].values()]
    assert {each["version"]["ref"] for each in entries} == set(catalogue["versions"])


def test_scripts_name_what_the_catalogue_has(catalogue):
    named = {"plugins": set(), "libraries": set()}
    for script in [ANDROID / "build.gradle.kts", *ANDROID.glob("*/build.gradle.kts")]:
        for alias in re.findall(r"\blibs\.([\w.]+)", script.read_text()):
            kind = "plugins" if alias.startswith("plugins.") else "libraries"
            named[kind].add(alias.removeprefix("plugins.").replace(".", "-"))
    assert named == {kind: set(catalogue[kind]) for kind in named}


def test_the_blocks_are_checked_against_the_version_that_gradle_takes(catalogue, jars):
    assert jars["com.android.tools.build", "gradle-api"] == {catalogue["versions"]["agp"]}


def test_each_artefact_has_one_version(jars):
    assert [key for key, versions in jars.items() if len(versions) > 1] == []


def test_the_build_takes_from_maven_central_alone():
    pom = _xml(ANDROID / "build" / "pom.xml")
    assert [each for each in pom.iter() if "epositor" in each.tag] == []
    scripts = [path.read_text() for path in (ANDROID / "build").rglob("*.sh")]
    assert scripts
    assert [text for text in scripts if re.search(r"google|https?://|curl|wget", text)] == []


def test_library_and_app_are_made_for_the_same_phones():
    assert _setting("app", "minSdk") == _setting("library", "minSdk") != []
    assert _setting("app", "compileSdk") == _setting("library", "compileSdk") != []
    assert _setting("app", "targetSdk") == _setting("app", "compileSdk")


def test_settings_that_the_build_reads_stand_once():
    for name in ("namespace", "applicationId", "minSdk", "targetSdk", "versionCode", "versionName"):
        assert len(_setting("app", name)) == 1, name


def test_the_app_asks_for_no_permission(manifest):
    assert [each.tag for each in manifest if each.tag.startswith("uses-permission")] == []


def test_only_what_others_start_is_exported(manifest):
    components = [each for each in manifest.iter()
                  if each.tag in ("activity", "service", "receiver", "provider")]
    assert components
    for each in components:
        started = each.find("intent-filter") is not None
        assert (each.get(f"{NAME}exported") == "true") == started, each.get(f"{NAME}name")


def test_the_manifest_leaves_to_gradle_what_gradle_writes(manifest):
    application = manifest.find("application")
    assert manifest.get("package") is None
    assert application.get(f"{NAME}debuggable") is None
    assert application.get(f"{NAME}extractNativeLibs") is None


def test_each_line_of_newer_apis_has_a_level_beyond_the_signature(jars):
    signature = next(name for group, name in jars if group == "com.toasttab.android")
    lines = [line for line in (ANDROID / "build" / "api" / "newer.txt").read_text().splitlines()
             if not line.startswith("#")]
    assert lines
    names = [line.split(" ", 1)[1] for line in lines]
    assert names == sorted(set(names))
    known, latest = int(signature.rsplit("-", 1)[1]), int(_setting("app", "compileSdk")[0])
    assert all(known < int(line.split(" ", 1)[0]) <= latest for line in lines)


def test_no_android_type_is_in_the_core():
    core = [path for folder in ("main", "bytedeco", "litert")
            for path in (ANDROID / "library" / "src" / folder).rglob("*.kt")
            if path.parent.name != "android"]
    assert core
    assert [path.name for path in core
            if re.search(r"^import android\.", path.read_text(), re.MULTILINE)] == []


def test_the_sizes_are_written_between_the_marks():
    page = (ANDROID / "README.md").read_text()
    written = re.search(r"<!-- sizes:begin.*?-->\n(.*?)\n<!-- sizes:end -->", page, re.DOTALL)
    cells = re.findall(r"less its models \| ([\d.]+)", written[1])
    assert len(cells) == 1
    assert float(cells[0]) <= 5
