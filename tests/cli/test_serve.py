"""``lookalike serve``."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
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
def serving(
    *arguments: str | Path, stdout: int = subprocess.PIPE, **environment: str
) -> Iterator[subprocess.Popen[str]]:
    program = "from lookalike.cli.app import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", program, "serve", *map(str, arguments)],
        stdout=stdout,
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
@pytest.mark.parametrize("source", ["environment", "file"])
def test_a_given_token_is_told_nowhere(model: Path, tmp_path: Path, source: str) -> None:
    secret = "owls-are-not-what-they-seem"
    (tmp_path / "token").write_text(f"{secret}\n")
    given = {"LOOKALIKE_TOKEN": secret} if source == "environment" else {}
    named = ["--token-file", tmp_path / "token"] if source == "file" else []
    options = ("--json", "--access-log", "--workers", "2")
    with serving(model, "--port", "0", *options, *named, **given) as process:
        assert process.stdout is not None
        text = ""
        while not text.endswith("}\n"):
            text += process.stdout.readline()
        url = json.loads(text)["url"]
        assert json.loads(text) == {"model": str(model), "url": url, "network_url": None}
        bearer = {"Authorization": f"Bearer {secret}"}
        with pytest.raises(urllib.error.HTTPError, match="401"):
            ask(f"{url}save", b"")
        with pytest.raises(urllib.error.HTTPError, match="409"):  # there are several workers
            ask(f"{url}save", b"", **bearer)
        for line in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):  # a process that has ended meanwhile
                assert secret.encode() not in line.read_bytes()
        process.send_signal(signal.SIGINT)
        rest, stderr = process.communicate(timeout=20)
    assert (process.returncode, rest) == (0, "")
    assert [line.split(maxsplit=2)[2].rpartition(" ")[0] for line in stderr.splitlines()]
    assert "127.0.0.1 POST /save 401" in stderr
    assert "127.0.0.1 POST /save 409" in stderr
    assert secret not in text + stderr


@pytest.mark.slow("starts a server")
@pytest.mark.skipif(os.name != "posix", reason="opens a terminal")
def test_a_made_up_token_is_shown_on_a_terminal_only(model: Path) -> None:
    arguments = (model, "--port", "0", "--host", "0.0.0.0")
    with serving(*arguments) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline()]
        while "need a token" not in lines[-1]:
            lines.append(process.stdout.readline())
    assert lines[-1].endswith("give one by LOOKALIKE_TOKEN or --token-file\n")

    ours, theirs = os.openpty()
    with serving(*arguments, stdout=theirs):
        shown = ""
        while "need the token" not in shown or not shown.endswith("\n"):
            shown += os.read(ours, 4096).decode()
    os.close(ours)
    os.close(theirs)
    if "Other machines" in shown:  # there is a network
        assert re.search(r"reach it at http://[\d.]+:\d+/", shown)
        assert shown.count("█") > 50


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
    from lookalike.web.logs import log_config
    from lookalike.web.security import Limits
    from lookalike.web.serve import Served

    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    asked: dict[str, Any] = {}

    def run(served_model: Any, **options: Any) -> None:
        asked.update(options, n_jobs=served_model.estimator.n_jobs)
        options["on_start"](Served("http://pi.local:80/", "made-up", "http://192.168.1.7:80/"))

    monkeypatch.setattr("lookalike.web.serve.serve", run)
    arguments = (
        *("--host", "0.0.0.0", "--port", "80", "--name", "pi.local", "--n-jobs", "1", "--open"),
        *("--workers", "2", "--root-path", "/digits", "--log-json", "--max-body", "1"),
        *("--max-bodies", "2", "--max-side", "3", "--max-images", "4", "--max-seconds", "5"),
        *("--max-requests", "6"),
    )
    result = invoke("serve", model, *arguments)
    assert result.exit_code == 0, result.stderr
    assert "is served at http://pi.local:80/" in result.stdout
    assert "reach it at http://192.168.1.7:80/" in result.stdout
    assert "made-up" not in result.stdout
    assert opened == ["http://pi.local:80/"]
    del asked["on_start"]
    assert asked == {
        "host": "0.0.0.0",
        "port": 80,
        "names": ["pi.local"],
        "token": None,
        "reject": 0.9,
        "n_jobs": 1,
        "workers": 2,
        "root_path": "/digits",
        "certificate": None,
        "logging": log_config(as_json=True),
        "limits": Limits(
            body_bytes=2**20, all_body_bytes=2 * 2**20, side=3, images=4, seconds=5, requests=6
        ),
    }


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--tls-key", __file__), "give that by --tls-cert"),
        (("--tls-cert", __file__), "no certificate with its key"),
        (("--log-config", __file__, "--access-log"), "give it alone"),
    ],
)
def test_options_that_do_not_go_together(
    model: Path, invoke: Run, arguments: tuple[str, ...], told: str
) -> None:
    result = invoke("serve", model, *arguments)
    assert result.exit_code == 1
    assert told in result.stderr
    assert result.stderr.count("\n") == 1
