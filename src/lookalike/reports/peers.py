"""The same work by scikit-learn: how long it takes, and where its answers differ."""

from __future__ import annotations

from lookalike.evaluation.peers import BesidePeer, GridSearchEstimate
from lookalike.reports.blocks import Cell, Column, Section, Table, Text


def peer_section(found: BesidePeer, *, work: str, what: str) -> Section:
    """Tell how long scikit-learn takes beside us, and how many answers differ.

    Parameters
    ----------
    found : BesidePeer
    work : str
        What was done, on how many threads: "360 test images on 2 threads".
    what : str
        The answers, in the plural: "predictions".
    """
    theirs = found.peer.fit_seconds, found.peer.predict_seconds
    rows: list[list[Cell]] = [
        [name, *seconds, sum(seconds)]
        for name, seconds in (
            ("lookalike", found.seconds),
            (f"scikit-learn {found.peer.version}", theirs),
        )
    ]
    heads = [Column(f"{head}, s", ".2f") for head in ("fit", "predict", "both")]
    names, times = ("lookalike", "scikit-learn"), found.times_faster
    faster, slower = names if times >= 1 else names[::-1]
    said = (
        f"{faster} is {max(times, 1 / times):.1f} times as fast as {slower}. Both measured whole, "
        f"nothing extrapolated: {work}; scikit-learn by brute force in float64, its fastest dtype."
    )
    table = Table(["", *heads], rows, "Seconds to do the same")
    return Section("Beside scikit-learn", [table, Text(said), Text(_agreement(found, what))])


def _agreement(found: BesidePeer, what: str) -> str:
    n, different, ties = len(found.peer.prediction), found.differences.n, found.differences.n_ties
    if different == 0:
        return f"All {n:,} {what} are equal."
    all_of_them, others = ("all ", "") if ties == different else ("", different - ties)
    rest = f", and {others} are not" if others else ""
    return (
        f"{n - different:,} of {n:,} {what} are equal; of the {different} others {all_of_them}"
        f"{ties} are ties, where training images are at exactly the same distance{rest}."
    )


def grid_search_texts(
    peer: GridSearchEstimate, *, seconds: float, n_candidates: int, n_some: int, some: str
) -> list[Text]:
    """Say how long a search over hyperparameters took, and how long scikit-learn's would take.

    Parameters
    ----------
    peer : GridSearchEstimate
    seconds : float
        What the search took.
    n_candidates : int
        The candidates that it scored.
    n_some : int
        The size of a smaller grid, whose time is told too.
    some : str
        What that one is: "k = 3, 4, 5".
    """
    theirs, of_some = (peer.seconds_per_candidate * n for n in (n_candidates, n_some))
    longer = f", {theirs / seconds:,.0f} times as long" if theirs >= 2 * seconds else ""
    return [
        Text(
            f"All {n_candidates} candidates are read off one search: {seconds:.2f} s. "
            f"scikit-learn's GridSearchCV would take about {duration(theirs)}{longer}; for {some} "
            f"alone {duration(of_some)}."
        ),
        Text(
            f"(Extrapolated, by pairs of images, from {peer.measured_seconds:.3f} s that "
            f"scikit-learn {peer.version} took to predict {peer.n_queries:,} from {peer.n_rows:,} "
            "of the training images.)",
            is_note=True,
        ),
    ]


def duration(seconds: float) -> str:
    """Return a time to about two digits.

    Examples
    --------
    >>> [duration(seconds) for seconds in (0.034, 5.2, 43.2, 620, 9000, 250000)]
    ['0.034 s', '5.2 s', '43 s', '10 min', '2.5 h', '69 h']
    """
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= 1.5 * size:
            number = seconds / size
            return f"{number:.{0 if number >= 9.95 else 1}f} {unit}"
    return f"{seconds:.2g} s"
