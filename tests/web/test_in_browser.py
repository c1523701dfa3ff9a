"""The page in a real browser: drawn on, corrected and saved; on a phone, in the dark, by keys."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.browser import Page, browser
from tests.web import hands
from tests.web import serving as server

from lookalike import KNeighborsClassifier, LookalikeClassifier, load_dataset
from lookalike.images.exceptions import DatasetNotFoundError
from lookalike.models.file import save_model
from lookalike.models.model import open_model

_EVERY = 6  # of the points of a stroke: a mouse that is moved fast is asked less often, too
_N_HANDS = 4
NOT_SHOWN = "Failed to load resource"  # Chromium's own line about an answer that is an error


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with browser() as page:
        yield page


@contextmanager
def serving(path: Path, page: Page) -> Iterator[str]:
    """Serve a model file in a process of its own; give the address."""
    with server.serving(path) as (_, url, _):
        yield url
        page.open("about:blank")  # or it would go on asking


@pytest.fixture
def digits(tmp_path: Path) -> Path:
    """Return a small model's file."""
    train = load_dataset("digits").train
    classifier = KNeighborsClassifier(3, weights="distance")
    classifier.fit(train.images, train.labels.astype(str))
    save_model(classifier, tmp_path / "digits.lookalike", source="digits")
    return tmp_path / "digits.lookalike"


def wait(page: Page, condition: str, *, seconds: float = 10) -> None:
    """Wait until an expression of JavaScript is true."""
    held = page.evaluate(
        f"""new Promise(done => {{
            const end = performance.now() + {1000 * seconds};
            const look = () => {{
                if ({condition}) done(true);
                else if (performance.now() > end) done(false);
                else setTimeout(look, 10);
            }};
            look();
        }})"""
    )
    shown = page.evaluate("document.getElementById('error').textContent")
    assert held, f"never: {condition}; the page says {shown!r}"


def text(page: Page, id: str) -> str:
    return str(page.evaluate(f"document.getElementById('{id}').textContent"))


def click(page: Page, selector: str) -> None:
    page.evaluate(f"document.querySelector({selector!r}).click()")


def draw(page: Page, strokes: hands.Strokes, *, pen: float = 15) -> None:
    """Draw with the mouse, as wide as on the canvas of `hands`."""
    left, top, side = page.evaluate(
        "(box => [box.left, box.top, box.width])"
        "(document.getElementById('pad').getBoundingClientRect())"
    )
    page.evaluate(
        f"(pen => {{ pen.value = {100 * pen / hands.CANVAS}; pen.dispatchEvent(new Event('input'))"
        "})(document.getElementById('width'))"
    )
    for points in strokes:
        stroke = [*points[:-1:_EVERY], points[-1]]
        kinds = ["mousePressed", *["mouseMoved"] * (len(stroke) - 1), "mouseReleased"]
        for kind, (x, y) in zip(kinds, [*stroke, stroke[-1]], strict=True):
            page.call(
                "Input.dispatchMouseEvent",
                type=kind,
                x=left + x / hands.CANVAS * side,
                y=top + y / hands.CANVAS * side,
                button="left",
                buttons=0 if kind == "mouseReleased" else 1,
                clickCount=1,
            )


def answer_to(page: Page, strokes: hands.Strokes, **how: Any) -> str:
    """Draw on an empty pad; return the label of the answer to all of it."""
    click(page, "#clear")
    wait(page, "document.getElementById('answer').dataset.state === 'nothing'")
    draw(page, strokes, **how)
    settled(page)
    return str(page.evaluate("document.getElementById('answer').dataset.answer"))


def settled(page: Page) -> None:
    """Wait until an answer is shown that does not change any more."""
    wait(page, "document.getElementById('answer').dataset.state !== 'nothing'")
    page.evaluate(
        """new Promise(done => {
            let timer = setTimeout(done, 200);
            new MutationObserver(() => { clearTimeout(timer); timer = setTimeout(done, 200); })
                .observe(document.getElementById('answer'),
                         {subtree: true, childList: true, attributes: true});
        })"""
    )


def press(page: Page, key: str, *, ctrl: bool = False, times: int = 1) -> None:
    for _ in range(times):
        for kind in ("keyDown", "keyUp"):
            typed: dict[str, Any] = (
                {"text": key} if len(key) == 1 and kind == "keyDown" and not ctrl else {}
            )
            if key == "Tab":  # which moves the focus only by its number
                typed = {"windowsVirtualKeyCode": 9}
            page.call("Input.dispatchKeyEvent", type=kind, key=key, modifiers=2 * ctrl, **typed)


