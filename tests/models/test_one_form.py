"""A picture that a model was trained on comes out as the very image that it was trained as.

Whoever asks: Python, the command line or the server. So its nearest training image is itself, at
distance 0.
"""

from __future__ import annotations

import csv
import io
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw
from starlette.testclient import TestClient
from typer.testing import CliRunner

from lookalike import KNeighborsClassifier, load_dataset, save_model
from lookalike.cli.app import app as command_line
from lookalike.images.dataset import Dataset
from lookalike.models.model import Model, open_model
from lookalike.web.app import create_app
from lookalike.web.security import Access, known_hosts
from lookalike.web.session import Session


def photographs(root: Path) -> None:
    """Pictures of many sizes, kinds and formats."""
    rng = np.random.default_rng(0)
    for i in range(16):
        height, width = rng.integers(40, 400, 2)
        coarse = rng.integers(0, 256, (5, 6, 3), np.uint8)
        image = Image.fromarray(coarse).resize((int(width), int(height)), Image.Resampling.BICUBIC)
        folder = root / ("cup", "hand")[i % 2]
        folder.mkdir(parents=True, exist_ok=True)
        exif = Image.Exif()
        exif[0x0112] = 1 + i % 8
        if i % 4 == 0:
            image.save(folder / f"{i}.jpg", quality=80, exif=exif)
        elif i % 4 == 1:
            image.convert("P").save(folder / f"{i}.gif")
        elif i % 4 == 2:
            image.putalpha(Image.linear_gradient("L").resize(image.size))
            image.save(folder / f"{i}.png", exif=exif)
        else:
            image.convert("CMYK").save(folder / f"{i}.tif")


def drawings(root: Path) -> None:
    """Strokes of many sizes and places, dark on white."""
    rng = np.random.default_rng(1)
    for i in range(24):
        side = int(rng.integers(120, 300))
        image = Image.new("L", (side, side), 255)
        x, y, length = (side * rng.uniform(0.2, 0.4, 3)).tolist()
        ends = (x, y + length) if i % 2 else (x + length, y)
        draw = ImageDraw.Draw(image)
        draw.line([(x, y), ends], 0, side // 16)
        draw.ellipse([x, y, x + side // 6, y + side // 6], outline=0, width=side // 20)
        folder = root / ("down", "across")[i % 2 == 0]
        folder.mkdir(parents=True, exist_ok=True)
        image.convert(("L", "RGB")[i % 3 == 0]).save(folder / f"{i}.png")


def digits(root: Path) -> None:
    """Pictures of one small size."""
    train = load_dataset("digits").train
    for i in range(60):
        folder = root / str(train.labels[i])
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(train.images[i] * 15).save(folder / f"{i}.png")


@pytest.fixture(params=[photographs, drawings, digits], ids=lambda make: make.__name__)
def data(request: pytest.FixtureRequest, tmp_path: Path) -> Dataset:
    request.param(tmp_path / "data")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return load_dataset(tmp_path / "data", test_size=0)


@pytest.fixture
def model(data: Dataset, tmp_path: Path) -> Model:
    names = np.array(data.class_names)
    classifier = KNeighborsClassifier(1).fit(data.train.images, names[data.train.labels])
    path = tmp_path / "model.lookalike"
    save_model(classifier, path, form=data.form, originals=data.train.originals)
    return open_model(path)


def test_in_python(data: Dataset, model: Model) -> None:
    assert data.train.paths is not None
    for row, (path, image) in enumerate(zip(data.train.paths, data.train.images, strict=True)):
        for picture in (path, path.read_bytes()):
            np.testing.assert_array_equal(model.read(picture).image, image)
        (explained,) = model.explain(model.read(path).image[np.newaxis], 1)
        assert explained.neighbors[0].distance == 0
        assert model.file(row) == f"{data.class_names[data.train.labels[row]]}/{path.name}"


def test_on_the_command_line(data: Dataset, model: Model, tmp_path: Path) -> None:
    assert data.train.paths is not None
    result = CliRunner().invoke(
        command_line,
        ["predict", str(model.path), str(tmp_path / "data"), "--format", "csv", "--top", "1"],
    )
    assert result.exit_code == 0, result.output
    for own in csv.DictReader(io.StringIO(result.stdout)):
        path = Path(own["image"])
        row = data.train.paths.index(path)
        twins = (data.train.images == data.train.images[row]).reshape(len(data.train), -1)
        if twins.all(axis=1).sum() == 1:
            assert own["class_1"] == path.parent.name


def test_by_the_server(data: Dataset, model: Model) -> None:
    assert data.train.paths is not None
    session = Session(model)
    app = create_app(session, Access(known_hosts(8000)))
    with TestClient(app, base_url="http://127.0.0.1:8000") as client:
        files = [("images", (path.name, path.read_bytes())) for path in data.train.paths]
        response = client.post("/explain?n_neighbors=1", files=files)
        assert response.status_code == 200, response.text
        for path, own in zip(data.train.paths, response.json()["answers"], strict=True):
            nearest = own["neighbors"][0]
            assert nearest["distance"] == 0
            assert own["image"] == nearest["compared"]
            assert Path(nearest["file"]).parent.name == nearest["label"] == path.parent.name
