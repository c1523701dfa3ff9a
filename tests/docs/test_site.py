"""The site: a page for each public name, and links that lead to files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.golden.test_interface import load, named, results

import lookalike

ROOT = Path(__file__).parents[2]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("benchmarks/*.md"), *(ROOT / "docs").rglob("*.md")]


def test_the_reference_lists_each_public_name() -> None:
    text = (ROOT / "docs" / "reference.rst").read_text(encoding="utf-8")
    listed = [f"lookalike.{name}" for name in re.findall(r"^   ~?(\w[\w.]*)$", text, re.MULTILINE)]
    assert len(listed) == len(set(listed))
    public = {f"lookalike.{name}" for name in lookalike.__all__ if name != "__version__"} | named()
    public |= {f"{own.__module__}.{own.__qualname__}" for own in results(public)} - {
        f"{load(name).__module__}.{load(name).__qualname__}" for name in public
    }
    assert public <= set(listed)
    for name in listed:
        assert load(name).__doc__, name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files(page: Path) -> None:
    for link in re.findall(r"\]\((?!\w+:|#)([^)\s#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / link).exists(), f"{link} of {page.name}"
