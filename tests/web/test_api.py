"""What the API answers, and every status with which it refuses."""

import base64
import io
import json
import struct
import zlib
from urllib.parse import quote

import numpy as np
import pytest
from PIL import Image
from tests.web.asking import PNG, as_text, asking, digits, digits_model, picture, pixels

from lookalike import KNeighborsClassifier
from lookalike.models.cleaner import Cleaner
from lookalike.models.model import Model
from lookalike.web import schemas
from lookalike.web.security import Limits


@pytest.fixture(scope="module")
def client():
    with asking() as client:
        yield client


@pytest.fixture(scope="module")
def image():
    return digits()[0][7]


def detail(response, status):
    """The one line of a refusal, which nothing stands beside."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    answer = response.json()
    assert answer.keys() == {"detail"}
    assert "\n" not in answer["detail"]
    return answer["detail"]


def test_model_tells_what_is_served(tmp_path):
    with asking(digits_model(tmp_path / "digits.lookalike"), reject=0.8) as client:
        told = client.get("/model").json()
    schemas.ModelAnswer.model_validate(told)
    assert told["class_names"] == [str(i) for i in range(10)]
    assert told["n_samples"] == 300
    assert told["image_shape"] == [8, 8]
    assert told["estimator"] == "KNeighborsClassifier"
    assert told["source"] == "digits"
    assert told["file"] == "digits.lookalike"
    assert told["reject"] == 0.8
    assert told["can_write"] is True
    assert told["unsaved"] == 0
    assert told["form"]["image_shape"] == [8, 8]


def texts(file):
    """A file in base64 as tools write it."""
    text = as_text(file)
    lines = base64.encodebytes(file).decode()
    urls = base64.urlsafe_b64encode(file).decode()
    return {
        "lines": lines,
        "lines, CRLF": lines.replace("\n", "\r\n"),
        "newline at the end": text + "\n",
        "spaces": f"  {text} ",
        "URL-safe": urls,
        "URL-safe, no padding": urls.rstrip("="),
        "data URL, capitals": "DATA:IMAGE/PNG;BASE64," + text,
        "data URL, spaces": f" data:image/png; charset=utf-8; base64, {lines}",
        "data URL, percents": "data:;base64," + quote(text, safe=""),
    }


def bodies(image):
    """The same image in every way it can be sent."""
    file = picture(image)
    return {
        "png": {"content": file, "headers": PNG},
        "bmp": {"content": picture(image, "BMP"), "headers": {"content-type": "image/bmp"}},
        "gif": {"content": picture(image, "GIF"), "headers": {"content-type": "image/gif"}},
        "webp": {
            "content": picture(image, "WEBP", lossless=True),
            "headers": {"content-type": "Image/WebP; q=1"},
        },
        "form": {"files": [("images", ("a.png", file, "image/png"))]},
        "base64": {"json": {"images": [as_text(file)]}},
        "data URL": {"json": {"images": ["data:image/png;base64," + as_text(file)]}},
        "image/jpg": {"content": file, "headers": {"content-type": "image/jpg"}},
        "image/*": {"content": file, "headers": {"content-type": "image/*"}},
        "bytes": {"content": file, "headers": {"content-type": "application/octet-stream"}},
        **{
            f"form, {name}": {"files": [(name, ("a", file, "application/octet-stream"))]}
            for name in ("image", "file", "images[]", "files")
        },
        **{way: {"json": {"images": [text]}} for way, text in texts(file).items()},
        "lists": {"json": {"images": [image.tolist()]}},
        "lists of floats": {"json": {"images": [(image + 0.25).tolist()]}},
    }


@pytest.mark.parametrize("n", [1, 2])
@pytest.mark.parametrize("way", bodies(np.zeros((8, 8), np.uint8)))
def test_predict_answers_as_the_model_whatever_way_an_image_is_sent(client, image, way, n):
    body = bodies(image)[way]
    if "json" in body:
        body = {"json": {"images": body["json"]["images"] * n}}
    elif "files" in body:
        body = {"files": body["files"] * n}
    else:
        n = 1  # one file is one image
    response = client.post("/predict?as_is=true", **body)
    assert response.status_code == 200, response.text
    schemas.Predictions.model_validate_json(response.content, strict=True)
    told = response.json()["answers"]
    assert len(told) == n
    expected = digits_model().probabilities(image[None])[0]
    for one in told:
        assert list(one["probabilities"].values()) == expected.tolist()
        assert one["label"] == digits()[1][7]
        assert one["probability"] == expected.max()


def test_one_image_of_json_may_stand_alone_and_text_hold_line_breaks(client, image):
    lines = base64.encodebytes(picture(image)).decode()
    for content in (f'{{"image": "{lines}"}}', f'{{"images": ["{lines}"]}}'):
        headers = {"content-type": "application/json"}
        told = client.post("/predict?as_is=true", content=content, headers=headers).json()
        assert [one["label"] for one in told["answers"]] == [digits()[1][7]]


def test_model_tells_whether_one_can_draw(client):
    assert client.get("/model").json()["can_draw"]
    photographs = np.random.default_rng(0).integers(0, 256, (40, 16, 16, 3), np.uint8)
    model = Model(KNeighborsClassifier(3).fit(photographs, np.arange(40) % 2))
    with asking(model) as client:
        assert not client.get("/model").json()["can_draw"]
    for shape, can_draw in (((), True), ((3,), False)):  # thick shapes are no strokes
        shapes = np.zeros((40, 28, 28, *shape), np.uint8)
        shapes[:20, 4:16, 4:24] = shapes[20:, 4:24, 4:16] = 200
        model = Model(KNeighborsClassifier(3).fit(shapes, np.arange(40) // 20))
        assert model.form.strokes is None
        with asking(model) as client:
            assert client.get("/model").json()["can_draw"] == can_draw


def test_pictures_are_brought_to_the_models_form_unless_they_have_it(client):
    canvas = np.zeros((200, 240), np.uint8)
    canvas[40:160, 100:120] = 255
    body = {"content": picture(canvas), "headers": PNG}
    told = client.post("/explain", **body).json()["answers"][0]
    form = digits_model().form
    np.testing.assert_array_equal(pixels(told["image"]), form.apply(canvas))
    assert "omit as_is" in detail(client.post("/predict?as_is=true", **body), 422)


def test_a_photograph_is_turned_as_its_camera_was_held(client):
    canvas = np.zeros((40, 80), np.uint8)
    canvas[5:35, 30:36] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    turned, plain = (
        client.post(
            "/explain",
            content=picture(one, "JPEG", quality=95, exif=own),
            headers={"content-type": "image/jpeg"},
        ).json()["answers"][0]["image"]
        for one, own in ((canvas, exif), (np.rot90(canvas, -1), Image.Exif()))
    )
    difference = pixels(turned).astype(int) - pixels(plain)
    assert np.abs(difference).max() <= 2  # JPEG's blocks lie otherwise


def test_an_unsure_answer_names_the_likeliest_classes():
    image = np.full((8, 8), 5, np.uint8)
    body = {"json": {"images": [image.tolist()]}}
    with asking(reject=1) as client:
        unsure = client.post("/predict?as_is=true", **body).json()["answers"][0]
    with asking(reject=0) as client:
        sure = client.post("/predict?as_is=true", **body).json()["answers"][0]
    assert unsure["probability"] < 1
    assert not unsure["sure"]
    assert sure["sure"]
    assert sure["candidates"] == [sure["label"]]
    by_share = sorted(unsure["probabilities"], key=lambda name: -unsure["probabilities"][name])
    n_candidates = len(unsure["candidates"])
    assert 2 <= n_candidates <= 4
    assert unsure["candidates"] == by_share[:n_candidates]
    assert all(unsure["probabilities"][name] >= 0.1 for name in unsure["candidates"][2:])


def test_explain_shows_the_training_images_that_decided(client, image):
    response = client.post("/explain?as_is=true&n_neighbors=2", **bodies(image)["png"])
    schemas.Explanations.model_validate_json(response.content, strict=True)
    (told,) = response.json()["answers"]
    np.testing.assert_array_equal(pixels(told["image"]), image)
    first, second = told["neighbors"]
    assert (first["row"], first["distance"], first["correction"]) == (7, 0, False)
    assert first["distance"] <= second["distance"]
    images, labels = digits()
    for one in told["neighbors"]:
        np.testing.assert_array_equal(pixels(one["image"]), images[one["row"]])
        assert one["label"] == labels[one["row"]]
        assert one["displacement"] is None


def test_clean_gives_images_back_or_says_that_it_cannot(image, monkeypatch):
    monkeypatch.setattr(Cleaner, "clean", lambda self, images, noise=None: images // 2)
    monkeypatch.setattr(Model, "can_clean", True)
    with asking() as client:
        told = client.post("/clean?as_is=true", **bodies(image)["png"]).json()
        schemas.Cleaned.model_validate(told)
        np.testing.assert_array_equal(pixels(told["images"][0]), image // 2)
        assert told["noise"] == "estimated"
        told = client.post("/clean?as_is=true&noise=gaussian:50", **bodies(image)["png"]).json()
        assert told["noise"] == "gaussian:50"
        assert "nonsense" in detail(
            client.post("/clean?noise=nonsense", **bodies(image)["png"]), 422
        )
    monkeypatch.setattr(Model, "can_clean", False)
    with asking() as client:
        detail(client.post("/clean", **bodies(image)["png"]), 409)


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"content": b"", "headers": PNG}, 400, "0 bytes is not a picture"),
        ({"content": b"%!PS-Adobe", "headers": PNG}, 400, "not a picture"),
        ({"content": picture(np.eye(30) * 255)[:-30], "headers": PNG}, 400, "truncated"),
        ({"content": picture(np.zeros((50, 50))), "headers": PNG}, 400, ""),
        ({"content": b"x", "headers": {"content-type": "image/svg+xml"}}, 415, "svg"),
        ({"content": b"x"}, 415, "none"),
        ({"json": {"images": []}}, 422, "no images"),
        ({"json": {}}, 422, "has no list"),
        ({"json": [1]}, 422, "has no list"),
        ({"json": {"images": "text"}}, 422, "has no list"),
        ({"json": {"images": [None]}}, 422, "null"),
        ({"json": {"images": [{}]}}, 422, "an object"),
        ({"json": {"images": [7]}}, 422, "a number"),
        ({"content": b"<svg></svg>", "headers": PNG}, 400, "11 bytes is not a picture"),
        ({"json": {"images": ["no base64!"]}}, 400, "'!' is not base64"),
        ({"json": {"images": [str(b"iVBORw0KGgo=")]}}, 400, 'text with "\'" is not'),
        ({"json": {"images": ["https://example.org/a.png"]}}, 400, "text with ':' is not"),
        ({"json": {"images": ["abcde"]}}, 400, "5 letters of text"),
        ({"json": {"images": ["data:image/svg+xml;base64,PHN2Zz4="]}}, 400, "svg"),
        ({"json": {"images": ["data:image/svg+xml,%3Csvg%3E"]}}, 400, "pixels in base64"),
        ({"json": {"image": [1]}}, 422, "has no list"),
        ({"json": {"image": "abcd"}}, 400, "not a picture"),
        ({"files": [("images", (None, b"a.png"))]}, 422, "images=@"),
        ({"json": {"images": ["ü"]}}, 400, "base64"),
        ({"json": {"images": [[]]}}, 422, "shape"),
        ({"json": {"images": [[1, 2]]}}, 422, "shape"),
        ({"json": {"images": [[[1, 2], [3]]]}}, 422, "unequal"),
        ({"json": {"images": [[[1, 2], 3]]}}, 422, "something other"),
        ({"json": {"images": [[["1"]]]}}, 422, "something other"),
        ({"json": {"images": [[[True]]]}}, 422, "something other"),
        ({"json": {"images": [[[[[1]]]]]}}, 422, "nested"),
        ({"json": {"images": [[[256]]]}}, 422, "0 to 255"),
        ({"json": {"images": [[[-1]]]}}, 422, "0 to 255"),
        ({"json": {"images": [[[10**400]]]}}, 422, "huge numbers"),
        ({"json": {"images": [[[[1, 2]]]]}}, 422, "shape"),
        ({"json": {"images": [[[0] * 5000]]}}, 413, "5,000 × 1"),
        ({"json": {"images": [[[0]]] * 257}}, 413, "257 images"),
        ({"json": {"images": [[[0]] * 8, [[300]]]}}, 422, "image 1: "),
        ({"content": b"{", "headers": {"content-type": "application/json"}}, 422, "read"),
        ({"content": b"\xff", "headers": {"content-type": "application/json"}}, 422, "read"),
        ({"content": b"[" * 10**5, "headers": {"content-type": "application/json"}}, 422, "deep"),
        (
            {"content": b'{"images":[[[NaN]]]}', "headers": {"content-type": "application/json"}},
            422,
            "0 to 255",
        ),
        ({"files": [("other", b"x")]}, 422, "no images"),
        ({"files": [("images", b"x")] * 258}, 413, "256"),
        ({"content": b"x", "headers": {"content-type": "multipart/form-data"}}, 422, "form-data"),
        (
            {
                "content": b"x",
                "headers": {"content-type": "multipart/form-data; boundary=é".encode()},
            },
            422,
            "form-data",
        ),
        (
            {
                "content": b"--a\r\n\r\nx",
                "headers": {"content-type": "multipart/form-data; boundary=a"},
            },
            422,
            "form-data",
        ),
        ({"content": picture(np.zeros((1, 4097))), "headers": PNG}, 413, "4,097 × 1"),
    ],
)  # fmt: skip
def test_bodies_that_are_refused(client, body, status, words):
    assert words in detail(client.post("/predict", **body), status)


def bomb(width, height):
    """A PNG file that promises many pixels and holds none."""

    def chunk(name, content):
        checked = name + content
        return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("side", [4097, 10_000, 2**31 - 1])
def test_a_picture_that_promises_too_much_is_not_decoded(client, side):
    content = bomb(side, side)
    assert "shrink it" in detail(client.post("/predict", content=content, headers=PNG), 413)


def test_a_phones_photograph_is_read_at_a_smaller_scale(client):
    photograph = np.full((6048, 8064), 255, np.uint8)
    photograph[1000:5000, 3800:4200] = 0
    small = photograph[::8, ::8]
    answered = client.post("/predict", content=picture(small), headers=PNG).json()["answers"]
    content = picture(photograph, "JPEG") + bytes(12 * 2**20)
    told = client.post("/predict", content=content, headers={"content-type": "image/jpeg"})
    assert told.json()["answers"][0]["label"] == answered[0]["label"]
    for other in (picture(photograph), picture(photograph, "JPEG", progressive=True)):
        told = detail(client.post("/predict", content=other, headers=PNG), 413)
        assert "8,064 × 6,048 pixels but the limit is 4,096 × 4,096; shrink it" in told
        assert "baseline JPEG of at most 67,108,864 pixels" in told
    told = detail(client.post("/predict?as_is=true", content=content, headers=PNG), 413)
    assert "8,064 × 6,048" in told


def test_a_picture_of_16_bits_is_answered_as_that_of_8(client):
    image = np.zeros((80, 80), np.uint8)
    image[10:70, 35:45] = 200
    answers = []
    for values in (image, image.astype(np.uint16) * 257):
        stream = io.BytesIO()
        Image.fromarray(values).save(stream, "PNG")
        response = client.post("/predict", content=stream.getvalue(), headers=PNG)
        answers.append(response.json()["answers"])
    assert answers[0] == answers[1]


def test_large_pictures_are_read_as_small_ones_are(client):
    rng = np.random.default_rng(0)
    large = np.zeros((900, 700), np.uint8)
    large[100:800, 300:380] = rng.integers(200, 256, (700, 80))  # more than is decoded in the loop
    file = picture(large)
    assert len(file) > 2**14
    told = [
        client.post("/predict", **body).json()["answers"][0]["probabilities"]
        for body in (
            {"content": file, "headers": PNG},
            {"files": [("images", file)]},
            {"json": {"images": [as_text(file)]}},
            {"json": {"images": [large.tolist()]}},
        )
    ]
    assert all(one == told[0] for one in told)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/predict?as_is=perhaps", "query as_is"),
        ("/explain?n_neighbors=0", "query n_neighbors"),
        ("/explain?n_neighbors=101", "query n_neighbors"),
        ("/samples", "query label"),
        ("/samples?label=", "query label"),
        ("/samples?label=" + 101 * "x", "query label"),
        ("/samples?label=%20", "label"),
        ("/samples?label=a%0Ab", "label"),
    ],
)
def test_queries_that_are_refused(client, image, path, words):
    assert words in detail(client.post(path, **bodies(image)["png"]), 422)


def test_what_is_not_there(client):
    detail(client.get("/nothing"), 404)
    detail(client.get("/samples/"), 404)
    detail(client.get("/predict"), 405)
    detail(client.delete("/samples/1"), 404)
    detail(client.delete("/samples/x"), 422)
    detail(client.delete("/samples/" + "9" * 5000), 422)


def test_a_body_that_is_too_long_is_refused_with_and_without_its_length(image):
    def in_pieces():
        for _ in range(20):
            yield b"x" * 100

    with asking(limits=Limits(body_bytes=1000)) as client:
        assert client.post("/predict?as_is=true", **bodies(image)["png"]).status_code == 200
        assert "1,000 bytes" in detail(
            client.post("/predict", content=b"x" * 1001, headers=PNG), 413
        )
        assert "1,000 bytes" in detail(
            client.post("/predict", content=in_pieces(), headers=PNG), 413
        )


def test_health_metrics_and_documentation(client, image):
    assert client.get("/healthz").json() == {"status": "ok"}
    for _ in range(3):
        client.post("/predict?as_is=true", **bodies(image)["png"])
    client.post("/predict", content=b"x", headers=PNG)
    client.get("/hidden/secret")
    text = client.get("/metrics").text
    assert 'lookalike_http_requests_total{method="POST",route="/predict",status="400"}' in text
    assert 'lookalike_http_requests_total{method="GET",route="none",status="404"}' in text
    assert "secret" not in text
    assert "lookalike_samples 300.0" in text
    assert 'lookalike_batch_images_bucket{le="1.0"}' in text


def test_openapi_names_every_route_and_status(client):
    document = client.get("/openapi.json").json()
    routes = {(method, path) for path, methods in document["paths"].items() for method in methods}
    assert routes == {
        ("get", "/model"), ("post", "/predict"), ("post", "/explain"), ("post", "/clean"),
        ("get", "/samples"), ("post", "/samples"), ("delete", "/samples/{id}"), ("post", "/save"),
        ("get", "/healthz"), ("get", "/readyz"), ("get", "/metrics"),
    }  # fmt: skip
    assert "HTTPValidationError" not in json.dumps(document)  # all errors have one shape
    assert set(document["paths"]["/samples"]["post"]["responses"]) == {
        "201", "400", "401", "403", "408", "409", "413", "415", "422", "429", "503"
    }  # fmt: skip


def test_pages_come_from_a_list_that_is_made_at_the_start(client):
    assert client.get("/").headers["content-type"] == "text/html; charset=utf-8"
    assert client.get("/static/page.js").headers["content-type"] == "text/javascript; charset=utf-8"
    assert client.get("/favicon.ico").status_code == 204
    for name in (
        "..%2F..%2Fapp.py",
        "%2e%2e/app.py",
        "..\\app.py",
        "page.js%00",
        "/etc/passwd",
        "",
    ):
        assert client.get(f"/static/{name}").status_code == 404
        assert client.get(f"/docs/{name}").status_code == 404


def test_documentation_asks_no_other_host(client):
    page = client.get("/docs")
    for name in ("swagger-ui-bundle.js", "swagger-ui.css", "start.js"):
        assert f'="docs/{name}"' in page.text  # below whatever path a proxy serves
        assert client.get(f"/docs/{name}").status_code == 200
    assert "http" not in page.text
    assert "script-src" not in page.headers["content-security-policy"]
    assert page.headers["content-security-policy"].startswith("default-src 'self'; ")
