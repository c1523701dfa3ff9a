"""``lookalike predict``."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.cli import samples
from tests.cli.samples import Run
from tests.processes import python
from typer.testing import CliRunner

from lookalike import load_dataset
from lookalike.cli.app import app
from lookalike.models.model import open_model
from lookalike.models.predictions import Prediction, answer, neighbors_gallery
from lookalike.reports.png import save_png


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return samples.save_digits(tmp_path_factory.mktemp("model") / "digits.lookalike")


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    samples.save_pictures(tmp_path / "scans", 5)
    return tmp_path / "scans"


def answers(result: Any) -> list[dict[str, Any]]:
    images: list[dict[str, Any]] = json.loads(result.stdout)["images"]
    return images


def test_a_folder_without_pictures_fails(model: Path, tmp_path: Path, invoke: Run) -> None:
    (tmp_path / "notes.txt").write_text("no picture")
    result = invoke("predict", model, tmp_path)
    assert result.exit_code == 1
    assert f"no picture was found in {tmp_path}; name others" in result.stderr


def test_probabilities_are_the_model_s(model: Path, tmp_path: Path, invoke: Run) -> None:
    images = load_dataset("digits").test.images[:50]
    np.save(tmp_path / "stack.npy", images)
    result = invoke("predict", model, tmp_path / "stack.npy", "--as-is", "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    opened = open_model(model)
    found = answers(result)
    for i, row in enumerate(opened.probabilities(images)):
        expected = dict(zip(opened.class_names, row, strict=True))
        assert found[i]["image"] == f"{tmp_path / 'stack.npy'}[{i}]"
        assert found[i]["probabilities"] == pytest.approx(expected, abs=1e-6)
        assert found[i]["label"] == opened.class_names[row.argmax()]
        assert found[i]["probability"] == max(found[i]["probabilities"].values())


def test_batches_do_not_change_answers(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, invoke: Run
) -> None:
    np.savez(tmp_path / "stack.npz", images=load_dataset("digits").test.images[:20])
    arguments = ("predict", model, tmp_path / "stack.npz", "--format", "csv")
    whole = invoke(*arguments).stdout
    monkeypatch.setattr("lookalike.models.predictions._BATCH", 7)
    assert invoke(*arguments).stdout == whole
    monkeypatch.setattr("lookalike.models.predictions._BATCH_PIXELS", 100)
    assert invoke(*arguments).stdout == whole
    assert whole.count("\n") == 21


def test_pictures_are_brought_to_the_form(model: Path, tmp_path: Path, invoke: Run) -> None:
    samples.save_drawing(tmp_path / "drawing.jpg")
    result = invoke("predict", model, tmp_path / "drawing.jpg", "--json")
    assert answers(result)[0]["label"] == "4"
    result = invoke("predict", model, tmp_path / "drawing.jpg", "--as-is")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "an image of shape (400, 300, 3), but the model's are of (8, 8)" in result.stderr


def test_transparent_pixels_are_ground(model: Path, tmp_path: Path, invoke: Run) -> None:
    samples.save_drawing(tmp_path / "drawing.png")
    with Image.open(tmp_path / "drawing.png") as image:
        ink = 255 - np.asarray(image)[..., 0]
    white = np.dstack([np.full((400, 300, 3), 255, np.uint8), ink])
    Image.fromarray(white).save(tmp_path / "white-pen.png")
    names = (tmp_path / "white-pen.png", tmp_path / "drawing.png")
    white_pen, blue_pen = answers(invoke("predict", model, *names, "--json"))
    assert white_pen["label"] == blue_pen["label"] == "4"


def test_files_folders_and_patterns(
    model: Path, scans: Path, monkeypatch: pytest.MonkeyPatch, invoke: Run
) -> None:
    (scans / "deep").mkdir()
    (scans / "3.png").rename(scans / "deep" / "3.png")
    (scans / "notes.txt").write_text("no image")
    (scans / "[1].png").write_bytes((scans / "1.png").read_bytes())
    monkeypatch.chdir(scans)

    def named(*names: str) -> list[str]:
        result = invoke("predict", model, *names, "--json")
        assert result.exit_code == 0, result.stderr
        return [one["image"] for one in answers(result)]

    assert named(".") == ["0.png", "1.png", "2.png", "4.png", "[1].png", "deep/3.png"]
    assert named("4.png", "deep") == ["4.png", "deep/3.png"]
    assert named("[02].png") == ["0.png", "2.png"]
    assert named("**/3.png") == ["deep/3.png"]
    assert named("[1].png") == ["[1].png"]  # a file of that name goes before the pattern


def test_stdin(model: Path, scans: Path, tmp_path: Path) -> None:
    def piped(content: bytes) -> Any:
        arguments = ["predict", str(model), "-", "--json"]
        return CliRunner().invoke(app, arguments, input=content)

    expected = answers(piped(f"{scans / '1.png'}\n\n{scans}\r\n".encode()))
    assert len(expected) == 6
    for ending in ("png", "bmp", "gif", "tiff", "pgm", "webp"):
        with Image.open(scans / "1.png") as image:
            stream = io.BytesIO()
            image.save(stream, {"pgm": "PPM"}.get(ending, ending), lossless=True)
        (own,) = answers(piped(stream.getvalue()))
        assert own["image"] == "stdin"
        assert own["label"] == expected[0]["label"], ending
    for content, said in [
        (b"", "stdin is empty"),
        (b"\0\1\2", "stdin is no picture that can be read"),
        (b"\x89PNG but no more", "stdin is no picture that can be read"),
        (b"missing.png\n", "missing.png does not exist"),
    ]:
        result = piped(content)
        assert result.exit_code == 1
        assert result.stderr.count("\n") == 1
        assert said in result.stderr


def test_csv_and_json_lines_tell_the_same(model: Path, scans: Path, invoke: Run) -> None:
    samples.save_pictures(scans, 30)  # of which some are doubtful
    expected = answers(invoke("predict", model, scans, "--reject", 0.9, "--top", 2, "--json"))
    lines = invoke("predict", model, scans, "--reject", 0.9, "--top", 2, "--format", "jsonl")
    assert [json.loads(line) for line in lines.stdout.splitlines()] == expected
    text = invoke("predict", model, scans, "--reject", 0.9, "--top", 2, "--format", "csv").stdout
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == len(expected)
    assert {one["sure"] for one in expected} == {True, False}
    for row, one in zip(rows, expected, strict=True):
        assert row["image"] == one["image"]
        assert row["label"] == (one["label"] if one["sure"] else "")
        assert row["sure"] == ("yes" if one["sure"] else "no")
        assert row["candidates"] == ("" if one["sure"] else "|".join(one["candidates"]))
        assert float(row["probability"]) == one["probability"]
        assert [row["class_1"], row["class_2"]] == list(one["probabilities"])


def test_what_is_not_sure(model: Path, scans: Path, invoke: Run) -> None:
    samples.save_pictures(scans, 30)
    found = answers(invoke("predict", model, scans, "--reject", 0.9, "--json"))
    for one in found:
        assert one["sure"] == (one["probability"] >= 0.9)
        likely = [name for name, p in one["probabilities"].items() if p >= 0.1]
        if one["sure"]:
            assert one["candidates"] == [one["label"]]
        else:
            assert one["candidates"][:2] == list(one["probabilities"])[:2]
            assert set(likely[:4]) <= set(one["candidates"])
    doubtful = next(one for one in found if not one["sure"])
    result = invoke("predict", model, scans, "--reject", 0.9)
    assert f"not sure: {' or '.join(doubtful['candidates'])}" in result.stdout
    assert "not sure of" in result.stdout.splitlines()[-1]
    assert "not sure" not in invoke("predict", model, scans).stdout


def test_damaged_files_do_not_keep_others_from_answers(
    model: Path, scans: Path, invoke: Run
) -> None:
    (scans / "0.png").write_bytes(b"no image")
    whole = (scans / "2.png").read_bytes()
    (scans / "2.png").write_bytes(whole[: len(whole) // 2])
    Image.fromarray(np.full((8, 8), -1, np.int32)).save(scans / "deep.tif")
    Image.new("L", (8, 8)).save(scans / "empty.png")
    np.save(scans / "wrong.npy", np.full((2, 8, 8), 0.5))
    result = invoke("predict", model, scans, "nowhere*.png", "--json")
    assert result.exit_code == 1
    report = json.loads(result.stdout)
    assert [Path(one["image"]).name for one in report["images"]] == ["1.png", "3.png", "4.png"]
    failed = {Path(one["image"]).name: one["error"] for one in report["failed"]}
    assert sorted(failed) == [
        *("0.png", "2.png", "deep.tif", "empty.png", "nowhere*.png", "wrong.npy"),
    ]
    assert "does not decode" in failed["2.png"]
    assert "save it with values of 8 or 16 bits" in failed["deep.tif"]
    assert "whole numbers 0 to 255" in failed["wrong.npy"]
    lines = result.stderr.splitlines()
    assert len(lines) == len(failed)
    assert lines == [f"error: {one['error']}" for one in report["failed"]]
    result = invoke("predict", model, scans, "--format", "csv")
    assert (result.exit_code, result.stdout.count("\n")) == (1, 4)


def test_where_pictures_cannot_be_written_the_option_is_named(
    model: Path, tmp_path: Path, invoke: Run
) -> None:
    (tmp_path / "file").touch()
    result = invoke("predict", model, "x.png", "--explain", tmp_path / "file" / "why")
    assert result.exit_code == 1
    assert result.stderr.endswith("name another folder by --explain\n")


def test_explain_writes_a_picture_an_image(
    model: Path, scans: Path, tmp_path: Path, invoke: Run
) -> None:
    samples.save_drawing(scans / "drawing.jpg")
    out = tmp_path / "new" / "why"
    result = invoke("predict", model, scans, "--explain", out, "--json")
    assert result.exit_code == 0, result.stderr
    found = answers(result)
    assert sorted(str(path) for path in out.iterdir()) == [one["picture"] for one in found]
    assert Path(found[-1]["picture"]).name == "00005-drawing-jpg.png"
    opened = open_model(model)
    for one in found:
        with Image.open(one["picture"]) as picture:
            picture.load()
            assert picture.width > 2 * picture.height
        assert len(one["neighbors"]) == 5
        assert [own["label"] for own in one["neighbors"]] == [
            opened.label(own["row"]) for own in one["neighbors"]
        ]
        distances = [own["distance"] for own in one["neighbors"]]
        assert distances == sorted(distances)
    plain = answers(invoke("predict", model, scans, "--json"))
    assert [one["probabilities"] for one in plain] == [one["probabilities"] for one in found]
    text = invoke("predict", model, scans, "--explain", out).stdout
    assert text.splitlines()[-1] == f"Wrote 6 pictures into {out}"


def test_displacements_are_drawn_as_arrows(tmp_path: Path, model: Path) -> None:
    opened = open_model(model)
    image = load_dataset("digits").test.images[0]
    (explained,) = opened.explain(image[np.newaxis])
    one = answer("a", opened.class_names, explained.probabilities, reject=0, top=None)
    moved = explained._replace(
        neighbors=[
            own._replace(displacement=np.full((2, 8, 8), 1, np.int8)) for own in explained.neighbors
        ]
    )
    n_blue = []
    for why in (explained, moved):
        save_png(
            tmp_path / "why.png", neighbors_gallery(Prediction(image, image, one, why), opened)
        )
        with Image.open(tmp_path / "why.png") as picture:
            red, _, blue = np.moveaxis(np.asarray(picture.convert("RGB")).astype(int), -1, 0)
        n_blue.append(int((blue - red > 100).sum()))
    assert n_blue[0] == 0
    assert n_blue[1] > 1000


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_failed_run_leaves_the_folder_as_it_was(
    error: BaseException,
    model: Path,
    scans: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    invoke: Run,
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("lookalike.reports.png.save_png", fail)
    result = invoke("predict", model, scans, "--explain", tmp_path / "why")
    interrupted = isinstance(error, KeyboardInterrupt)
    assert result.exit_code == (130 if interrupted else 1)
    assert result.stderr == f"error: {'interrupted' if interrupted else 'disk full'}\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["scans"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["missing.lookalike", "a.png"], "make it by lookalike train DATA -o missing.lookalike"),
        ([".", "a.png"], ". is a folder; name the model file in it"),
        ([__file__, "a.png"], "test_predict.py"),
        (["MODEL", "a.png", "--n-jobs", "0"], "n_jobs=0"),
    ],
)
def test_failure_is_one_line(arguments: list[str], said: str, model: Path, invoke: Run) -> None:
    result = invoke("predict", *[model if own == "MODEL" else own for own in arguments], "--json")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert said in result.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["MODEL"], "Missing argument 'IMAGES'"),
        (["MODEL", "a.png", "--reject", "1.5"], "Invalid value for '--reject'"),
        (["MODEL", "a.png", "--top", "0"], "Invalid value for '--top'"),
        (["MODEL", "a.png", "--json", "--format", "csv"], "give either this or --json"),
    ],
)
def test_wrong_usage_is_one_line(arguments: list[str], said: str, run_main: Run) -> None:
    done = run_main("predict", *arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert said in done.stderr


@pytest.mark.slow("starts a process at a terminal")
@pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals are of POSIX")
def test_progress_on_a_terminal_leaves_piped_answers_alone(model: Path, scans: Path) -> None:
    import pty

    terminal, end = pty.openpty()
    shown = []

    def drain() -> None:
        with contextlib.suppress(OSError):  # how Linux says that the other end was closed
            while chunk := os.read(terminal, 65536):
                shown.append(chunk)

    reader = threading.Thread(target=drain)
    reader.start()
    program = "from lookalike.cli.app import main; main()"
    done = subprocess.run(
        [*python(), "-c", program, "predict", model, scans, "--format", "csv"],
        stdout=subprocess.PIPE,
        stderr=end,
        text=True,
        check=True,
        timeout=60,
        env={**os.environ, "TERM": "xterm-256color"},
    )
    os.close(end)
    reader.join()
    os.close(terminal)
    assert b"predicting" in b"".join(shown)
    lines = done.stdout.splitlines()
    assert lines[0] == "image,label,probability,sure,candidates,reason"
    assert [line.split(",")[0] for line in lines[1:]] == [str(scans / f"{i}.png") for i in range(5)]
    assert "\x1b" not in done.stdout


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
def test_ctrl_c_keeps_the_answers_that_are_printed(model: Path, scans: Path) -> None:
    # the fifo keeps the command waiting after the first image
    program = (
        "import lookalike.models.predictions as p; p._BATCH = 1\n"
        "from lookalike.cli.app import main; main()"
    )
    os.mkfifo(scans / "waits.png")
    names = [str(scans / "0.png"), str(scans / "waits.png")]
    process = subprocess.Popen(
        [*python(), "-c", program, "predict", str(model), *names, "--format", "jsonl"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        first = process.stdout.readline()
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        rest, stderr = process.communicate(timeout=20)
    finally:
        process.kill()
    assert json.loads(first)["image"] == names[0]
    assert (process.returncode, rest, stderr) == (130, "", "error: interrupted\n")


def test_what_is_passed_over_is_told(model: Path, scans: Path, invoke: Run) -> None:
    (scans / "notes.txt").write_text("no picture")
    (scans / "Thumbs.db").write_bytes(b"left by a program")
    with Image.open(scans / "1.png") as image:
        image.save(scans / "1.tif", save_all=True, append_images=[image.copy()] * 2)
    result = invoke("predict", model, scans, "--json")
    assert result.exit_code == 0
    assert len(answers(result)) == 6
    assert result.stderr.splitlines() == [
        "note: several pages or frames lie in 1 file; the first was read, 2 others were not",
        "note: passed over: thumbs.db (1), files of other kinds (1)",
    ]


def test_white_ink_is_told_to_be_on_black(model: Path, tmp_path: Path, invoke: Run) -> None:
    white = np.full((40, 40, 4), 255, np.uint8)
    white[..., 3] = 0
    white[5:35, 18:22, 3] = 255
    Image.fromarray(white).save(tmp_path / "one.png")
    result = invoke("predict", model, tmp_path / "one.png", "--json")
    assert result.stderr.splitlines() == [
        "note: white ink on a transparent ground is shown on black in 1 picture"
    ]
