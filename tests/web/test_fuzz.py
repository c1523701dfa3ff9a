"""Bodies of any kind are answered or refused; none makes the server fail."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.web.asking import PNG, asking, digits, picture


@pytest.fixture(scope="module")
def client():
    with asking() as client:
        yield client


FILES = [
    picture(digits()[0][0]),
    picture(np.zeros((9, 9, 3)), "JPEG"),
    picture(digits()[0][1], "GIF"),
    picture(digits()[0][2], "BMP"),
    picture(np.zeros((9, 9, 3)), "WEBP"),
]


@st.composite
def damaged_files(draw):
    """Image files with bytes changed, taken away and put in."""
    content = bytearray(draw(st.sampled_from(FILES)))
    for _ in range(draw(st.integers(0, 8))):
        at = draw(st.integers(0, len(content) - 1))
        content[at : at + draw(st.integers(0, 3))] = draw(st.binary(max_size=4))
        if not content:
            break
    return bytes(content[: draw(st.integers(0, 2 * len(content)))])


def refused_or_answered(response):
    assert response.status_code in (200, 400, 413, 422), response.text
    if response.status_code != 200:
        assert list(response.json()) == ["detail"]


@settings(max_examples=150)
@given(content=damaged_files(), as_is=st.booleans())
def test_damaged_files(client, content, as_is):
    answer = client.post(f"/predict?as_is={as_is}", content=content, headers=PNG)
    refused_or_answered(answer)


nested = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=20,
)


@settings(max_examples=150)
@given(document=nested | st.fixed_dictionaries({"images": nested | st.lists(nested, min_size=1)}))
def test_any_json(client, document):
    content = json.dumps(document)
    answer = client.post("/predict", content=content, headers={"content-type": "application/json"})
    refused_or_answered(answer)


@settings(max_examples=100)
@given(content=st.binary(max_size=200), boundary=st.sampled_from(["a", "", '"a"', "x" * 300]))
def test_any_form(client, content, boundary):
    for body in (content, b"--a\r\n" + content, b"--a\r\nContent-Disposition: " + content):
        answer = client.post(
            "/predict",
            content=body,
            headers={"content-type": f"multipart/form-data; boundary={boundary}"},
        )
        refused_or_answered(answer)
