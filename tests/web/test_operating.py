"""What an operator does: have files read again, end the server, watch it, put it behind nginx."""

from __future__ import annotations

import functools
import json
import logging
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest
import uvicorn
from tests.web.asking import PNG, asking, digits, digits_model, picture
from tests.web.operating import MAIN, operated, wait_for

from lookalike import KNeighborsClassifier
from lookalike.models.file import save_model
from lookalike.models.safetensors_map import ModelError
from lookalike.web.certificate import Certificate
from lookalike.web.logs import JsonFormatter, log_answer
from lookalike.web.session import ConflictError, Session
from lookalike.web.workers import run_workers

BODY = picture(digits()[0][0] * np.uint8(15))
LABEL = digits()[1][0]

posix = pytest.mark.skipif(os.name != "posix", reason="sends signals")


def slow(why: str) -> pytest.MarkDecorator:
    return pytest.mark.slow(why)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "digits.lookalike"
    digits_model(path)
    return path


def replace(path: Path, *, border: int = 0, prefix: str = "class ") -> None:
    """Put another model into a file: its classes have other names, its images a border."""
    images, labels = digits()
    images = np.pad(images, [(0, 0), (border, border), (border, border)])
    beside = path.with_suffix(".new")
    save_model(KNeighborsClassifier(3).fit(images, np.char.add(prefix, labels)), beside)
    beside.replace(path)


def label_of(session: Session, model, image) -> str:
    (answer,) = session.predict(model, image[None]).result()
    return answer.class_names[answer.probabilities.argmax()]


# --- Reading the model again ---------------------------------------------------------------------


def test_a_file_is_read_again_if_it_has_changed_or_anyway(path):
    session = Session(digits_model(path))
    assert session.reload() is None
    first = session.state.model
    assert session.reload(anyway=True).model is not first
    replace(path)
    state = session.reload()
    assert state is session.state
    assert "class 1" in state.class_names
    assert session.reload() is None
    session.close()


def test_who_asked_before_is_answered_by_the_model_of_then(path):
    session = Session(digits_model(path))
    image = digits()[0][0]
    before = session.state.model
    replace(path, border=1)
    session.reload()
    now = session.state.model
    assert label_of(session, before, image) == LABEL
    assert label_of(session, now, np.pad(image, 1)) == f"class {LABEL}"
    assert session.explain(before, image[None], n_neighbors=1).result()[0].images
    with pytest.raises(ConflictError, match="another form"):
        session.add(before, image[None], "1").result()
    session.close()


def test_corrections_that_are_not_saved_go_over_to_the_new_model(path):
    session = Session(digits_model(path))
    images = np.random.default_rng(0).integers(0, 17, (3, 8, 8)).astype(np.uint8)
    for i, image in enumerate(images):
        session.add(session.state.model, image[None], f"owl {i}").result()
    session.undo(2).result()
    replace(path)
    state = session.reload()
    assert [(one.id, one.label, one.row) for one in state.corrections] == [
        (1, "owl 0", 300),
        (3, "owl 2", 301),
    ]
    assert (state.n_samples, state.unsaved) == (302, 2)
    for one in state.corrections:
        np.testing.assert_array_equal(state.model.image(one.row), images[one.id - 1])
    # what was asked of the model before counts as well
    assert session.add(state.model, images[:1], "class 1").result()[0] == [4]
    assert session.save().result().unsaved == 0  # the file is known now
    assert session.reload() is None
    session.close()


@pytest.mark.parametrize("wrong", ["damaged", "gone", "other form"])
def test_what_cannot_be_read_changes_nothing(path, wrong):
    session = Session(digits_model(path))
    session.add(session.state.model, digits()[0][:1], "owl").result()
    state = session.state
    if wrong == "damaged":
        path.with_suffix(".new").write_bytes(path.read_bytes()[:-7])
        path.with_suffix(".new").replace(path)
    elif wrong == "gone":
        path.unlink()
    else:
        replace(path, border=1)
    error = {"damaged": ModelError, "gone": OSError, "other form": ConflictError}[wrong]
    with pytest.raises(error):
        session.reload()
    assert session.state is state
    session.close()


def test_a_model_of_no_file_is_not_read_again():
    session = Session(digits_model())
    with pytest.raises(ConflictError, match="not read from a file"):
        session.reload()
    session.close()


