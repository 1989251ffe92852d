"""Downloads, from a server on this machine."""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from minigrad.vision.datasets import MNIST, DatasetError
from tests.vision.idx import NAMES, write_mnist


class Server:
    """Serves a folder; `behave` may spoil an answer: it gets the handler and the content, and answers itself."""

    def __init__(self, folder: Path) -> None:
        self.requests: list[str] = []
        self.behave: Any = None
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.requests.append(self.path)
                file = folder / self.path.lstrip("/")
                if not file.is_file():
                    self.send_error(404)
                elif server.behave is not None:
                    server.behave(self, file.read_bytes())
                else:
                    answer(self, file.read_bytes())

            def log_message(self, *_: Any) -> None:
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        self.address = f"http://127.0.0.1:{self.http.server_port}/"


def answer(handler: http.server.BaseHTTPRequestHandler, content: bytes, announced: int | None = None) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(content) if announced is None else announced))
    handler.end_headers()
    handler.wfile.write(content)


@pytest.fixture
def served(tmp_path: Path) -> Path:
    folder = tmp_path / "served"
    folder.mkdir()
    return folder


@pytest.fixture
def server(served: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    running = Server(served)
    yield running
    running.http.shutdown()
    running.http.server_close()


@pytest.fixture
def dataset(served: Path, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> type[MNIST]:
    """MNIST with small files, from that server; the cache is at tmp_path/cache."""
    monkeypatch.delenv("MINIGRAD_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    sums = write_mnist(served)

    class Small(MNIST):
        mirrors = (server.address,)
        resources = sums

    return Small


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_into_the_cache_once(dataset: type[MNIST], server: Server, tmp_path: Path) -> None:
    assert len(dataset()) == 30
    assert files(tmp_path / "cache") == sorted(NAMES[:2])
    assert len(dataset(train=False)) == 20
    assert files(tmp_path / "cache" / "minigrad" / "mnist") == sorted(NAMES)
    assert len(server.requests) == 4
    assert len(dataset()) == 30
    assert len(server.requests) == 4


def test_into_root(dataset: type[MNIST], tmp_path: Path) -> None:
    assert len(dataset(tmp_path / "a" / "b")) == 30
    assert files(tmp_path / "a" / "b") == sorted(NAMES[:2])
    assert not (tmp_path / "cache").exists()


def test_only_what_is_missing(dataset: type[MNIST], server: Server, tmp_path: Path) -> None:
    dataset(tmp_path / "root")
    (tmp_path / "root" / NAMES[1]).unlink()
    server.requests.clear()
    dataset(tmp_path / "root")
    assert server.requests == [f"/{NAMES[1]}"]


def test_the_next_mirror_is_tried(dataset: type[MNIST], server: Server, tmp_path: Path) -> None:
    dataset.mirrors = (server.address + "gone/", *dataset.mirrors)
    assert len(dataset()) == 30
    assert server.requests == [f"/gone/{NAMES[0]}", f"/{NAMES[0]}", f"/gone/{NAMES[1]}", f"/{NAMES[1]}"]


def garbled(handler: Any, content: bytes) -> None:
    answer(handler, bytes([content[0] ^ 1]) + content[1:])


def cut_short(handler: Any, content: bytes) -> None:
    answer(handler, content[:50], announced=len(content))


def cut_short_unannounced(handler: Any, content: bytes) -> None:
    handler.send_response(200)
    handler.end_headers()
    handler.wfile.write(content[:50])


def unavailable(handler: Any, content: bytes) -> None:
    handler.send_error(503)


def gibberish(handler: Any, content: bytes) -> None:
    handler.wfile.write(b"\x16\x03\x01")


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        (garbled, "wrong checksum: SHA-256 [0-9a-f]{64}, expected [0-9a-f]{64}"),
        (cut_short, r"50 of \d+ bytes|IncompleteRead"),
        (cut_short_unannounced, "wrong checksum"),
        (unavailable, "HTTP Error 503"),
        (gibberish, "http"),
    ],
)
def test_a_failed_download_leaves_nothing(
    dataset: type[MNIST], server: Server, tmp_path: Path, behaviour: Any, reason: str
) -> None:
    server.behave = behaviour
    with pytest.raises(DatasetError, match=reason) as caught:
        dataset()
    text = str(caught.value)
    assert f"{NAMES[0]} could not be downloaded to {tmp_path / 'cache' / 'minigrad' / 'mnist'}" in text
    assert server.address in text
    assert "set MINIGRAD_DATA" in text
    assert files(tmp_path / "cache") == []


def test_a_server_that_falls_silent(
    dataset: type[MNIST], server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("minigrad.vision._download._TIMEOUT", 0.2)
    done = threading.Event()

    def silent(handler: Any, content: bytes) -> None:
        answer(handler, content[:50], announced=len(content))
        done.wait(30)

    server.behave = silent
    begin = time.monotonic()
    with pytest.raises(DatasetError, match="timed out"):
        dataset()
    done.set()
    assert time.monotonic() - begin < 20
    assert files(tmp_path / "cache") == []


def test_nobody_answers(dataset: type[MNIST], tmp_path: Path) -> None:
    dataset.mirrors = ("http://127.0.0.1:9/", "http://127.0.0.1:9/other/")
    with pytest.raises(DatasetError, match=r"127.0.0.1:9/train.*127.0.0.1:9/other/train"):
        dataset()
    assert files(tmp_path / "cache") == []


def test_an_interrupt_leaves_nothing(dataset: type[MNIST], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted:
        def __enter__(self) -> Any:
            raise KeyboardInterrupt

        def __exit__(self, *_: Any) -> None:
            pass

    monkeypatch.setattr("minigrad.vision._download._progress", lambda name, size: Interrupted())
    with pytest.raises(KeyboardInterrupt):
        dataset()
    assert files(tmp_path / "cache") == []


def test_a_place_that_cannot_be_written(dataset: type[MNIST], tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(DatasetError, match="cannot make the directory .*taken"):
        dataset(tmp_path / "taken" / "below")


def test_without_tqdm(dataset: type[MNIST], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "tqdm", None)
    assert len(dataset()) == 30


def test_it_says_what_it_downloads(
    dataset: type[MNIST], server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset()
    assert f"downloading {server.address}{NAMES[0]} to {tmp_path / 'cache'}" in capsys.readouterr().err


def test_the_published_addresses_and_checksums() -> None:
    assert set(MNIST.resources) == set(NAMES)
    assert all(len(bytes.fromhex(digest)) == 32 for digest in MNIST.resources.values())
    assert all(mirror.startswith("https://") and mirror.endswith("/") for mirror in MNIST.mirrors)
