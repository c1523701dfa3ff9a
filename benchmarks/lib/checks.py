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
    excused : int
        How many more differ where both are right.
    by : str
        What excuses them: "ties" are neighbours at exactly equal distances, or equal votes.
    """

    what: str
    n: int
    wrong: int
    excused: int = 0
    by: str = "ties"

    def __str__(self) -> str:
        equal = self.n - self.wrong - self.excused
        text = f"{self.what}: {equal:,} of {self.n:,} equal"
        if self.excused:
            text += f", {self.excused:,} different by {self.by}"
        return f"{text}, {self.wrong:,} WRONG" if self.wrong else text


@dataclass
class Checks:
    """All comparisons of a run, in the order of the report."""

    done: list[Check] = field(default_factory=list)

    def add(self, what: str, n: int, wrong: int, excused: int = 0, by: str = "ties") -> None:
        """Note one; of nothing to compare none is noted."""
        if n:
            self.done.append(Check(what, n, wrong, excused, by))

    @property
    def wrong(self) -> int:
        return sum(check.wrong for check in self.done)

    def __str__(self) -> str:
        return "\n".join(f"- {check}" for check in self.done)

    def figures(self) -> list[dict[str, object]]:
        """All of them as JSON takes them."""
        return [vars(check) for check in self.done]
