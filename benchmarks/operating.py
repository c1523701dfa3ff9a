"""A server in operation: reloaded, flooded, slowed, restarted and killed, while clients ask on.

    python benchmarks/operating.py                   ten minutes
    python benchmarks/operating.py --seconds 60      or as long as you like

Clients ask on, each over one connection, and compare every answer with those of the
two models that take turns in the served file; their classes, and the forms of their images, differ.
Meanwhile the file is replaced, connections flood in, heads and bodies trickle. For the last two
fifths of the time a server of two workers is restarted, and its workers are killed. As under a
service manager, the socket outlives the server.

Exits with 1 if a request was lost: not answered rightly, although its server was not killed. A
request that was underway in a worker that is killed is sent again. Exits with 1, too, if the
memory has grown.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from lib.harness import MIB, table
from lib.program import new_parser, reporting

N_CLIENTS = 8
PAUSE = 0.02  # seconds between an answer and the next request, of the fastest clients
N_BODIES = 50
FLOOD = 200  # connections
TRICKLING = 10  # connections
LIMIT = 5.0  # seconds that a request may take
PATIENCE = 90.0  # seconds that a client waits, also for a server that starts on a busy machine
GROWTH = 16  # MiB between the first fifth of the quiet part and its end
SERVER = "from lookalike.cli.app import main; main()"
RESTARTED = 0.4  # share of the time with restarts


@dataclass
class Found:
    """What happened, counted."""

    answers: Counter[str] = field(default_factory=Counter)
    events: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    memory: list[tuple[float, float]] = field(default_factory=list)  # seconds, MiB


class Server:
    """``lookalike serve`` with a socket that stays open when the process ends."""

    def __init__(self, folder: Path, workers: int) -> None:
        self.file = folder / "served.lookalike"
        self._arguments = ["--workers", str(workers), "--max-seconds", str(LIMIT), "--n-jobs", "1"]
        self._log = (folder / "log").open("ab")
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port = self.socket.getsockname()[1]
        self.n_killed = 0
        self.start()

    def start(self) -> None:
        """Start a process, and wait until it answers."""
        # As systemd passes a socket: as descriptor 3, to the process that LISTEN_PID names.
        passed = f'LISTEN_FDS=1 LISTEN_PID=$$ exec "$@" 3<&{self.socket.fileno()}'
        command = [sys.executable, "-c", SERVER, "serve", str(self.file), *self._arguments]
        self.process = subprocess.Popen(
            ["bash", "-c", passed, "bash", *command],
            pass_fds=[self.socket.fileno()],
            stdout=subprocess.PIPE,
            stderr=self._log,
        )
        assert self.process.stdout is not None
        if b"is served at" not in self.process.stdout.readline():
            raise RuntimeError("the server did not start")

    def end(self) -> None:
        """End the process gently."""
        self.process.terminate()
        self.process.wait()

    def kill_worker(self) -> None:
        """End a worker at once."""
        self.n_killed += 1
        os.kill(self.workers()[0], signal.SIGKILL)

    def workers(self) -> list[int]:
        """Return the processes that serve, not those that watch."""
        own = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        called = {int(pid): Path(f"/proc/{pid}/cmdline").read_bytes() for pid in own.split()}
        return [pid for pid, line in called.items() if b"spawn_main" in line]

    def mebibytes(self) -> float:
        """Return the memory of all processes that is theirs, or a share of what several map."""
        total = 0
        for pid in (self.process.pid, *self.workers()):
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss_Anon:"):
                    total += int(line.split()[1])
        return total / 1024


async def exchange(port: int, request: bytes, streams: Any = None) -> tuple[Any, int, bytes, bool]:
    """Send a request; return its connection, the status, the body, and whether it stays open."""
    streams = streams or await asyncio.open_connection("127.0.0.1", port)
    reader, writer = streams
    writer.write(request)
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
    body = await reader.readexactly(length)
    return streams, int(head[9:12]), body, b"connection: close" not in head


async def client(server: Server, number: int, asked: Any, found: Found, end: float) -> None:
    """Ask again and again; send again what was underway when a worker was killed."""
    streams = None
    turn = number
    while time.monotonic() < end:
        killed = server.n_killed  # whose connection may end before it is used again
        await asyncio.sleep(PAUSE * (1 + number % 4))
        turn += 1
        request, expected = asked[turn % len(asked)]
        try:
            async with asyncio.timeout(PATIENCE):
                streams, status, body, stays = await exchange(server.port, request, streams)
        except (OSError, EOFError, TimeoutError) as error:
            streams = None
            if killed == server.n_killed:
                found.lost.append(f"{time.monotonic() - end:.1f}: {error!r}")
            found.answers["cut off, sent again"] += 1
            turn -= 1
            continue
        if status == 200:
            label = json.loads(body)["answers"][0]["label"]
            if label in expected:
                found.answers["right"] += 1
            else:
                found.lost.append(f"{label} instead of {expected}")
        elif status == 429:
            found.answers["429, sent again"] += 1
            turn -= 1
            await asyncio.sleep(0.05)
        else:
            found.lost.append(f"status {status}: {body[:200]!r}")
        if not stays:
            streams[1].close()
            streams = None


async def reload(server: Server, models: list[Path], found: Found) -> None:
    """Put the other model into the file, and have it read; every second time by a signal."""
    found.events["reloads"] += 1
    n = found.events["reloads"]
    beside = server.file.with_suffix(".new")
    shutil.copy(models[n % 2], beside)
    beside.replace(server.file)
    if n % 2:
        server.process.send_signal(signal.SIGHUP)
    await asyncio.sleep(0.5 if n % 2 else 2.5)


async def flood(server: Server, asked: Any, found: Found) -> None:
    """Open many connections at once, and ask on each."""
    found.events["floods"] += 1
    coming = [exchange(server.port, asked[i % len(asked)][0]) for i in range(FLOOD)]
    for came in await asyncio.gather(*coming, return_exceptions=True):
        if isinstance(came, BaseException):
            found.lost.append(f"in a flood: {came!r}")
            continue
        (_, writer), status, body, _ = came
        writer.close()
        found.answers[f"{status} in a flood"] += 1
        if status not in (200, 429):
            found.lost.append(f"in a flood: status {status}: {body[:200]!r}")


async def trickle(server: Server, asked: Any, found: Found) -> None:
    """Begin requests and leave them unfinished, in the head or in the body."""
    found.events["slow senders"] += TRICKLING
    request = asked[0][0]
    in_body = request.index(b"\r\n\r\n") + 10
    cuts = [20 if i % 2 else in_body for i in range(TRICKLING)]
    coming = [exchange(server.port, request[:cut]) for cut in cuts]
    for came in await asyncio.gather(*coming, return_exceptions=True):
        status = 0 if isinstance(came, BaseException) else came[1]
        found.answers[f"{status} of a slow sender"] += 1
        if status != 408:
            found.lost.append(f"a slow sender got {came!r}")


async def operate(
    server: Server, models: list[Path], asked: Any, found: Found, seconds: float, restarts: bool
) -> None:
    """Let clients ask for so long, and disturb the server meanwhile."""
    start = time.monotonic()
    end = start + seconds
    async with asyncio.TaskGroup() as group:
        for number in range(N_CLIENTS):
            group.create_task(client(server, number, asked, found, end))
        while time.monotonic() < end:
            await reload(server, models, found)
            if restarts:
                found.events["kills of a worker"] += 1
                server.kill_worker()
                await asyncio.sleep(2)
                found.events["restarts"] += 1
                await asyncio.to_thread(server.end)
                await asyncio.to_thread(server.start)
            else:
                await flood(server, asked, found)
                await trickle(server, asked, found)
                found.memory.append((time.monotonic() - start, server.mebibytes()))


def make_models(folder: Path) -> tuple[list[Path], Any]:
    """Save two models; return their files, and requests with the labels that answer them."""
    from lookalike import KNeighborsClassifier, load_dataset
    from lookalike.models.file import save_model
    from lookalike.models.model import open_model

    data = load_dataset("digits")
    images, labels = data.train.images, data.train.labels.astype(str)
    # The second has other names, another size, and dark strokes on a light ground.
    others = 16 - np.pad(images, [(0, 0), (1, 1), (1, 1)])
    files = [folder / "a.lookalike", folder / "b.lookalike"]
    save_model(KNeighborsClassifier(3).fit(images, labels), files[0])
    save_model(KNeighborsClassifier(3).fit(others, np.char.add("class ", labels)), files[1])
    models = list(map(open_model, files))
    asked = []
    for image in data.test.images[:N_BODIES]:
        stream = io.BytesIO()
        Image.fromarray(image * np.uint8(15)).save(stream, "PNG")
        body = stream.getvalue()
        expected = set()
        for model in models:
            read = model.read(body).image[None]
            expected.add(model.class_names[model.probabilities(read)[0].argmax()])
        head = (
            "POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: image/png\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        asked.append((head.encode() + body, expected))
    return files, asked


def run(seconds: float, workers: int, restarts: bool, found: Found) -> None:
    """Operate one server for so long."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        models, asked = make_models(folder)
        shutil.copy(models[0], folder / "served.lookalike")
        server = Server(folder, workers)
        host = f"127.0.0.1:{server.port}".encode()
        asked = [(request.replace(b"127.0.0.1", host, 1), labels) for request, labels in asked]
        try:
            asyncio.run(operate(server, models, asked, found, seconds, restarts))
        finally:
            server.end()
            log = (folder / "log").read_text().splitlines()
            found.events["lines of errors"] += sum(" ERROR " in line for line in log)
            print(*[line for line in log if " ERROR " in line][:5], sep="\n", file=sys.stderr)