@pytest.mark.slow("learns from MNIST and draws 40 digits by mouse")
@pytest.mark.mnist
def test_digits_of_several_hands_and_pens_are_recognised(page: Page, tmp_path: Path) -> None:
    try:
        train = load_dataset("mnist", download=False).train
    except DatasetNotFoundError:
        pytest.skip("no MNIST")
    images, labels = train.images[:20_000], train.labels[:20_000].astype(str)
    classifier = LookalikeClassifier("fast").fit(images, labels)
    save_model(classifier, tmp_path / "mnist.lookalike")
    right, seen = 0, []
    with serving(tmp_path / "mnist.lookalike", page) as url:
        page.open(url)
        for hand in range(_N_HANDS):
            for digit in range(10):
                pen = hands.PENS[(hand + digit) % len(hands.PENS)]
                found = answer_to(page, hands.write(digit, hand), pen=pen)
                right += found == str(digit)
                seen.append((digit, hand, pen, found))
        assert page.console == []
    wrong = [one for one in seen if str(one[0]) != one[3]]
    assert right >= 0.95 * len(seen), wrong


def test_a_correction_is_known_at_once_undone_and_saved(page: Page, digits: Path) -> None:
    with serving(digits, page) as url:
        page.open(url)
        four = hands.write(4, 0)
        answer_to(page, four)
        page.evaluate("document.getElementById('new-name').value = 'boat'")
        click(page, "#new-add")
        wait(page, "document.getElementById('answer').dataset.answer === 'boat'")
        assert page.evaluate("document.querySelectorAll('#corrections li').length") == 1
        assert page.evaluate("document.querySelector('#neighbors li').dataset.correction") == "true"
        assert "1" in text(page, "unsaved")
        click(page, "#corrections [data-undo]")
        wait(page, "document.querySelectorAll('#corrections li').length === 0")
        wait(page, "document.getElementById('answer').dataset.answer !== 'boat'")
        assert page.evaluate("document.querySelector('[data-label=boat]')") is None

        click(page, "[data-label='4']")
        wait(page, "document.querySelectorAll('#corrections li').length === 1")
        before = open_model(digits).n_samples
        click(page, "#save")
        wait(page, "document.querySelector('#corrections li').dataset.saved === 'true'")
        after = open_model(digits)
        assert after.n_samples == before + 1
        assert after.label(before) == "4"
        page.open(url)  # again: corrections are the server's, not the tab's
        wait(page, "document.querySelectorAll('#corrections li').length === 1")
        assert page.console == []


def test_a_picture_is_chosen_and_a_broken_one_told_of(
    page: Page, digits: Path, tmp_path: Path
) -> None:
    Image.fromarray(hands.draw(hands.write(2, 1))).save(tmp_path / "two.png")
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    with serving(digits, page) as url:
        page.open(url)
        choose(page, tmp_path / "two.png")
        settled(page)
        assert page.evaluate("document.getElementById('answer').dataset.answer") == "2"
        assert page.evaluate("document.getElementById('frame').dataset.holds") == "picture"
        choose(page, tmp_path / "broken.png")
        wait(page, "document.getElementById('error').textContent !== ''")
        assert "\n" not in text(page, "error").strip()
        assert all(NOT_SHOWN in line for line in page.console)


def note_what_is_sent(page: Page) -> None:
    page.evaluate(
        """(asked => {
            window.sent = [];
            window.fetch = (url, options) => {
                if (options.body instanceof Blob) sent.push(options.body);
                return asked(url, options);
            };
        })(window.fetch.bind(window))"""
    )


def last_sent(page: Page) -> list[Any]:
    """Return the width, height, bytes and type of the picture that was sent last."""
    found = page.evaluate(
        "createImageBitmap(sent.at(-1)).then("
        "({width, height}) => [width, height, sent.at(-1).size, sent.at(-1).type])"
    )
    return list(found)


