"""``lookalike serve``: a model behind a page to draw on, and behind HTTP."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lookalike.cli import options
from lookalike.cli.screen import Screen

if TYPE_CHECKING:
    from lookalike.web.serve import Served

_TOKEN = "LOOKALIKE_TOKEN"


def _number(metavar: str, what: str, *, least: int = 1, most: int | None = None) -> Any:
    return typer.Option(metavar=metavar, min=least, max=most, help=what)


def _file(what: str) -> Any:
    return typer.Option(metavar="FILE", exists=True, dir_okay=False, help=what)


@options.command
def serve(
    screen: Screen,
    model: options.ModelFile,
    host: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS",
            help="Where to listen; 0.0.0.0 lets other machines in. Then writing needs a token.",
        ),
    ] = "127.0.0.1",
    port: Annotated[int, _number("N", "0 for any that is free.", least=0, most=65535)] = 8000,
    names: Annotated[
        list[str] | None,
        typer.Option(
            "--name",
            metavar="HOST",
            help="A name by which the server is reached, such as pi.local; may be given again. "
            "Requests by other names are refused.",
        ),
    ] = None,
    token_file: Annotated[
        Path | None,
        _file(
            "Its first line is what correcting and saving need; else it is the environment's "
            f"{_TOKEN}. If there is neither and other machines are let in, a token is made up and "
            "shown on the terminal."
        ),
    ] = None,
    reject: options.Reject = 0.9,
    open_page: Annotated[
        bool, typer.Option("--open", help="Open the page in the browser of this machine.")
    ] = False,
    n_jobs: options.Threads = None,
    workers: Annotated[
        int, _number("N", "Processes that serve the model; more than one take no corrections.")
    ] = 1,
    root_path: Annotated[
        str,
        typer.Option(metavar="PATH", help="Path at which a proxy has the server, as /digits."),
    ] = "",
    tls_cert: Annotated[
        Path | None,
        _file("Certificate and its chain (PEM): speak HTTPS."),
    ] = None,
    tls_key: Annotated[Path | None, _file("Its key, if that is another file.")] = None,
    access_log: Annotated[
        bool, typer.Option("--access-log", help="Log each answer on stderr.")
    ] = False,
    log_json: Annotated[
        bool, typer.Option("--log-json", help="Make each line of the log a JSON object.")
    ] = False,
    log_config: Annotated[
        Path | None,
        _file(
            "Configuration of Python's logging (.json, .ini) instead; the loggers are lookalike, "
            "lookalike.access and uvicorn."
        ),
    ] = None,
    max_seconds: Annotated[
        float, typer.Option(metavar="S", min=0.1, help="For a request and its answer.")
    ] = 30,
    max_requests: Annotated[int, _number("N", "Requests that are answered at once.")] = 64,
    max_images: Annotated[int, _number("N", "Images of a request.")] = 256,
    max_side: Annotated[int, _number("PIXELS", "Width and height of an image.")] = 4096,
    max_body: Annotated[int, _number("MIB", "Body of a request.")] = 32,
    max_bodies: Annotated[int, _number("MIB", "Bodies of all requests at once.")] = 512,
) -> None:
    """Serve a model: a page to draw on, and an API, described at /docs.

    The address is printed once it answers. Corrections are kept in the file only on Save. If the
    file changes, and on SIGHUP, it is read again. Ctrl-C ends it, with exit code 0. The limits
    (--max-...) are those of each worker. Needs lookalike[web].

    Example: lookalike serve digits.lookalike --open
    """
    options.check_is_file(model)
    token = _read_token(token_file)
    if tls_key is not None and tls_cert is None:
        raise ValueError("--tls-key is the key of a certificate; give that by --tls-cert")
    if log_config is not None and (access_log or log_json):
        raise ValueError("--log-config has all of the log's settings; give it alone")
    with screen.bar("importing libraries") as bar:
        import threading
        import webbrowser

        try:
            from lookalike.web import logs
            from lookalike.web.certificate import Certificate
            from lookalike.web.security import Limits
            from lookalike.web.serve import serve as run
        except ModuleNotFoundError as error:
            if (error.name or "").startswith("lookalike"):
                raise
            raise ValueError(
                f"serving needs {error.name}, which is not installed; install 'lookalike[web]'"
            ) from error
        limits = Limits(
            body_bytes=max_body * 2**20,
            all_body_bytes=max_bodies * 2**20,
            side=max_side,
            images=max_images,
            seconds=max_seconds,
            requests=max_requests,
        )
        certificate = None if tls_cert is None else Certificate(tls_cert, tls_key)
        bar.start("opening the model")
        opened = options.open_on_threads(model, n_jobs)
        if opened.is_of_vectors and workers == 1:
            bar.start("opening the network")
            opened.open_network()

    def tell(served: Served) -> None:
        screen.result({"model": str(model), "url": served.url, "network_url": served.network_url})
        screen.say(f"{model} is served at {served.url} (Ctrl-C ends it)")
        if served.network_url is not None:
            screen.say(f"Other machines of the network reach it at {served.network_url}")
            if screen.out.is_terminal:
                _show_code(served.network_url)
        if workers == 1 and token is None and served.token is not None:
            # A made-up token is for the eyes of who starts the server, not for a journal.
            shown = screen.out.is_terminal
            screen.say(
                f"Correcting and saving need the token {served.token}"
                if shown
                else f"Correcting and saving need a token; give one by {_TOKEN} or --token-file"
            )
        sys.stdout.flush()  # a program that waits for the address reads it from a pipe
        if open_page:
            threading.Thread(target=webbrowser.open, args=[served.url], daemon=True).start()

    try:
        run(
            opened,
            host=host,
            port=port,
            names=names or (),
            token=token,
            reject=reject,
            limits=limits,
            workers=workers,
            root_path=root_path,
            certificate=certificate,
            logging=str(log_config)
            if log_config is not None
            else logs.log_config(access=access_log, as_json=log_json),
            on_start=tell,
        )
    except OSError as error:
        reason = error.strerror or str(error)
        raise OSError(
            f"cannot listen at {host}, port {port}: {reason}; choose others by --host, --port"
        ) from error


def _read_token(file: Path | None) -> str | None:
    if file is None:
        return os.environ.get(_TOKEN) or None
    first, *_ = file.read_text(encoding="utf-8").splitlines() or [""]
    return first.strip()


def _show_code(url: str) -> None:
    """Print a QR code, for the camera of a phone."""
    import segno

    segno.make(url, micro=False).terminal(compact=True)