def main() -> int:
    parser = new_parser(__doc__, threads=False, quick="ten seconds")
    parser.add_argument("--seconds", type=float, default=600, help="in all (%(default)s)")
    args = parser.parse_args()
    seconds = 10.0 if args.quick else args.seconds

    found = Found()
    with reporting("Operating a server", ["fastapi", "uvicorn", "uvloop"], args.json) as (out, _):
        run(seconds * (1 - RESTARTED), 1, False, found)
        run(seconds * RESTARTED, 2, True, found)
        early = [m for s, m in found.memory if s >= seconds * (1 - RESTARTED) / 5][:1]
        grown = found.memory[-1][1] - (early or [found.memory[0][1]])[0]
        rows = [*found.events.items(), *found.answers.items(), ("lost", len(found.lost))]
        print(f"\n{table(['what happened', 'times'], rows)}")
        shown = found.memory[:: max(1, len(found.memory) // 10)]
        memory = [(f"{s:.0f}", f"{m:.1f}") for s, m in shown]
        print(f"\n{table(['second', 'MiB that only the server has'], memory)}")
        print(f"\n{grown:+.1f} MiB after the first fifth")
        out["counts"], out["lost"] = dict(rows), found.lost
        out["memory"], out["grown"] = found.memory, grown * MIB
    for line in found.lost[:10]:
        print(f"\nLOST: {line}")
    return 1 if found.lost or grown > GROWTH else 0


if __name__ == "__main__":
    sys.exit(main())