@slow("waits until a file is looked at")
def test_a_changed_file_is_read_and_a_damaged_one_is_told(path, caplog):
    caplog.set_level(logging.INFO, "lookalike.serve")

    def told():
        return [one for one in caplog.records if one.name == "lookalike.serve"]

    def label(client):
        answer = client.post("/predict", content=BODY, headers=PNG)
        return answer.json()["answers"][0]["label"]

    with asking(digits_model(path)) as client:
        replace(path)
        wait_for(lambda: len(told()) == 1)
        assert label(client) == f"class {LABEL}"
        path.with_suffix(".new").write_bytes(b"no model")
        path.with_suffix(".new").replace(path)
        wait_for(lambda: len(told()) == 2)
        assert label(client) == f"class {LABEL}"
        replace(path, border=2, prefix="new ")
        wait_for(lambda: len(told()) == 3)
        assert label(client) == f"new {LABEL}"
    assert [one.levelname for one in told()] == ["INFO", "ERROR", "INFO"]
    assert told()[0].getMessage() == f"{path} was read again: 300 training images"
    assert "what was read before stays" in told()[1].getMessage()


@posix
@slow("starts a server of several processes")
def test_several_workers(path):
    with operated(path, "--workers", "2", "--access-log") as server:
        assert server.ask("readyz") == {"status": "ready"}
        replace(path)
        server.process.send_signal(signal.SIGHUP)
        wait_for(lambda: len([m for m in server.messages() if "was read again" in m]) == 2)
        workers = {line["process"] for line in server.log() if "read again" in line["message"]}
        assert server.ask("predict", BODY)["answers"][0]["label"] == f"class {LABEL}"
        assert server.ask("model")["can_write"] is False
        with pytest.raises(urllib.error.HTTPError, match="409"):
            server.ask("samples?label=1", BODY)

        os.kill(min(workers), signal.SIGKILL)  # who asks then goes to the other one
        for _ in range(5):
            server.ask("predict", BODY)
        wait_for(lambda: _is_gone(min(workers)))
        # A new one counts on, and all tell the same.
        wanted = 'lookalike_http_requests_total{method="POST",route="/predict",status="200"} 6.0'
        for _ in range(5):
            with server.connect() as connection:
                connection.sendall(_get(server, "/metrics"))
                assert wanted in _everything(connection)
        workers = {line["process"] for line in server.log()}
        server.process.kill()  # the one that watches the workers
        wait_for(lambda: all(map(_is_gone, workers)))


def _is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def _get(server, path: str, more: str = "Connection: close\r\n") -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: localhost:{server.port}\r\n{more}\r\n".encode()


def _everything(connection) -> str:
    parts = []
    while part := connection.recv(65536):
        parts.append(part)
    return b"".join(parts).decode()


# --- Its end -------------------------------------------------------------------------------------


@posix
@slow("starts a server")
def test_a_request_that_is_on_its_way_when_the_server_ends_is_answered(path):
    with operated(path) as server, server.connect() as kept, server.connect() as begun:
        kept.sendall(_get(server, "/healthz", more=""))
        assert kept.recv(4096).startswith(b"HTTP/1.1 200")
        begun.sendall(b"POST /predict HTTP/1.1\r\nHost: ")
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        with pytest.raises(ConnectionError):
            server.connect()
        kept.sendall(_get(server, "/readyz", more=""))
        assert "connection: close" in _everything(kept).lower()
        rest = f"localhost:{server.port}\r\nContent-Type: image/png\r\nContent-Length: {len(BODY)}"
        begun.sendall(f"{rest}\r\n\r\n".encode() + BODY)
        assert f'"label":"{LABEL}"' in _everything(begun)
        server.process.wait(20)


@posix
@slow("starts a server")
def test_a_closed_terminal_ends_it_although_sighup_reads_again(path):
    ours, theirs = os.openpty()
    with operated(path, stdin=theirs) as server:
        os.close(theirs)
        server.process.send_signal(signal.SIGHUP)
        wait_for(lambda: any("was read again" in message for message in server.messages()))
        os.close(ours)
        server.process.send_signal(signal.SIGHUP)
        assert server.process.wait(20) == -signal.SIGTERM


@posix
@slow("starts a server twice")
def test_a_socket_of_the_service_manager_outlives_it(path):

    passed = 'LISTEN_FDS=1 LISTEN_PID=$$ exec "$@" 3<&{}'
    with socket.create_server(("127.0.0.1", 0)) as listening:
        descriptor = listening.fileno()
        script = passed.format(descriptor)
        command = ["bash", "-c", script, "bash", sys.executable, "-c", MAIN]
        with operated(path, command=command, pass_fds=[descriptor]) as server:
            assert server.port == listening.getsockname()[1]
            assert server.ask("healthz") == {"status": "ok"}
            server.process.terminate()
            server.process.wait(20)
        waiting = server.connect()
        waiting.sendall(_get(server, "/healthz"))
        with operated(path, command=command, pass_fds=[descriptor]):
            assert "200 OK" in _everything(waiting)