def test_a_photograph_is_shrunk_upright_before_it_is_sent_and_a_gif_sent_as_it_is(
    page: Page, digits: Path, tmp_path: Path
) -> None:
    two = Image.fromarray(hands.draw(hands.write(2, 1)))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    lying = two.resize((3000, 4000)).rotate(90, expand=True)
    noise = np.random.default_rng(0).integers(0, 9, (3000, 4000), np.uint8)  # as cameras have it
    lying = Image.fromarray(np.maximum(np.asarray(lying), noise) - noise // 2)
    lying.save(tmp_path / "photograph.jpg", exif=exif)
    two.save(tmp_path / "two.gif")
    with serving(digits, page) as url:
        page.open(url)
        note_what_is_sent(page)
        choose(page, tmp_path / "photograph.jpg")
        settled(page)
        assert page.evaluate("document.getElementById('answer').dataset.answer") == "2"
        width, height, n_bytes, kind = last_sent(page)
        assert (width, height, kind) == (1536, 2048, "image/jpeg")
        assert n_bytes < (tmp_path / "photograph.jpg").stat().st_size / 2

        click(page, "#clear")
        choose(page, tmp_path / "two.gif")
        settled(page)
        assert page.evaluate("document.getElementById('answer').dataset.answer") == "2"
        n_bytes = (tmp_path / "two.gif").stat().st_size
        assert last_sent(page) == [*two.size, n_bytes, "image/gif"]
        assert page.console == []


def is_seen(page: Page, id: str) -> bool:
    return bool(page.evaluate(f"document.getElementById('{id}').checkVisibility()"))


@pytest.mark.parametrize("width", [1200, 360])
def test_a_model_of_photographs_has_no_pen_and_no_noise(
    page: Page, tmp_path: Path, width: int
) -> None:
    names = np.array(["学习", "naïve café", "a_very_long_class_name_that_goes_on_and_on_2024"])
    labels = np.arange(150) % 3
    images = np.random.default_rng(0).integers(0, 99, (150, 24, 32, 3), np.uint8)
    images[np.arange(150), :, :, labels] += 150
    classifier = KNeighborsClassifier(6).fit(images, names[labels])
    save_model(classifier, tmp_path / "colours.lookalike", source="x" * 99)
    Image.fromarray(images[2]).resize((320, 240)).save(tmp_path / "blue.webp")
    with serving(tmp_path / "colours.lookalike", page) as url:
        page.open(url, width=width, height=800)
        wait(page, "document.body.dataset.of === 'photographs'")
        for id in ("pad", "width", "noise"):
            assert not is_seen(page, id)
        assert "choose" in page.evaluate("document.getElementById('hint').innerText")
        choose(page, tmp_path / "blue.webp")
        settled(page)
        assert text(page, "verdict") == names[2]
        assert is_seen(page, "picture")
        assert page.evaluate("document.querySelectorAll('#neighbors img:not([hidden])').length")
        click(page, f"[data-label='{names[0]}']")
        wait(page, "document.querySelectorAll('#corrections li').length === 1")
        wait(page, "document.querySelector('#neighbors li').dataset.correction === 'true'")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.console == []


def choose(page: Page, path: Path) -> None:
    found = page.call("Runtime.evaluate", expression="document.getElementById('file')")
    page.call("DOM.setFileInputFiles", files=[str(path)], objectId=found["result"]["objectId"])


def test_one_draws_for_a_model_of_shapes_on_its_own_ground(page: Page, tmp_path: Path) -> None:
    shapes = np.zeros((40, 28, 28), np.uint8)
    shapes[:20, 4:16, 4:24] = shapes[20:, 4:24, 4:16] = 200
    classifier = KNeighborsClassifier(3).fit(shapes, np.repeat(["flat", "high"], 20))
    save_model(classifier, tmp_path / "shapes.lookalike")
    across, down = np.linspace(40, 240, 20).tolist(), [140.0] * 20
    with serving(tmp_path / "shapes.lookalike", page) as url:
        page.open(url)
        assert answer_to(page, [list(zip(across, down, strict=True))], pen=40) == "flat"
        assert answer_to(page, [list(zip(down, across, strict=True))], pen=40) == "high"


def test_noise_is_added_and_taken_away(page: Page, digits: Path) -> None:
    with serving(digits, page) as url:
        page.open(url)
        answer_to(page, hands.write(0, 2))
        page.evaluate(
            "(noise => { noise.value = 3; noise.dispatchEvent(new Event('input')) })"
            "(document.getElementById('noise'))"
        )
        wait(page, "document.getElementById('noisy').dataset.empty === 'false'")
        wait(page, "document.getElementById('cleaned').dataset.empty === 'false'", seconds=30)
        assert page.console == []


def test_all_of_it_by_keys(page: Page, digits: Path) -> None:
    with serving(digits, page) as url:
        page.open(url)
        page.evaluate("document.getElementById('pad').focus()")
        press(page, "ArrowUp", times=9)
        press(page, " ")
        press(page, "ArrowDown", times=18)
        press(page, " ")
        settled(page)
        assert page.evaluate("document.getElementById('answer').dataset.answer") == "1"
        press(page, "1")
        wait(page, "document.querySelectorAll('#corrections li').length === 1")
        press(page, "s", ctrl=True)
        wait(page, "document.querySelector('#corrections li').dataset.saved === 'true'")
        press(page, "Delete")
        wait(page, "document.getElementById('answer').dataset.state === 'nothing'")
        press(page, "z", ctrl=True)
        wait(page, "document.getElementById('answer').dataset.state !== 'nothing'")
        page.evaluate("document.activeElement.blur()")
        reached = []
        for _ in range(60):
            press(page, "Tab")
            reached.append(page.evaluate("document.activeElement.id"))
        wanted = {"pad", "undo", "clear", "file", "width", "new-name", "new-add", "noise"}
        assert wanted <= set(reached)
        assert page.console == []


@pytest.mark.parametrize(
    ("width", "height", "dark"), [(1200, 900, False), (1200, 900, True), (360, 740, False)]
)
def test_it_fits_every_screen(
    page: Page, digits: Path, tmp_path: Path, width: int, height: int, dark: bool
) -> None:
    with serving(digits, page) as url:
        page.open(url, width=width, height=height, dark=dark)
        answer_to(page, hands.write(3, 0))
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        ground = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        ground = (
            ground
            if "0, 0, 0, 0" not in ground
            else page.evaluate("getComputedStyle(document.body).backgroundColor")
        )
        lightness = np.mean([float(part) for part in ground[ground.index("(") + 1 : -1].split(",")])
        assert (lightness < 100) == dark, ground
        page.screenshot(tmp_path / "page.png")
        assert Image.open(tmp_path / "page.png").size[0] == width
        assert page.console == []
        assert all(one.startswith((url, "data:", "blob:")) for one in page.requests)
