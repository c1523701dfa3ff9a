"""What every command prints as JSON and writes, and its exit codes, on small data."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.cli.samples import save_digits, save_pictures
from tests.cli.tour_reports import hasten
from tests.golden.plain import Outline, plain, pretty
from typer.testing import CliRunner

from lookalike import load_dataset
from lookalike.cli.app import app
from lookalike.images.catalogue import CATALOGUE

Golden = Callable[[str, str], None]

CALLS = {
    "tour": "tour --data digits --out tour",
    "train": "train few.npz --quick -o made.lookalike --out train",
    "predict": "predict digits.lookalike pictures --top 2 --explain why",
    "serve": "serve digits.lookalike --host 0.0.0.0 --port 80",
    "add": "add added.lookalike pictures --label four",
    "forget": "forget forgotten.lookalike 3 7-9",
    "tune": "tune digits --k 1-5 --cv 3 --out tune",
    "evaluate": "evaluate digits --k 5 --weights distance --detect 5 --out evaluate",
    "evaluate-model": "evaluate few.npz --model digits.lookalike --out evaluate-model",
    "compare": "compare digits --with knn,dummy --train 300 --out compare",
    "augment": "augment digits --show --out augment",
    "clean": "clean few.npz --noise uniform:6 --quality fast --out clean",
    "audit": "audit folder --n-neighbors 5 --out audit",
    "info": "info",
    "info-model": "info digits.lookalike",
    "data-list": "data list",
    "data-fetch": "data fetch mnist",
}
FAILURES = {
    "tour": "--data none.npz | --data broken.npz | --data few.npz --n-jobs 0",
    "train": "none.npz | broken.npz | digits --effort most | few.npz --n-jobs 0",
    "predict": "none.lookalike pictures | broken.npz pictures | digits.lookalike none.png | "
    "digits.lookalike broken.npz | digits.lookalike pictures --reject 2",
    "serve": "none.lookalike | broken.npz | digits.lookalike --port x",
    "add": "none.lookalike pictures | broken.npz pictures | digits.lookalike none.png --label 4 | "
    "digits.lookalike broken.npz",
    "forget": "none.lookalike 3 | broken.npz 3 | digits.lookalike 99999 | digits.lookalike x",
    "tune": "none.npz | broken.npz | digits --k 0-3 | few.npz --k 1-5000",
    "evaluate": "none.npz | broken.npz | few.npz --model none | few.npz --k 1 --detect ten | "
    "few.npz --k x",
    "compare": "none.npz | broken.npz | digits --with knn | digits --cv 1",
    "augment": "none.npz | broken.npz | digits --with Shift(1) | digits --save grown.npy",
    "clean": "none.npz | broken.npz | few.npz none.png --noise uniform:6 --out x | "
    "digits --train 0",
    "audit": "none.npz | broken.npz | digits --n-neighbors 0 | few.npz --n-neighbors 5000",
    "info": "none.lookalike | broken.npz",
    "data list": "",
    "data fetch": "none",
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder of small data, in which the commands run, with data sets of its own alone."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        patch.setenv("HOME", str(home))
        patch.setenv("XDG_CACHE_HOME", str(home / "cache"))
        patch.setenv("LOOKALIKE_DATA", "data")
        patch.setenv("COLUMNS", "80")
        patch.delenv("LOOKALIKE_CPU", raising=False)
        patch.setattr("lookalike.web.serve.serve", tell)
        patch.setattr("matplotlib.figure.Figure.draw", lambda figure, renderer: None)  # be quick
        hasten(patch)
        fill(home)
        yield home


def tell(model: Any, *, on_start: Callable[[Any], None], **options: Any) -> None:
    """Tell the address, as a server does that has started."""
    from lookalike.web.serve import Served

    on_start(Served("http://pi.local:80/", "made-up"))


def fill(home: Path) -> None:
    digits = load_dataset("digits")
    train, test = digits.train.rows(np.arange(150)), digits.test.rows(np.arange(60))
    np.savez(
        home / "few.npz",
        train_images=train.images,
        train_labels=train.labels,
        test_images=test.images,
        test_labels=test.labels,
    )
    (home / "broken.npz").write_bytes(b"no such file")
    save_digits(home / "digits.lookalike")
    for name in ("added", "forgotten"):
        shutil.copy(home / "digits.lookalike", home / f"{name}.lookalike")
    save_pictures(home / "pictures", 3)
    for file in CATALOGUE["mnist"].files.values():
        (home / "data" / "mnist").mkdir(parents=True, exist_ok=True)
        (home / "data" / "mnist" / file.name).touch()
    for part, images in (("train", train), ("test", test)):
        for i in np.flatnonzero(images.labels < 3):
            folder = home / "folder" / part / ["zero", "one", "two"][images.labels[i]]
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(images.images[i] * 15).save(folder / f"{part}{i}.png")
    zeros, ones = (home / "folder" / "train" / name for name in ("zero", "one"))
    first, second = sorted(zeros.iterdir())[:2]
    shutil.copy(first, zeros / "copy.png")
    shutil.copy(first, home / "folder" / "test" / "zero" / "leak.png")
    second.rename(ones / "wrong.png")
    Image.new("L", (8, 8)).save(zeros / "blank.png")
    (ones / "broken.png").write_bytes(b"no picture")


@pytest.mark.parametrize("name", CALLS)
def test_what_is_printed_and_written(name: str, home: Path, golden: Golden) -> None:
    done = CliRunner().invoke(app, [*CALLS[name].split(), "--json"])
    assert done.stdout, done.stderr
    printed = json.loads(done.stdout)
    out = home / name
    written = sorted(path.relative_to(out) for path in out.rglob("*") if path.is_file())
    document = {
        "command": CALLS[name],
        "exit_code": done.exit_code,
        "stderr": done.stderr.splitlines(),
        "written": list(map(str, written)),
        "stdout": printed,
    }
    golden(f"{name}.json", pretty(plain(without(home, document))) + "\n")
    if (out / "report.json").exists():
        report = json.loads((out / "report.json").read_text(encoding="utf-8"))
        if "numbers" not in report:
            assert report == printed
        else:
            if report["numbers"] == printed:
                report["numbers"] = "as printed"
            golden(f"{name}-report.json", pretty(plain(without(home, report))) + "\n")
    if (out / "report.html").exists():
        page = (out / "report.html").read_text(encoding="utf-8")
        golden(f"{name}-outline.txt", Outline(page).text())


def without(home: Path, document: Any) -> Any:
    """Return a JSON document without the place of the folder that the commands ran in."""
    return json.loads(json.dumps(document).replace(json.dumps(str(home))[1:-1], "HOME"))


def test_exit_codes_of_failures(home: Path, golden: Golden) -> None:
    lines = []
    for command, failures in FAILURES.items():
        for arguments in ["--none", *failures.split(" | ")]:
            words = [*command.split(), *arguments.split()]
            done = CliRunner().invoke(app, words)
            lines.append(f"{done.exit_code} {' '.join(words)}\n")
    golden("exit-codes.txt", "".join(lines))
