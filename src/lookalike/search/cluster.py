"""How tasks on a cluster are waited for: with progress, without hanging, and with clear errors.

A cluster may lose its workers, or the client its connection, at any time. Dask then waits for new
workers for ever; here, a wait ends with an error once there has been no worker for a while.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from time import monotonic, sleep
from typing import Any

from distributed import Client, Future, KilledWorker, default_client, wait
from distributed.comm import CommClosedError

from lookalike.images.progress import Progress

PATIENCE = 60.0
"""Seconds without any worker, after which a wait ends with an error."""
POLL = 0.5
"""Seconds between two looks at the cluster."""
TRIES = 5
"""How often work is done again whose workers were lost."""


def find_client(client: Client | None) -> Client:
    """Return the client, or the one that was made last; raise RuntimeError if none is open."""
    if client is None:
        try:
            client = default_client()
        except ValueError as error:
            raise RuntimeError(
                "there is no dask client; make one, as by distributed.Client(), or set `client`"
            ) from error
    _check_open(client)
    return client


def workers_of(client: Client) -> dict[str, Any]:
    """Return what the scheduler knows of each running worker, after waiting for the first one."""
    until = monotonic() + PATIENCE
    while not (workers := _running(client)):
        if monotonic() > until:
            raise RuntimeError(_no_workers(client))
        sleep(POLL)
    return workers


def _running(client: Client) -> dict[str, Any]:
    _check_open(client)
    known = client.scheduler_info(n_workers=-1)["workers"]
    return {name: worker for name, worker in known.items() if worker["status"] == "running"}


def results_of(
    client: Client,
    futures: Sequence[Future],
    sizes: Sequence[int] = (),
    progress: Progress | None = None,
) -> list[Any]:
    """Return the results of tasks, of which `finish` tells the parameters and errors."""
    finish(client, futures, sizes, progress)
    return list(client.gather(list(futures)))


def finish(
    client: Client,
    futures: Sequence[Future],
    sizes: Sequence[int] = (),
    progress: Progress | None = None,
) -> None:
    """Wait for tasks; the others are cancelled if one fails, or by Ctrl-C.

    ``progress`` is called with the sum of the sizes of the tasks that are done.

    Raises
    ------
    RuntimeError
        If the client is closed, or if there are no workers.
    KilledWorker, CancelledError, CommClosedError, TimeoutError
        If workers were lost: see `retried`.
    Exception
        What a task raised.
    """
    sizes = sizes or [1] * len(futures)
    pending, last_seen = set(futures), monotonic()
    try:
        while pending:
            try:
                done, pending = wait(pending, timeout=POLL, return_when="FIRST_COMPLETED")
            except TimeoutError:
                done = set()
            for one in done:
                if one.status != "finished":
                    one.result(timeout=POLL)
            if _running(client):
                last_seen = monotonic()
            elif monotonic() - last_seen > PATIENCE:
                raise RuntimeError(_no_workers(client))
            if progress is not None:
                pairs = zip(futures, sizes, strict=True)
                progress(sum(n for one, n in pairs if one not in pending), sum(sizes))
    finally:
        if pending and client.status == "running":
            client.cancel(list(pending))


def retried(client: Client, work: Callable[[], Any], forget: Callable[[], None]) -> Any:
    """Return the result of the work; if workers were lost, forget what they had and try again.

    Raises
    ------
    RuntimeError
        If the client is closed, or if workers are lost again and again.
    """
    for _ in range(TRIES):
        workers_of(client)
        try:
            return work()
        except KilledWorker as error:
            lost: Exception = error
            break
        except (CancelledError, CommClosedError, TimeoutError) as error:
            _check_open(client)
            sleep(POLL)  # the scheduler must notice, too
            lost = error
            forget()
    raise RuntimeError(
        f"workers ended again and again while they worked on the same task ({lost!r}); they may "
        "have too little memory: give them more, or the rows in more parts"
    ) from lost


def _check_open(client: Client) -> None:
    if client.status != "running":
        raise RuntimeError(
            f"the dask client is {client.status}; make a new one, set `client`, and fit again"
        )


def _no_workers(client: Client) -> str:
    return (
        f"the scheduler {client.scheduler.address} has had no workers for {PATIENCE:g} s; start "
        "some, as by `dask worker ADDRESS`"
    )
