"""What a run compared, and how much of it is wrong."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Check:
    """One comparison of many values.

    Attributes
    ----------
    what : str
        Which values, and what they were compared with.
    n : int
        How many.
    wrong : int
        How many of them differ.
    note : str
        What else there is to say, such as of differences that are no errors.
    """

    what: str
    n: int
    wrong: int
    note: str = ""

    def __str__(self) -> str:
        verdict = f"{self.wrong:,} of {self.n:,} WRONG" if self.wrong else f"{self.n:,} equal"
        return f"{self.what}: {verdict}{self.note}"


@dataclass
class Checks:
    """All comparisons of a run, in the order of the report."""

    done: list[Check] = field(default_factory=list)

    def add(self, what: str, n: int, wrong: int, note: str = "") -> None:
        """Note one; of nothing to compare none is noted."""
        if n:
            self.done.append(Check(what, n, wrong, note))

    @property
    def wrong(self) -> int:
        return sum(check.wrong for check in self.done)

    def __str__(self) -> str:
        return "\n".join(f"- {check}" for check in self.done)

    def figures(self) -> list[dict[str, object]]:
        """All of them as JSON takes them."""
        return [vars(check) for check in self.done]
