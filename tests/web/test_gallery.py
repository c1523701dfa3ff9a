"""Several pictures at once on the page, by a model that compares what a network makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.browser import Page
from tests.features.networks import write_means
from tests.web.test_in_browser import click, is_seen, page, serving, settled, text, wait

from lookalike import LookalikeClassifier, save_model
from lookalike.models.model import open_model

__all__ = ["page"]
pytestmark = pytest.mark.usefixtures("own_cache")

GROUPS = "[...document.querySelectorAll('#gallery section')]"
ANSWERED = "!document.getElementById('gallery-section').hasAttribute('aria-busy')"


def picture(colour: int, number: int) -> np.ndarray:
    rng = np.random.default_rng(10 * colour + number)
    pixels = rng.integers(0, 60, (30, 40, 3), np.uint8)
    pixels[..., colour] += 180
    return pixels


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Return the file of a model of red, green and blue pictures."""
    network = write_means(tmp_path / "means.onnx")
    given = [picture(i % 3, i) for i in range(30)]
    labels = ["red", "green", "blue"] * 10
    classifier = LookalikeClassifier("fast", features=network).fit(given, labels)
    save_model(classifier, tmp_path / "colours.lookalike", originals=given)
    return tmp_path / "colours.lookalike"


def choose(page: Page, paths: Sequence[Path]) -> None:
    found = page.call("Runtime.evaluate", expression="document.getElementById('file')")
    files = [str(path) for path in paths]
    page.call("DOM.setFileInputFiles", files=files, objectId=found["result"]["objectId"])


def drop(page: Page, paths: Sequence[Path]) -> None:
    """Drop files and folders on the page."""
    files = [str(path) for path in paths]
    data = {"items": [], "files": files, "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        page.call("Input.dispatchDragEvent", type=kind, x=200, y=200, data=data)


def groups(page: Page) -> dict[str, int]:
    """Return the number of pictures in each group of the gallery."""
    told = f"{GROUPS}.map(one => [one.querySelector('h3').firstChild.data.trim(), "
    return dict(page.evaluate(f"{told}one.querySelectorAll('img').length])"))


@pytest.mark.parametrize("width", [1200, 400])
def test_several_pictures_are_sorted_and_corrected(
    page: Page, model: Path, tmp_path: Path, width: int
) -> None:
    files = [tmp_path / f"{i}.png" for i in range(12)]
    for i, file in enumerate(files):
        Image.fromarray(picture(i % 3, 100 + i)).save(file)
    Image.fromarray(255 - picture(0, 0)).save(files[9])
    (tmp_path / "broken.png").write_bytes(b"no picture")
    with serving(model, page) as url:
        page.open(url, width=width, height=800)
        wait(page, "document.body.dataset.of === 'photographs'")
        assert not is_seen(page, "gallery-section")
        choose(page, [*files, tmp_path / "broken.png"])
        wait(page, f"{GROUPS}.length === 4 && {ANSWERED}")
        found = groups(page)
        assert (found["green"], found["blue"]) >= (4, 4)
        assert sum(found.values()) == 13
        assert any("broken" in name or "picture" in name for name in found)
        # One that is neither is shown, and corrected to a new class.
        click(page, "#gallery [title^='9.png']")
        settled(page)
        assert page.evaluate("document.getElementById('picture').alt") == "9.png"
        assert page.evaluate("document.querySelectorAll('#neighbors img:not([hidden])').length")
        page.evaluate("document.getElementById('new-name').value = 'cyan'")
        click(page, "#new-add")
        wait(page, "document.getElementById('verdict').textContent === 'cyan'")
        wait(page, f"{GROUPS}.some(one => one.textContent.startsWith('cyan')) && {ANSWERED}")
        assert groups(page)["cyan"] == 1
        # The other one that is neither is dragged to that class.
        dragged = page.evaluate(
            f"""(() => {{
                const [tile] = document.querySelectorAll("#gallery li:has([title^='10.png'])");
                const group = {GROUPS}.find(one => one.textContent.startsWith('cyan'));
                const data = new DataTransfer();
                const events = [[tile, "dragstart"], [group, "dragover"], [group, "drop"]];
                for (const [element, kind] of events)
                    element.dispatchEvent(
                        new DragEvent(kind, {{ dataTransfer: data, bubbles: true }}));
                return data.types.length;
            }})()"""
        )
        assert dragged == 1
        wait(page, "document.querySelectorAll('#corrections li').length === 2")
        wait(page, f"{ANSWERED}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        click(page, "#save")
        wait(page, "document.getElementById('unsaved').textContent === ''")
        click(page, "#gallery-close")
        assert not is_seen(page, "gallery-section")
        assert text(page, "error") == ""
    saved = open_model(model)
    assert saved.class_counts["cyan"] == 2
    assert saved.shown(30).shape == (8, 8, 3)


def test_a_folder_that_is_dropped_is_read_with_its_folders(
    page: Page, model: Path, tmp_path: Path
) -> None:
    for i in range(4):
        file = tmp_path / "new" / f"part {i % 2}" / f"{i}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture(i % 3, 100 + i)).save(file)
    (tmp_path / "new" / "notes.txt").write_text("no picture")
    with serving(model, page) as url:
        page.open(url)
        wait(page, "document.body.dataset.of === 'photographs'")
        drop(page, [tmp_path / "new"])
        wait(page, f"document.querySelectorAll('#gallery img').length === 4 && {ANSWERED}")
        assert groups(page) == {"red": 2, "green": 1, "blue": 1}
        assert text(page, "error") == ""
        drop(page, [tmp_path / "new" / "part 0" / "0.png"])  # one alone is no gallery
        settled(page)
        assert text(page, "verdict") == "red"
