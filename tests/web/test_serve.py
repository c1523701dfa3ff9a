"""A real server: sockets, signals, slow clients, and what it says at the end."""

import json
import os
import re
import signal
import socket
import threading
import time
import urllib.error
import urllib.request
from contextlib import contextmanager

import pytest
from tests.browser import browser
from tests.web import serving as server
from tests.web.asking import digits, digits_model, picture

from lookalike.models.model import open_model
from lookalike.web.serve import serve

BODY = picture(digits()[0][0])


@contextmanager
def serving(path, **options):
    """Serve a model of digits from a file; give the process, the port and the token."""
    digits_model(path)
    with server.serving(path, seconds=1, **options) as (process, url, token):
        yield process, int(url.rpartition(":")[2]), token


def post(port, path, body=BODY, **headers):
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}", body, {"content-type": "image/png", **headers}
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def connect(port):
    return socket.create_connection(("127.0.0.1", port), timeout=10)


def everything(connection):
    """Return all that comes until the server closes the connection."""
    parts = []
    try:
        while part := connection.recv(65536):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


@pytest.mark.slow("starts a server and waits for slow clients to be cut off")
@pytest.mark.skipif(os.name == "nt", reason="Windows has no signals that end gently")
def test_a_server_from_its_start_to_its_end(tmp_path):
    path = tmp_path / "digits.lookalike"
    with serving(path) as (process, port, token):
        assert token == "None"
        assert post(port, "/predict")[0] == 200
        for _ in range(2):
            assert post(port, "/samples?label=1")[0] == 201
        assert post(port, "/predict", body=b"x" * 33 * 2**20)[0] == 413

        # slow clients are cut off, and hold up nobody meanwhile
        start = time.monotonic()
        head, body, refused, silent = (connect(port) for _ in range(4))
        head.sendall(b"GET / HTTP/1.1\r\nHost: ")
        wanted = f"POST /predict HTTP/1.1\r\nHost: localhost:{port}\r\nContent-Type: image/png\r\n"
        body.sendall(f"{wanted}Content-Length: 1000\r\n\r\nx".encode())
        refused.sendall(b"POST / HTTP/1.1\r\nHost: evil\r\nContent-Length: 1000\r\n\r\nx")
        assert post(port, "/predict")[0] == 200
        assert everything(body).startswith(b"HTTP/1.1 408 ")
        assert everything(refused).startswith(b"HTTP/1.1 403 ")
        assert everything(head).startswith(b"HTTP/1.1 408 ")
        assert everything(silent) == b""
        assert 1 <= time.monotonic() - start < 8
        # a whole request in pieces is answered
        with connect(port) as pieces:
            request = f"{wanted}Connection: close\r\nContent-Length: {len(BODY)}\r\n\r\n".encode()
            for piece in (request[:20], request[20:] + BODY[:10], BODY[10:]):
                pieces.sendall(piece)
                time.sleep(0.1)
            assert everything(pieces).startswith(b"HTTP/1.1 200 ")

        idle = connect(port)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=15)
        idle.close()
        assert process.returncode in (-signal.SIGTERM, 0)
        assert re.fullmatch(r"\S+ WARNING 2 corrections were not saved\n", err), (out, err)
    assert open_model(path).n_samples == 300


@pytest.mark.slow("starts a server")
@pytest.mark.skipif(os.name == "nt", reason="Windows has no signals that end gently")
def test_beyond_loopback_a_token_is_made_up_and_ctrl_c_ends_quietly(tmp_path):
    with serving(tmp_path / "digits.lookalike", host="0.0.0.0") as (process, port, token):
        assert len(token) >= 20
        assert post(port, "/predict")[0] == 200
        assert post(port, "/samples?label=1")[0] == 401
        assert post(port, "/samples?label=1", authorization=f"Bearer {token}")[0] == 201
        assert post(port, "/save", authorization=f"Bearer {token}")[0] == 200
        assert post(port, "/predict", host=f"evil.example:{port}")[0] == 403
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=15)
    assert (process.returncode, out, err) == (0, "ended\n", "")


def test_an_address_that_is_taken_is_an_error_at_once():
    before = threading.active_count()
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        serve(digits_model(), port=taken.getsockname()[1])
    assert before == threading.active_count()


@pytest.mark.parametrize("token", ["", " ", "ü", "a\nb"])
def test_tokens_that_no_header_takes(token):
    with pytest.raises(ValueError, match="token"):
        serve(digits_model(), token=token)


@pytest.mark.slow("starts a server and a browser")
def test_the_documentation_is_drawn_without_any_other_host(tmp_path):
    with serving(tmp_path / "digits.lookalike") as (_, port, _), browser() as page:
        page.open(f"http://127.0.0.1:{port}/docs")
        drawn = "[...document.querySelectorAll('.opblock-summary-path')].map(e => e.textContent)"
        deadline = time.monotonic() + 20
        while not (paths := page.evaluate(drawn)) and time.monotonic() < deadline:
            time.sleep(0.2)
        assert "/predict" in {path.replace("\u200b", "") for path in paths}
        asked = "fetch('/save', {method: 'POST'}).then(answer => answer.status)"
        assert page.evaluate(asked) == 200  # the browser's own Origin is let in
        assert page.console == []
        own = f"http://127.0.0.1:{port}/"
        assert [url for url in page.requests if not url.startswith((own, "data:"))] == []
