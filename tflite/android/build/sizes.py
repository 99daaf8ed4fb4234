"""Writes out/sizes.txt: what each APK weighs, by part. `--write` puts it into README.md too."""

import pathlib
import re
import sys
import zipfile
from collections.abc import Iterable

ANDROID = pathlib.Path(__file__).parents[1]
OUT = ANDROID / "out"
BEGIN, END = "<!-- sizes:begin, written by build/sizes.py -->", "<!-- sizes:end -->"
APKS = {"arm64-v8a": "app-arm64-v8a.apk", "x86_64": "app-x86_64.apk", "both": "app.apk"}
PARTS = ("code", "TensorFlow Lite", "resources", "models", "index, signature")
LIMIT = 5_000_000
"""Bytes of the APK for arm64 less its models."""


def parts(apk: pathlib.Path) -> dict[str, int]:
    """Bytes of an APK by part, as they are packed."""
    found = dict.fromkeys(PARTS, 0)
    with zipfile.ZipFile(apk) as archive:
        for member in archive.infolist():
            found[_part(member.filename)] += member.compress_size
    found["index, signature"] += apk.stat().st_size - sum(found.values())
    return found


def _part(name: str) -> str:
    if name.endswith(".dex"):
        return "code"
    if name.startswith("lib/"):
        return "TensorFlow Lite"
    if name.startswith("assets/models/"):
        return "models"
    return "index, signature" if name.startswith("META-INF/") else "resources"


def table(apks: dict[str, dict[str, int]]) -> str:
    """Markdown; sizes in MB of 10⁶ bytes."""
    whole = [sum(each.values()) for each in apks.values()]
    rows = [_row("MB", apks), "|---|" + "---:|" * len(apks)]
    rows += [_row(part, (_mb(each[part]) for each in apks.values())) for part in PARTS]
    rows.append(_row("**APK**", (f"**{_mb(size)}**" for size in whole)))
    bare = [sum(each.values()) - each["models"] for each in apks.values()]
    rows.append(_row("less its models", map(_mb, bare)))
    return "\n".join(rows)


def _row(name: str, cells: Iterable[str]) -> str:
    return f"| {name} | " + " | ".join(cells) + " |"


def _mb(size: int) -> str:
    return f"{size / 1e6:.2f}"


def write(text: str, path: pathlib.Path) -> None:
    """Puts the table between the marks of a page."""
    page = path.read_text()
    marked = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
    if len(marked.findall(page)) != 1:
        raise ValueError(f"The page must have the marks once. Received: {path}. "
                         f"To fix: add the lines {BEGIN} and {END}.")
    path.write_text(marked.sub(lambda _: f"{BEGIN}\n{text}\n{END}", page))


def main() -> None:
    apks = {abi: parts(OUT / name) for abi, name in APKS.items()}
    text = table(apks)
    (OUT / "sizes.txt").write_text(text + "\n")
    print(text)
    if "--write" in sys.argv[1:]:
        write(text, ANDROID / "README.md")
    bare = sum(apks["arm64-v8a"].values()) - apks["arm64-v8a"]["models"]
    if bare > LIMIT:
        sys.exit(f"The APK for arm64 must be at most {LIMIT} bytes less its models. "
                 f"Received: {bare}. To fix: see in the table which part grew.")


if __name__ == "__main__":
    main()
