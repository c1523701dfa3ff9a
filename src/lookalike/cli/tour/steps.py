"""The steps of the tour, in order. A new one is a file here and a line in this list."""

from __future__ import annotations

from lookalike.cli.tour.against import AgainstSklearn
from lookalike.cli.tour.against_clean import CleanAgainstSklearn
from lookalike.cli.tour.audited import Audited
from lookalike.cli.tour.augmented import Augmented
from lookalike.cli.tour.baseline import Baseline
from lookalike.cli.tour.clean import Clean
from lookalike.cli.tour.compared import Compared
from lookalike.cli.tour.confusion import Confusion
from lookalike.cli.tour.detected import Detected
from lookalike.cli.tour.few import Few
from lookalike.cli.tour.judged import JudgedStep
from lookalike.cli.tour.load import Load
from lookalike.cli.tour.matched import Matched
from lookalike.cli.tour.mistakes import Mistakes
from lookalike.cli.tour.shifts import OnePixelShifts
from lookalike.cli.tour.step import Step
from lookalike.cli.tour.sure import Sure
from lookalike.cli.tour.tuned import Tuned
from lookalike.cli.tour.tuning import TuningStep


def choose_steps(*, against_sklearn: bool) -> list[Step]:
    """Return the steps to walk."""
    steps: list[Step] = [
        Load(),
        Baseline(),
        Confusion(),
        Mistakes(),
        TuningStep(),
        Tuned(),
        JudgedStep(),
        Detected(),
        Sure(),
        Compared(),
        OnePixelShifts(),
        Augmented(),
        Matched(),
        Few(),
        Clean(),
        Audited(),
    ]
    if against_sklearn:
        steps += [AgainstSklearn(), CleanAgainstSklearn()]
    return steps
