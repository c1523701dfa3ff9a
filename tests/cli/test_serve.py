"""``lookalike serve``."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.cli import samples
from tests.cli.samples import Run

pytest.importorskip("fastapi", reason="needs lookalike[web]")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return samples.save_digits(tmp_path_factory.mktemp("model") / "digits.lookalike")


@contextmanager
def serving(*arguments: str | Path, **environment: str) -> Iterator[subprocess.Popen[str]]:
    program = "from lookalike.cli.app import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", program, "serve", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def ask(url: str, content: bytes | None = None, **headers: str) -> Any:
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, content, headers)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


@pytest.mark.slow("starts a server")
@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
def test_it_serves_until_ctrl_c_and_tells_what_is_not_saved(model: Path, tmp_path: Path) -> None:
    samples.save_pictures(tmp_path, 1)
    before = model.read_bytes()
    with serving(model, "--port", "0", "--reject", "0.75") as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        start, _, rest = line.partition("http://")
        assert start == f"{model} is served at "
        url = "http://" + rest.split()[0]
        assert ask(f"{url}healthz") == {"status": "ok"}
        told = ask(f"{url}model")
        assert (told["n_samples"], told["reject"]) == (samples.N_TRAIN, 0.75)
        content = (tmp_path / "0.png").read_bytes()
        ask(f"{url}samples?label=1", content, Content_Type="image/png")
        process.send_signal(signal.SIGINT)
        rest, stderr = process.communicate(timeout=20)
    assert (process.returncode, rest) == (0, "")
    assert "1 correction was not saved" in stderr
    assert stderr.count("\n") == 1
    assert model.read_bytes() == before


@pytest.mark.slow("starts a server")
@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
def test_the_token_is_told_as_json(model: Path) -> None:
    with serving(model, "--port", "0", "--json", LOOKALIKE_TOKEN="secret") as process:
        assert process.stdout is not None
        text = ""
        while not text.endswith("}\n"):
            text += process.stdout.readline()
        told = json.loads(text)
        assert told["token"] == "secret"
        assert not ask(f"{told['url']}model")["can_write"]
        allowed = ask(f"{told['url']}model", Authorization="Bearer secret")
        assert allowed["can_write"]
        process.send_signal(signal.SIGINT)
        rest, stderr = process.communicate(timeout=20)
    assert (process.returncode, rest, stderr) == (0, "", "")


def test_a_port_that_is_taken(model: Path, invoke: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = invoke("serve", model, "--port", port)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith(f"error: cannot listen at 127.0.0.1, port {port}: ")
    assert result.stderr.count("\n") == 1


def test_without_the_extra(model: Path, monkeypatch: pytest.MonkeyPatch, invoke: Run) -> None:
    monkeypatch.delitem(sys.modules, "lookalike.web.serve", raising=False)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    result = invoke("serve", model)
    assert result.exit_code == 1
    assert result.stderr == (
        "error: serving needs uvicorn, which is not installed; install 'lookalike[web]'\n"
    )


def test_the_page_is_opened_where_it_is_served(
    model: Path, monkeypatch: pytest.MonkeyPatch, invoke: Run
) -> None:
    from lookalike.web.serve import Served

    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    asked: dict[str, Any] = {}

    def run(served_model: Any, **options: Any) -> None:
        asked.update(options, n_jobs=served_model.estimator.n_jobs)
        options["on_start"](Served("http://pi.local:80/", "made-up"))

    monkeypatch.setattr("lookalike.web.serve.serve", run)
    arguments = ("--host", "0.0.0.0", "--port", "80", "--name", "pi.local", "--n-jobs", "1")
    result = invoke("serve", model, *arguments, "--open")
    assert result.exit_code == 0, result.stderr
    assert "is served at http://pi.local:80/" in result.stdout
    assert "need the token made-up" in result.stdout
    assert opened == ["http://pi.local:80/"]
    del asked["on_start"]
    assert asked == {
        "host": "0.0.0.0",
        "port": 80,
        "names": ["pi.local"],
        "token": None,
        "reject": 0.9,
        "n_jobs": 1,
    }
