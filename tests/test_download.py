"""`keras_seqattn.download`."""

import concurrent.futures
import hashlib
import shutil
import threading

import pytest

from keras_seqattn.download import ATTEMPTS, fetch
from keras_seqattn.testing import check_error

CONTENT = bytes(range(211)) * 13
SHA256 = hashlib.sha256(CONTENT).hexdigest()
PART = f"vit.keras.{SHA256[:8]}.part"


@pytest.fixture
def url(server):
    server.files["/vit.keras"] = CONTENT
    return f"{server.url}/vit.keras"


def _names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("sha256", [None, SHA256, SHA256.upper()])
def test_a_file_arrives_whole_and_alone(url, server, tmp_path, sha256):
    assert fetch(url, tmp_path / "vit.keras", sha256) == tmp_path / "vit.keras"
    assert (tmp_path / "vit.keras").read_bytes() == CONTENT
    assert _names(tmp_path) == ["vit.keras"]
    assert server.requests == [("/vit.keras", None, 200, len(CONTENT))]


def test_a_cut_download_goes_on_by_itself(url, server, tmp_path):
    server.faults = [101, 17]
    fetch(url, tmp_path / "vit.keras", SHA256)
    assert (tmp_path / "vit.keras").read_bytes() == CONTENT
    assert server.requests == [
        ("/vit.keras", None, 200, 101), ("/vit.keras", "bytes=101-", 206, 17),
        ("/vit.keras", "bytes=118-", 206, len(CONTENT) - 118)]


def test_the_next_call_goes_on_where_the_last_was_cut(url, server, tmp_path):
    server.faults = [101, 17, 5]
    check_error(lambda: fetch(url, tmp_path / "vit.keras", SHA256), ConnectionError, url=url,
                bytes=123, error=f"the connection was cut before byte {len(CONTENT)}")
    assert len(server.requests) == ATTEMPTS
    assert _names(tmp_path) == [PART]
    assert (tmp_path / PART).read_bytes() == CONTENT[:123]
    fetch(url, tmp_path / "vit.keras", SHA256)
    assert server.requests[-1] == ("/vit.keras", "bytes=123-", 206, len(CONTENT) - 123)
    assert (tmp_path / "vit.keras").read_bytes() == CONTENT
    assert _names(tmp_path) == ["vit.keras"]


def test_a_stop_by_hand_keeps_what_came(url, tmp_path, monkeypatch):
    def stop(source, target):
        target.write(source.read(19))
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copyfileobj", stop)
        with pytest.raises(KeyboardInterrupt):
            fetch(url, tmp_path / "vit.keras", SHA256)
    assert (tmp_path / PART).read_bytes() == CONTENT[:19]


def test_a_server_that_ignores_ranges_is_read_from_the_start(url, server, tmp_path):
    server.knows_range = False
    (tmp_path / PART).write_bytes(CONTENT[:101])
    fetch(url, tmp_path / "vit.keras", SHA256)
    assert server.requests == [("/vit.keras", "bytes=101-", 200, len(CONTENT))]
    assert (tmp_path / "vit.keras").read_bytes() == CONTENT


def test_a_part_that_is_too_long_starts_again(url, server, tmp_path):
    (tmp_path / PART).write_bytes(CONTENT + b"more")
    fetch(url, tmp_path / "vit.keras", SHA256)
    assert [status for _, _, status, _ in server.requests] == [416, 200]
    assert (tmp_path / "vit.keras").read_bytes() == CONTENT


def test_a_part_of_another_version_is_left_alone(url, server, tmp_path):
    server.faults = [101] * ATTEMPTS
    check_error(lambda: fetch(url, tmp_path / "vit.keras", SHA256), ConnectionError)
    server.files["/vit.keras"] = CONTENT[::-1]
    fetch(url, tmp_path / "vit.keras", hashlib.sha256(CONTENT[::-1]).hexdigest())
    assert server.requests[-1] == ("/vit.keras", None, 200, len(CONTENT))


def test_another_content_is_refused_and_removed(url, server, tmp_path):
    (tmp_path / PART).write_bytes(b"not the beginning")
    check_error(lambda: fetch(url, tmp_path / "vit.keras", SHA256), source=url, sha256=SHA256,
                received=hashlib.sha256(b"not the beginning" + CONTENT[17:]).hexdigest())
    assert _names(tmp_path) == []


def test_a_file_with_the_right_hash_is_not_asked_for(url, server, tmp_path):
    for _ in range(2):
        fetch(url, tmp_path / "vit.keras", SHA256)
    assert len(server.requests) == 1


def test_a_file_with_a_wrong_hash_is_replaced(url, tmp_path):
    (tmp_path / "vit.keras").write_bytes(CONTENT[:-1] + b"x")
    fetch(url, tmp_path / "vit.keras", SHA256)
    assert (tmp_path / "vit.keras").read_bytes() == CONTENT


def test_without_a_hash_nothing_earlier_is_trusted(url, server, tmp_path):
    (tmp_path / "vit.keras").write_bytes(b"old")
    server.faults = [101] * ATTEMPTS
    check_error(lambda: fetch(url, tmp_path / "vit.keras"), ConnectionError, bytes=303)
    assert _names(tmp_path) == ["vit.keras"]
    fetch(url, tmp_path / "vit.keras")
    assert server.requests[-1] == ("/vit.keras", None, 200, len(CONTENT))
    assert (tmp_path / "vit.keras").read_bytes() == CONTENT


def test_processes_that_meet_do_not_share_a_part(url, server, tmp_path):
    (tmp_path / PART).write_bytes(CONTENT[:101])
    server.meet = threading.Barrier(2, timeout=30).wait
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for call in [pool.submit(fetch, url, tmp_path / "vit.keras", SHA256) for _ in range(2)]:
            assert call.result().read_bytes() == CONTENT
    assert {asked for _, asked, _, _ in server.requests} == {None, "bytes=101-"}
    assert _names(tmp_path) == ["vit.keras"]


def test_a_busy_server_is_asked_again(url, server, tmp_path):
    server.faults = ["503"]
    assert fetch(url, tmp_path / "vit.keras", SHA256).read_bytes() == CONTENT


def test_a_file_that_is_not_there_is_asked_for_once(server, tmp_path):
    check_error(lambda: fetch(f"{server.url}/cat.keras", tmp_path / "cat.keras", SHA256),
                url=f"{server.url}/cat.keras", status="404 Not Found")
    assert len(server.requests) == 1
    assert _names(tmp_path) == []


@pytest.mark.parametrize("address", ["file:///etc/hostname", "ftp://127.0.0.1/a", "vit.keras", ""])
def test_other_schemes_are_refused(address, tmp_path):
    check_error(lambda: fetch(address, tmp_path / "vit.keras"), url=address)


@pytest.mark.parametrize("address", ["http://", "http://[1", "http://127.0.0.1:1/a b",
                                     "http://127.0.0.1:1/ä"])
def test_addresses_that_lead_nowhere(address, tmp_path):
    check_error(lambda: fetch(address, tmp_path / "vit.keras"), ConnectionError, url=address,
                bytes=0)


def test_a_redirect_leads_to_http_alone(url, server, tmp_path):
    server.redirects = {"/moved": url, "/away": "ftp://127.0.0.1:1/vit.keras"}
    assert fetch(f"{server.url}/moved", tmp_path / "vit.keras").read_bytes() == CONTENT
    check_error(lambda: fetch(f"{server.url}/away", tmp_path / "away.keras"),
                url=f"{server.url}/away", status="302 Found: ftp://127.0.0.1:1/vit.keras")