@posix
@slow("starts a server")
def test_the_service_manager_is_told_when_requests_are_answered(path, tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        environment = {**os.environ, "NOTIFY_SOCKET": str(tmp_path / "notify")}
        with operated(path, env=environment) as server:
            assert manager.recv(100) == b"READY=1"
            assert server.ask("healthz") == {"status": "ok"}


@posix
@slow("starts processes")
def test_workers_that_do_not_start_are_an_error():
    before = signal.getsignal(signal.SIGTERM)
    config = uvicorn.Config(functools.partial(sys.exit, 1), factory=True, workers=2)
    with (
        socket.create_server(("127.0.0.1", 0)) as listening,
        pytest.raises(RuntimeError, match="a worker did not start"),
    ):
        run_workers(config, listening, on_start=pytest.fail)
    assert signal.getsignal(signal.SIGTERM) is before


# --- What it tells -------------------------------------------------------------------------------


def test_logs_have_neither_query_nor_headers_nor_line_breaks(caplog):
    caplog.set_level(logging.INFO, "lookalike.access")
    with asking(digits_model(), token="owl") as client:
        client.post("/samples?label=secret", content=BODY, headers={"authorization": "Bearer owl"})
        client.get("/no%0Athing?token=owl")
    records = [one for one in caplog.records if one.name == "lookalike.access"]
    lines = [JsonFormatter().format(one) for one in records]
    told = list(map(json.loads, lines))
    assert [(one["path"], one["status"]) for one in told] == [
        ("/samples", 415),
        ("/no%0Athing", 404),
    ]
    assert {"time", "level", "client", "method", "seconds", "process"} <= told[0].keys()
    assert all("\n" not in line for line in (*lines, *caplog.messages))
    assert not any("owl" in line or "secret" in line for line in (*lines, *caplog.messages))


def test_an_error_is_one_line_of_json():
    try:
        raise ValueError("first\nsecond")
    except ValueError:
        record = logging.LogRecord("lookalike", 40, "", 0, "%s failed", ("it",), sys.exc_info())
    line = JsonFormatter().format(record)
    assert "\n" not in line
    assert json.loads(line)["message"] == "it failed"
    assert json.loads(line)["exception"].endswith("first\nsecond")


def test_an_access_log_that_is_not_wanted_costs_nothing(caplog):
    caplog.set_level(logging.WARNING, "lookalike.access")
    log_answer({}, 200, 0.1)  # it does not even look
    assert not caplog.records


def test_it_is_ready_when_the_model_is_free(path, monkeypatch):
    from lookalike.web import app

    monkeypatch.setattr(app, "_READY", 0.1)
    model = digits_model(path)
    gate = threading.Event()
    with asking(model) as client:
        assert client.get("/readyz").json() == {"status": "ready"}
        monkeypatch.setattr(model, "add", lambda *_: gate.wait() and [])
        adding = threading.Thread(
            target=client.post,
            args=("/samples?label=1",),
            kwargs={"content": BODY, "headers": PNG},
        )
        adding.start()
        wait_for(lambda: client.get("/readyz").status_code == 503)
        assert client.get("/healthz").status_code == 200
        gate.set()
        adding.join()
        assert client.get("/readyz").status_code == 200


# --- HTTPS ---------------------------------------------------------------------------------------

openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="makes certificates")


def certify(folder: Path, name: str = "localhost") -> tuple[Path, Path]:
    files = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2", "-subj", f"/CN={name}"),
            *("-addext", "subjectAltName=IP:127.0.0.1", "-out", files[0], "-keyout", files[1]),
        ],
        check=True,
        capture_output=True,
    )
    return files


@openssl
def test_a_certificate_and_its_key_belong_together(tmp_path):
    (tmp_path / "other").mkdir()
    chain, _ = certify(tmp_path)
    _, key = certify(tmp_path / "other")
    with pytest.raises(ValueError, match="no certificate with its key"):
        Certificate(chain, key)
    with pytest.raises(ValueError, match="no certificate with its key"):
        Certificate(tmp_path / "none")


@openssl
@posix
@slow("starts a server")
@pytest.mark.parametrize("workers", ["1", "2"])
def test_https_with_a_certificate_that_is_renewed(path, tmp_path, workers):
    chain, key = certify(tmp_path)
    options = ("--tls-cert", str(chain), "--tls-key", str(key), "--workers", workers)
    with operated(path, *options) as server:
        assert server.url.startswith("https://127.0.0.1:")
        trusting = ssl.create_default_context(cafile=chain)
        assert server.ask("healthz", context=trusting) == {"status": "ok"}
        certify(tmp_path)
        server.process.send_signal(signal.SIGHUP)
        told = "new connections get this certificate"
        wait_for(lambda: len([m for m in server.messages() if told in m]) == int(workers))
        with pytest.raises(urllib.error.URLError, match="certificate verify failed"):
            server.ask("healthz", context=trusting)
        trusting = ssl.create_default_context(cafile=chain)
        assert server.ask("healthz", context=trusting) == {"status": "ok"}
