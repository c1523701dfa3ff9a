"""The page for operators: its files are taken by the programs that they are for."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import urllib.request
from pathlib import Path

import pytest
from tests.web.asking import digits, digits_model, picture
from tests.web.operating import operated, wait_for
from tests.web.test_operating import certify
from typer.testing import CliRunner

from lookalike.cli.app import app

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "operate.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def test_options_are_those_that_there_are() -> None:
    text = PAGE.read_text(encoding="utf-8")
    served = [text, *re.findall(r'"(--[a-z-]+)"', text)]
    options = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+(?![\w…-])", " ".join(served)))
    others = {"--now", "--no-cache-dir", "--system"}  # of systemctl, pip and useradd
    told = CliRunner().invoke(app, ["serve", "--help"]).stdout
    assert options - others <= set(re.findall(r"--[a-z-]+", told))
    assert len(options - others) > 8


def test_a_line_of_the_log_is_json() -> None:
    (line,) = blocks("json")
    assert json.loads(line)["logger"] == "lookalike.access"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="asks systemd")
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    units = tmp_path / "lookalike.socket", tmp_path / "lookalike.service"
    for unit, block in zip(units, blocks("ini"), strict=True):
        unit.write_text(block.replace("/opt/lookalike/bin/lookalike", "/bin/true"))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *units],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.slow("starts a server and nginx")
@pytest.mark.skipif(shutil.which("nginx") is None, reason="starts nginx")
@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes a certificate")
def test_nginx_passes_on_what_browsers_and_programs_send(tmp_path: Path) -> None:
    chain, key = certify(tmp_path)
    model = tmp_path / "digits.lookalike"
    digits_model(model)
    body = picture(digits()[0][0] * 15)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    host = f"example.org:{port}"
    options = ("--name", host, "--root-path", "/digits", "--access-log")
    with operated(model, *options) as server:
        (block,) = blocks("nginx")
        for old, new in (
            ("127.0.0.1:8000", f"127.0.0.1:{server.port}"),
            ("listen 443", f"listen 127.0.0.1:{port}"),
            ("/etc/ssl/certs/example.org.pem", str(chain)),
            ("/etc/ssl/private/example.org.key", str(key)),
        ):
            assert old in block
            block = block.replace(old, new)
        folders = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        folders = "".join(f"{name}_temp_path {tmp_path}/{name};\n" for name in folders)
        conf = tmp_path / "nginx.conf"
        user = "user root;" if os.geteuid() == 0 else ""  # else it cannot write into the folders
        conf.write_text(
            f"{user} daemon off; pid {tmp_path}/pid; error_log {tmp_path}/error.log; events {{}}\n"
            f"http {{ access_log off; {folders} {block} }}"
        )
        nginx = subprocess.Popen(["nginx", "-c", conf], stderr=subprocess.DEVNULL)
        trusting = ssl.create_default_context(cafile=chain)

        def ask(path: str, content: bytes | None = None, **headers: str) -> tuple[int, bytes]:
            url = f"https://127.0.0.1:{port}/digits/{path}"
            headers = {"Host": host, "Content-Type": "image/png", **headers}
            request = urllib.request.Request(url, content, headers)
            try:
                with urllib.request.urlopen(request, timeout=20, context=trusting) as answer:
                    return answer.status, answer.read()
            except urllib.error.HTTPError as error:
                return error.code, error.read()
            except urllib.error.URLError:
                return 0, b""

        try:
            wait_for(lambda: ask("healthz")[0] == 200)
            for path in ("", "static/page.js", "docs", "docs/start.js"):
                assert ask(path)[0] == 200
            assert json.loads(ask("openapi.json")[1])["servers"] == [{"url": "/digits"}]
            assert ask("predict", body, Origin=f"https://{host}")[0] == 200
            assert ask("predict", body, Origin="https://evil.example")[0] == 403
            assert ask("predict", body + bytes(3 * 2**20))[0] == 200  # nginx lets it pass
            ask("model", **{"X-Forwarded-For": "1.2.3.4"})
            last = wait_for(
                lambda: next((one for one in server.log() if one["path"].endswith("/model")), None)
            )
            assert last["path"] == "/digits/model"
            assert last["client"] == "1.2.3.4"
        finally:
            nginx.terminate()
            nginx.wait()
