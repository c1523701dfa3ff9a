"""Python processes that start at once: forked from one that has imported the package already.

A new interpreter takes one to three CPU seconds to import what the package needs, and the tests
start some hundred processes. So `python` gives a command that stands in for `sys.executable`:

    subprocess.run([*python(), "-c", program, "an argument"])

That command is this file. It hands its arguments, environment, folder and standard streams to a
server, which forks; it passes signals on, ends as the forked process ends, and takes that process
with it if it is killed itself. A test of imports, of memory, or of what the environment tells
libraries when they are loaded takes `sys.executable`. So do one tour and one server, which show
that commands import what they need.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import socket
import sys

_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2")
_LATER = (  # what the package imports when it is used
    *(f"sklearn.{name}" for name in ("datasets", "dummy", "ensemble", "linear_model", "svm")),
    *("sklearn.model_selection", "sklearn.pipeline", "matplotlib.pyplot", "uvloop"),
)
_started: list[str] = []  # the address of this process's server, once there is one


def python() -> list[str]:
    """Return the command of an interpreter in which the package is imported.

    It takes ``-c``, a program, and the program's arguments.
    """
    if sys.platform != "linux":  # elsewhere libraries may not survive a fork
        return [sys.executable]
    if not _started:
        _started.append(_start_server())
    return [sys.executable, "-I", "-S", __file__, "run", _started[0]]


def _start_server() -> str:
    """Start a server that ends with this process, and return its address."""
    import subprocess
    import tempfile
    from pathlib import Path

    folder = tempfile.mkdtemp(prefix="processes")
    address = str(Path(folder, "socket"))
    server = subprocess.Popen(
        [sys.executable, "-P", __file__, "serve", address],
        stdin=subprocess.PIPE,  # which is closed when this process ends, however it ends
        stdout=subprocess.PIPE,
        start_new_session=True,  # so that Ctrl-C does not end it before those who wait for it
    )
    assert server.stdout is not None
    assert server.stdout.readline() == b"ready\n", "the server of processes did not start"
    return address


def _run(address: str, arguments: list[str]) -> None:
    """Have the server run a program, and end as that does."""
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(address)
        job = repr((arguments, dict(os.environ), os.getcwd())).encode()
        socket.send_fds(server, [len(job).to_bytes(4, "big")], [0, 1, 2])
        server.sendall(job)
        for name in _SIGNALS:
            signal.signal(getattr(signal, name), lambda number, _: server.send(bytes([number])))
        status = int(server.recv(16))
    if status < 0:
        with contextlib.suppress(OSError):  # SIGKILL has no handler
            signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    os._exit(status)


def _serve(address: str) -> bytes:
    """Fork a process for each client, until standard input ends; return in it, with its job."""
    import select

    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen(64)
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    signal.set_wakeup_fd(wake)
    gc.freeze()  # neither collected nor copied in the processes that are forked
    print("ready", flush=True)
    running: dict[socket.socket, int] = {}
    while True:
        ready, _, _ = select.select([0, woken, listener, *running], [], [])
        if 0 in ready:
            for process in running.values():
                os.kill(process, signal.SIGKILL)
            os.unlink(address)
            os.rmdir(os.path.dirname(address))
            os._exit(0)
        for client in running.keys() & set(ready):
            for number in client.recv(64) or [signal.SIGKILL]:
                os.kill(running[client], number)
        if woken in ready:
            os.read(woken, 4096)
            for client, process in list(running.items()):
                ended, status = os.waitpid(process, os.WNOHANG)
                if ended:
                    with client, contextlib.suppress(BrokenPipeError):
                        client.send(b"%d" % os.waitstatus_to_exitcode(status))
                    del running[client]
        if listener in ready:
            client, _ = listener.accept()
            size, streams, _, _ = socket.recv_fds(client, 4, 3)
            job = client.recv(int.from_bytes(size, "big"), socket.MSG_WAITALL)
            process = os.fork()
            if process == 0:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                for stream in range(3):
                    os.dup2(streams[stream], stream)
                for end in (*streams, woken, wake):
                    os.close(end)
                for end in (listener, client, *running):
                    end.close()
                return job
            running[client] = process
            for stream in streams:
                os.close(stream)


def _import_all() -> None:
    """Import the package, and what it imports when it is used."""
    from importlib import import_module
    from pkgutil import walk_packages

    modules = walk_packages(import_module("lookalike").__path__, "lookalike.")
    for name in (*(module.name for module in modules), *_LATER):
        with contextlib.suppress(ImportError):  # what an extra brings may not be there
            import_module(name)


def _take(job: bytes) -> None:
    """Run a program as an interpreter does that was started for it."""
    import ast
    from types import ModuleType

    (_, program, *arguments), environment, folder = ast.literal_eval(job.decode())
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", 1, encoding="utf-8", errors="backslashreplace", closefd=False)
    sys.argv[:] = ["-c", *arguments]
    sys.path.insert(0, "")
    main = sys.modules["__main__"] = ModuleType("__main__")
    exec(compile(program, "<string>", "exec"), main.__dict__)


if __name__ == "__main__":
    role, address, *arguments = sys.argv[1:]
    if role == "run":
        _run(address, arguments)
    _import_all()
    _take(_serve(address))
