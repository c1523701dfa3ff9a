"""``lookalike serve``: a model behind a page to draw on, and behind HTTP."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from lookalike.cli import options
from lookalike.cli.screen import Screen

if TYPE_CHECKING:
    from lookalike.web.serve import Served


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
    port: Annotated[
        int, typer.Option(metavar="N", min=0, max=65535, help="0 for any that is free.")
    ] = 8000,
    names: Annotated[
        list[str] | None,
        typer.Option(
            "--name",
            metavar="HOST",
            help="A name by which the server is reached, such as pi.local; may be given again. "
            "Requests by other names are refused.",
        ),
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(
            envvar="LOOKALIKE_TOKEN",
            metavar="T",
            help="What correcting and saving need. Made up if it is not given and other machines "
            "are let in.",
        ),
    ] = None,
    reject: options.Reject = 0.9,
    open_page: Annotated[
        bool, typer.Option("--open", help="Open the page in the browser of this machine.")
    ] = False,
    n_jobs: options.Threads = None,
) -> None:
    """Serve a model: a page to draw on, and an API, described at /docs.

    The address is printed once it answers. Corrections are kept in the file only on Save. Ctrl-C
    ends it, with exit code 0. Needs lookalike[web].

    Example: lookalike serve digits.lookalike --open
    """
    options.check_is_file(model)
    with screen.bar("importing libraries") as bar:
        import threading
        import webbrowser

        try:
            from lookalike.web.serve import serve as run
        except ModuleNotFoundError as error:
            if (error.name or "").startswith("lookalike"):
                raise
            raise ValueError(
                f"serving needs {error.name}, which is not installed; install 'lookalike[web]'"
            ) from error
        bar.start("opening the model")
        opened = options.open_on_threads(model, n_jobs)
        if opened.is_of_vectors:
            bar.start("opening the network")
            opened.open_network()

    def tell(served: Served) -> None:
        screen.result({"model": str(model), "url": served.url, "token": served.token})
        screen.say(f"{model} is served at {served.url} (Ctrl-C ends it)")
        if served.token is not None:
            screen.say(f"Correcting and saving need the token {served.token}")
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
            on_start=tell,
        )
    except OSError as error:
        reason = error.strerror or str(error)
        raise OSError(
            f"cannot listen at {host}, port {port}: {reason}; choose others by --host, --port"
        ) from error
