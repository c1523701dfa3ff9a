"""What the training set is grown by: images moved by one pixel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.text import Text

from lookalike.cli.screen import Bar, Screen
from lookalike.cli.tour.step import Step, Tour
from lookalike.images.augmentation import Shifts
from lookalike.images.expand import Expansion
from lookalike.images.variants import Variant
from lookalike.reports.augmentation import variants_gallery
from lookalike.reports.blocks import Section
from lookalike.reports.png import save_png
from lookalike.reports.terminal import show

_N_SHOWN = 2


class OnePixelShifts(Step):
    """List the shifts, if there are pixels enough."""

    name = "shifts"
    title = "The training images, moved by one pixel"

    def run(self, tour: Tour, bar: Bar) -> None:
        self.data = tour.data
        self.variants: tuple[Variant, ...] = ()
        self.augmentation = tour.augmentation = Shifts(1)
        try:
            self.expansion = Expansion(self.data, self.augmentation)
            self.variants = self.expansion.variants
        except ValueError as error:
            tour.augmentation = None
            self.skipped = tour.no_augmentation = str(error)

    def report(self) -> dict[str, Any]:
        if not self.variants:
            return {"skipped": self.skipped}
        n_train = len(self.data.train)
        return {
            "augmentation": repr(self.augmentation),
            "variants": [str(variant) for variant in self.variants],
            "n_train": n_train,
            "n_expanded": n_train * (len(self.variants) + 1),
        }

    def show(self, screen: Screen) -> None:
        if not self.variants:
            screen.say(Text(f"Skipped: {self.skipped}."))
            return
        n_train = len(self.data.train)
        section = Section(self.title, [variants_gallery(self.expansion)])
        show([section], screen.out, titles=False, most_pictures=_N_SHOWN)
        screen.say()
        screen.say(
            f"A digit or a thing stays what it is when it moves: {n_train:,} training images "
            f"stand for {n_train * (len(self.variants) + 1):,}."
        )

    def save(self, folder: Path) -> list[str]:
        if not self.variants:
            return []
        save_png(folder / "shifts.png", variants_gallery(self.expansion))
        return ["shifts.png"]
