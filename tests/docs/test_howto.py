"""The how-to pages: their commands and code run in the order they stand, on a small data set."""

from __future__ import annotations

import csv
import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw
from tests.features.networks import write_means
from tests.processes import python

from lookalike import load_dataset
from lookalike.models.model import open_model

PAGES = Path(__file__).parents[2] / "docs" / "howto"
MAIN = "from lookalike.cli.app import main; main()"
pytestmark = pytest.mark.slow("starts a shell, servers and a dozen commands a page")


def blocks(page: str) -> list[tuple[str, str]]:
    """Return the page's blocks in order, each with its language: sh or python."""
    text = (PAGES / page).read_text(encoding="utf-8")
    return re.findall(r"```(sh|python)\n(.*?)```", text, re.DOTALL)


def run(block: str, folder: Path, **environment: str) -> str:
    """Run commands as a newcomer's shell does, in a folder; the first that fails ends them."""
    script = f'lookalike() {{ {shlex.join([*python(), "-c", MAIN])} "$@"; }}\nset -e\n{block}'
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    process = subprocess.Popen(
        [*python(), "-c", MAIN, "serve", "digits.lookalike", "--port", "0", "--json"],
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    told = ""
    while not told.rstrip().endswith("}"):
        told += process.stdout.readline()
    try:
        yield str(json.loads(told)["url"]).rstrip("/")
    finally:
        process.terminate()
        process.communicate(timeout=20)


def write_images(folder: Path, rows: Iterator[int] | range, *, by_class: bool) -> None:
    data = load_dataset("digits").train
    for row in rows:
        name = data_name(data.labels[row]) if by_class else ""
        (folder / name).mkdir(parents=True, exist_ok=True)
        Image.fromarray(data.images[row] * np.uint8(15)).save(folder / name / f"{row:04}.png")


def data_name(label: int) -> str:
    return load_dataset("digits").class_names[label]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file of a model of digits."""
    folder = tmp_path_factory.mktemp("trained")
    run("lookalike train digits --quick -o digits.lookalike", folder)
    return folder / "digits.lookalike"


@pytest.fixture
def served(tmp_path: Path, trained: Path) -> Path:
    """Return a folder with a model of digits and pictures to ask about."""
    shutil.copy(trained, tmp_path)
    data = load_dataset("digits").train
    for label, name in ((7, "seven"), (4, "four")):
        row = int(np.flatnonzero(data.labels == label)[0])
        Image.fromarray(data.images[row] * np.uint8(15)).save(tmp_path / f"{name}.png")
    return tmp_path


def write_mixed_pictures(folder: Path, n: int, *, by_class: bool) -> None:
    """Write pictures as people have them: three kinds of things in many sizes and formats."""
    rng = np.random.default_rng(n)
    formats = [("png", "RGB"), ("jpg", "RGB"), ("gif", "P"), ("tif", "CMYK"), ("webp", "RGB")]
    for i in range(n):
        kind = ("cup", "hand", "leaf")[i % 3]
        own = folder / kind if by_class else folder
        own.mkdir(parents=True, exist_ok=True)
        width, height = rng.integers(120, 400, 2).tolist()
        image = Image.new("RGB", (width, height), tuple(rng.integers(180, 256, 3).tolist()))
        colour = ((200, 60, 40), (230, 180, 150), (60, 150, 50))[i % 3]
        pen = ImageDraw.Draw(image)
        box = [width * 0.2, height * 0.2, width * 0.8, height * 0.8]
        if kind == "cup":
            pen.rectangle(box, fill=colour)
        elif kind == "hand":
            for finger in range(4):
                x = width * (0.2 + 0.16 * finger)
                pen.rectangle([x, height * 0.2, x + width * 0.1, height * 0.8], fill=colour)
        else:
            pen.ellipse(box, fill=colour)
        ending, mode = formats[i % len(formats)]
        image.convert(mode).save(own / f"{kind} {i:03}.{ending}")


def test_train_on_your_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_mixed_pictures(tmp_path / "things", 60, by_class=True)
    write_mixed_pictures(tmp_path / "new", 9, by_class=False)
    (tmp_path / "things" / "cup" / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    (tmp_path / "things" / "hand" / "Thumbs.db").write_bytes(b"left by a program")
    (tmp_path / "new" / "notes.txt").write_text("no picture")
    monkeypatch.chdir(tmp_path)
    for language, block in blocks("your-own-folder.md"):
        if language == "sh":
            run(block, tmp_path)
        else:
            made: dict[str, Any] = {}
            exec(compile(block, "your-own-folder.md", "exec"), made)
    with (tmp_path / "answers.csv").open(encoding="utf-8") as file:
        answers = list(csv.DictReader(file))
    assert [own["image"].split("/")[1].split(" ")[0] for own in answers] == [
        own["label"] for own in answers
    ]
    assert len(answers) == len(list((tmp_path / "why").glob("*.png"))) == 9
    assert "broken.jpg" in (tmp_path / "audit" / "moves.sh").read_text(encoding="utf-8")
    model = open_model(tmp_path / "things.lookalike")
    assert model.class_names == ["cup", "hand", "leaf"]
    names = np.array(made["data"].class_names)[made["data"].test.labels]
    assert made["again"].score(made["data"].test.images, names) > 0.9


def test_use_pretrained_features(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    write_mixed_pictures(tmp_path / "things", 90, by_class=True)
    (tmp_path / "dinov2").mkdir()
    write_means(tmp_path / "dinov2" / "model.onnx", side="side")
    config = {"size": 8, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    (tmp_path / "dinov2" / "preprocessor_config.json").write_text(json.dumps(config))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    made: dict[str, Any] = {}
    for language, block in blocks("pretrained-features.md"):
        if language == "sh":
            run(block, tmp_path)
        else:
            exec(compile(block, "pretrained-features.md", "exec"), made)
    assert len(list((tmp_path / "why").glob("*.png"))) == 30
    assert open_model(tmp_path / "things.lookalike").is_of_vectors
    printed = capsys.readouterr().out
    assert printed.startswith("(18, 1280)\n['cup' 'cup' 'cup']\n1 prediction by 3 neighbors each")
    assert "\n['cup']\n3\nk-NN, k = 1: " in printed
    assert printed.endswith("\n[0 1 2]\n")
    assert re.search(r"\nk-NN, k = 1: \d+%\n", printed)


def test_put_it_behind_http(served: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.chdir(served)
    with serving(served) as url:
        for language, block in blocks("http.md"):
            if "pip install" in block:
                continue  # as it is: the server runs on a port that is free
            block = block.replace("http://127.0.0.1:8000", url)
            if language == "sh":
                assert '"label":"7"' in run(block, served)
            else:
                exec(compile(block, "http.md", "exec"), {"address": url})
    assert capsys.readouterr().out.startswith("7 ")


def test_correct_and_forget(served: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(served)
    write_images(served / "more", range(1400, 1410), by_class=True)
    commands = [block for language, block in blocks("correct-and-forget.md") if language == "sh"]
    before = open_model("digits.lookalike").n_samples
    with serving(served) as url:
        assert '"unsaved":0' in run(commands[0], served, ADDRESS=url).splitlines()[-1]
    assert open_model("digits.lookalike").n_samples == before
    run(commands[1], served)
    assert open_model("digits.lookalike").n_samples == before + 1 + 10 - 1
    train = load_dataset("digits").train
    made = {"images": train.images[:2], "labels": train.labels[:2].astype(str)}
    for language, block in blocks("correct-and-forget.md"):
        if language == "python":
            exec(compile(block, "correct-and-forget.md", "exec"), made)
    assert open_model("digits.lookalike").n_samples == before + 10 + 2 - 1
