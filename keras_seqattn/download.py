"""Files from the web: continued after a cut, checked before they get their name."""

import contextlib
import hashlib
import http.client
import os
import pathlib
import shutil
import urllib.error
import urllib.parse
import urllib.request

from keras_seqattn.errors import explain
from keras_seqattn.files import whole

ATTEMPTS = 3
TIMEOUT_S = 30.0


def fetch(url: str, file: os.PathLike | str, sha256: str | None = None) -> pathlib.Path:
    """Downloads a file, unless it is there with the expected hash.

    A connection that is cut is made again, up to `ATTEMPTS` times, and goes on where it ended.
    With a `sha256`, what came before the last cut stays beside `file` with the suffix `.part`.
    The next call goes on from there.

    Several processes may download the same file at once:

    - One of them takes the part over by renaming it.
    - Each writes a file of its own.
    - The last to finish gives the file its name.

    Args:
        url: Address, `http://` or `https://`. No redirect leads to another scheme.
        file: Path to write. The file is never seen half written.
        sha256: Expected hash of the content, 64 hexadecimal digits. Without it nothing is checked,
            and an earlier file or part is never trusted.

    Returns:
        `file` as `pathlib.Path`.

    Raises:
        ValueError: `url` has another scheme.
        ValueError: the server refuses the file.
        ValueError: the content has another hash.
        ValueError: the folder cannot be written.
        ConnectionError: the server cannot be reached, or every attempt was cut.
    """
    file = pathlib.Path(file)
    if not is_url(url):
        raise ValueError(explain(
            "`url` must begin with http:// or https://", url=str(url), fix="pass such an address"))
    if sha256 is None:
        with whole(file) as scratch:
            _receive(url, scratch)
    elif not (file.is_file() and digest(file) == sha256.lower()):
        with whole(file) as scratch:
            # Named after the hash, so that parts of two versions are never put together.
            with _continued(file.with_name(f"{file.name}.{sha256[:8].lower()}.part"), scratch):
                _receive(url, scratch)
            check(scratch, sha256, url)
    return file


def cached(url: str, sha256: str | None = None) -> pathlib.Path:
    """Downloads a file into the user's cache, as `fetch` does.

    Args:
        url: As for `fetch`.
        sha256: As for `fetch`.

    Returns:
        `pathlib.Path`, named after the address, with its suffix.

    Raises:
        ValueError: as for `fetch`.
        ConnectionError: as for `fetch`.
    """
    address = hashlib.sha256(url.encode()).hexdigest()
    suffix = pathlib.PurePosixPath(urllib.parse.urlsplit(url).path).suffix
    return fetch(url, cache() / "urls" / address[:16] / f"file{suffix}", sha256)


def cache() -> pathlib.Path:
    """Returns the folder for downloads.

    It is `KERAS_SEQATTN_CACHE`, or `keras_seqattn` in the user's cache.
    """
    chosen = os.environ.get("KERAS_SEQATTN_CACHE")
    usual = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return pathlib.Path(chosen or f"{usual}/keras_seqattn").expanduser()


def is_url(text: object) -> bool:
    """Whether a text is an address that `fetch` takes.

    >>> is_url("https://example.org/vit.keras"), is_url("file:///vit.keras"), is_url("vit")
    (True, False, False)
    """
    return str(text).lower().startswith(("http://", "https://"))


def digest(file: os.PathLike | str) -> str:
    """Returns the SHA-256 of a file's content as 64 hexadecimal digits."""
    return hashlib.sha256(pathlib.Path(file).read_bytes()).hexdigest()


def check(file: os.PathLike | str, sha256: str, source: object) -> None:
    """Raises `ValueError` unless a file has the expected hash.

    Args:
        file: Path of the file.
        sha256: Expected hash, 64 hexadecimal digits.
        source: Where the file came from, for the error.
    """
    received = digest(file)
    if received != sha256.lower():
        raise ValueError(explain(
            "the content must have the expected `sha256`", source=str(source), sha256=sha256,
            received=received, fix="compare the hash with the one that the publisher gives. If "
            "the model is one of keras_seqattn's own, update keras_seqattn. Else try again"))


@contextlib.contextmanager
def _continued(part, scratch):
    with contextlib.suppress(FileNotFoundError):
        os.replace(part, scratch)
    try:
        yield
    except BaseException:
        if scratch.exists():
            os.replace(scratch, part)
        raise


def _receive(url, file):
    failure: Exception | None = None
    for _ in range(ATTEMPTS):
        try:
            return _append(url, file)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
                file.unlink(missing_ok=True)
            elif error.code < 500:
                raise ValueError(explain(
                    "the server must give the file out", url=url,
                    status=f"{error.code} {error.reason}", fix="check the address")) from error
            failure = error
        # urllib raises ValueError for an address that it cannot parse.
        except (OSError, http.client.HTTPException, ValueError) as error:
            failure = error
    raise ConnectionError(explain(
        "the file must arrive whole", url=url, bytes=file.stat().st_size if file.exists() else 0,
        error=str(failure), fix="check address and connection, then call again. Where the hash is "
        "known, the next call goes on after these bytes")) from failure


def _append(url, file):
    start = file.stat().st_size if file.exists() else 0
    headers = {"Range": f"bytes={start}-"} if start else {}
    request = urllib.request.Request(url, headers=headers)  # noqa: S310
    opener = urllib.request.build_opener(_WebOnly)
    with opener.open(request, timeout=TIMEOUT_S) as response:
        if response.status != http.client.PARTIAL_CONTENT:
            start = 0
        with open(file, "ab" if start else "wb") as out:
            shutil.copyfileobj(response, out)
        length = response.headers["Content-Length"]
    if length is not None and file.stat().st_size < start + int(length):
        raise ConnectionError(f"the connection was cut before byte {start + int(length)}")


class _WebOnly(urllib.request.HTTPRedirectHandler):
    """Follows redirects to the web alone. The usual handler also follows those to FTP."""

    def redirect_request(self, request, file, code, reason, headers, url):
        if not is_url(url):
            raise urllib.error.HTTPError(
                request.full_url, code, f"{reason}: {url}", headers, file)
        return super().redirect_request(request, file, code, reason, headers, url)
