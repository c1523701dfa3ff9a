"""Corrections: known at once, undone in any order, kept by saving, lost by nobody."""

import errno
import os
import threading

import numpy as np
import pytest
from tests.web.asking import PNG, asking, digits, digits_model, picture

from lookalike.models.model import Model, open_model
from lookalike.web.session import (
    ClosedError,
    ConflictError,
    DiskFullError,
    NoCorrectionError,
    Session,
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "digits.lookalike"


@pytest.fixture
def session(path):
    session = Session(digits_model(path))
    yield session
    session.close()


@pytest.fixture
def images():
    """Images unlike any of the model's, and unlike each other."""
    return np.random.default_rng(0).integers(0, 17, (6, 8, 8)).astype(np.uint8)


def label_of(session, image):
    (answer,) = session.predict(session.state.model, image[None]).result()
    return answer.class_names[answer.probabilities.argmax()]


def rows_are_right(session, images_of):
    """Every correction's row holds its image and its label."""
    model = session.state.model
    for one in session.state.corrections:
        np.testing.assert_array_equal(model.image(one.row), images_of[one.id])
        assert model.label(one.row) == one.label
    assert session.state.n_samples == model.n_samples == 300 + len(session.state.corrections)


def test_the_very_next_answer_knows_a_correction(session, images):
    # three, because three neighbours vote
    many = np.repeat(images[:1], 3, axis=0)
    adding = session.add(session.state.model, many, "owl")
    asked = session.predict(
        session.state.model, images[:1]
    )  # queued before the correction was made
    assert adding.result()[0] == [1, 2, 3]
    (answer,) = asked.result()
    assert answer.class_names[-1] == "owl"
    assert answer.probabilities[-1] == 1
    assert session.state.class_names == answer.class_names
    session.undo(2).result()
    (answer,) = session.predict(session.state.model, images[:1]).result()
    assert 0 < answer.probabilities[-1] < 1


def test_ids_stay_while_rows_move(session, images):
    images_of = {}
    for i, image in enumerate(images):
        (id,), _ = session.add(session.state.model, image[None], str(i)).result()
        images_of[id] = image
    assert [one.id for one in session.state.corrections] == [1, 2, 3, 4, 5, 6]
    for id in (3, 1, 6):
        session.undo(id).result()
        rows_are_right(session, images_of)
    assert [one.id for one in session.state.corrections] == [2, 4, 5]
    (id,), _ = session.add(session.state.model, images[:1], "1").result()
    assert id == 7  # never one that was given before
    images_of[7] = images[0]
    rows_are_right(session, images_of)
    for id in (3, 99):
        with pytest.raises(NoCorrectionError, match=str(id)):
            session.undo(id).result()


def test_explanations_mark_corrections(session, images):
    session.add(session.state.model, images[:1], "1").result()
    (one,) = session.explain(session.state.model, images[:1], n_neighbors=3).result()
    assert one.corrections == [True, False, False]
    np.testing.assert_array_equal(one.images[0], images[0])


def test_unsaved_counts_what_the_file_does_not_know(session, images, path):
    session.add(session.state.model, images[:2], "1").result()
    assert session.state.unsaved == 2
    session.undo(1).result()
    assert session.state.unsaved == 1  # the file never knew that one
    state = session.save().result()
    assert state.unsaved == 0
    assert [one.saved for one in state.corrections] == [True]
    assert open_model(path).n_samples == 301
    state = session.undo(2).result()
    assert (state.unsaved, state.n_samples) == (1, 300)
    session.add(session.state.model, images[:1], "1").result()
    assert session.state.unsaved == 2
    session.save().result()
    assert session.state.unsaved == 0
    kept = open_model(path)
    np.testing.assert_array_equal(kept.image(300), images[0])


def test_a_file_that_somebody_else_changed_is_not_overwritten(session, images, path):
    session.add(session.state.model, images[:1], "1").result()
    session.save().result()
    session.save().result()  # its own saving is no change by somebody else
    others = path.read_bytes() + b"theirs"
    path.write_bytes(others)
    with pytest.raises(ConflictError, match="changed by another program"):
        session.save().result()
    assert path.read_bytes() == others
    path.rename(path.with_name("theirs"))  # the cure that the message names
    session.save().result()
    assert open_model(path).n_samples == 301


def test_a_file_replaced_by_one_of_the_same_size_and_time_is_seen(session, path):
    found = path.stat()
    other = path.with_name("other")
    other.write_bytes(path.read_bytes())
    os.utime(other, ns=(found.st_atime_ns, found.st_mtime_ns))
    other.replace(path)
    with pytest.raises(ConflictError):
        session.save().result()


@pytest.mark.parametrize(
    ("number", "error"),
    [
        (errno.ENOSPC, DiskFullError),
        (errno.EDQUOT, DiskFullError),
        (errno.EACCES, ConflictError),
        (errno.EROFS, ConflictError),
    ],
)
def test_a_failed_save_changes_nothing(session, images, path, monkeypatch, number, error):
    before = path.read_bytes()
    session.add(session.state.model, images[:1], "1").result()

    def fail(self, path=None):
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patched:
        patched.setattr(Model, "save", fail)
        with pytest.raises(error, match=os.strerror(number)):
            session.save().result()
    assert session.state.unsaved == 1
    assert path.read_bytes() == before
    session.save().result()
    assert session.state.unsaved == 0


def test_a_model_of_no_file_is_not_saved():
    session = Session(digits_model())
    with pytest.raises(ConflictError, match="not read from a file"):
        session.save().result()
    session.close()


def test_closing_tells_what_was_not_saved_and_refuses_the_rest(path, images):
    session = Session(digits_model(path))
    session.add(session.state.model, images[:3], "1").result()
    asked = session.predict(session.state.model, images)
    assert session.close() == 3
    assert len(asked.result(0)) == 6
    with pytest.raises(ClosedError):
        session.predict(session.state.model, images)


def test_only_one_thread_ever_touches_the_model(path, images, monkeypatch):
    seen = set()
    for name in ("probabilities", "explain", "add", "remove", "save", "image"):
        method = getattr(Model, name)

        def noted(self, *args, _method=method, **options):
            seen.add(threading.get_ident())
            return _method(self, *args, **options)

        monkeypatch.setattr(Model, name, noted)
    model = digits_model(path)
    with asking(model) as client:
        seen.clear()
        body = {"content": picture(images[0]), "headers": PNG}
        for call in ("/predict", "/explain", "/samples?label=1"):
            assert client.post(call, **body).status_code < 300
        assert client.delete("/samples/1").status_code == 200
        assert client.post("/save").status_code == 200
    assert len(seen) == 1
    assert threading.get_ident() not in seen


def test_several_tabs_lose_nothing(path, images):
    n_tabs, n_each = 6, 12
    failed, kept = [], []

    with asking(digits_model(path)) as client:

        def work(tab):
            rng = np.random.default_rng(tab)
            for i in range(n_each):
                image = rng.integers(0, 17, (8, 8)).astype(np.uint8)
                answer = client.post(
                    f"/samples?as_is=true&label={tab}-{i}", content=picture(image), headers=PNG
                )
                if answer.status_code != 201:
                    failed.append(answer.text)
                    continue
                (id,) = answer.json()["ids"]
                if i % 3 == 2:
                    undone = client.delete(f"/samples/{id}")
                    if undone.status_code != 200:
                        failed.append(undone.text)
                else:
                    kept.append((id, f"{tab}-{i}"))
                if i == n_each // 2 and client.post("/save").status_code != 200:
                    failed.append("save")

        threads = [threading.Thread(target=work, args=(tab,)) for tab in range(n_tabs)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failed == []
        listed = client.get("/samples").json()
        assert sorted((one["id"], one["label"]) for one in listed["samples"]) == sorted(kept)
        assert client.post("/save").json()["unsaved"] == 0
    saved = open_model(path)
    assert saved.n_samples == 300 + len(kept)
    labels = {saved.label(row) for row in range(300, saved.n_samples)}
    assert labels == {label for _, label in kept}


def test_corrections_over_http(path, images):
    with asking(digits_model(path)) as client:
        body = {"content": picture(images[0]), "headers": PNG}
        added = client.post("/samples?as_is=true&label=na%C3%AFve%20owl", **body)
        assert added.status_code == 201
        assert added.json() == {"ids": [1], "n_samples": 301, "unsaved": 1}
        listed = client.get("/samples").json()
        (one,) = listed["samples"]
        assert (one["id"], one["label"], one["saved"]) == (1, "naïve owl", False)
        assert one["added"].endswith("Z")
        assert "naïve owl" in client.get("/model").json()["class_names"]
        assert client.post("/save").json() == {
            "file": "digits.lookalike",
            "n_samples": 301,
            "unsaved": 0,
        }
        assert client.get("/samples").json()["samples"][0]["saved"] is True
        assert client.delete("/samples/1").json() == {"n_samples": 300, "unsaved": 1}
        assert client.delete("/samples/1").status_code == 404
        path.write_bytes(b"theirs")
        assert client.post("/save").status_code == 409


def test_a_full_disk_over_http(path, monkeypatch):
    def fail(self, path=None):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Model, "save", fail)
    with asking(digits_model(path)) as client:
        answer = client.post("/save")
    assert answer.status_code == 507
    assert "free some space" in answer.json()["detail"]


def test_a_label_that_the_model_cannot_have_is_a_conflict(images):
    from lookalike import KNeighborsClassifier

    numbers = Model(KNeighborsClassifier(3).fit(digits()[0], digits()[1].astype(int)))
    body = {"content": picture(images[0]), "headers": PNG}
    with asking(numbers) as client:
        answer = client.post("/samples?as_is=true&label=owl", **body)
        assert answer.status_code == 409
        assert "owl" in answer.json()["detail"]
        assert client.post("/samples?as_is=true&label=12", **body).status_code == 201
        assert client.get("/samples").json()["samples"][0]["label"] == "12"
        for label in ("9" * 30, "-1", "1e3"):
            assert client.post(f"/samples?label={label}", **body).status_code in (201, 409)


def test_what_was_not_saved_is_told_at_the_end(path, images, caplog):
    body = {"content": picture(images[0]), "headers": PNG}
    with asking(digits_model(path)) as client:
        for _ in range(3):
            client.post("/samples?as_is=true&label=1", **body)
    assert caplog.messages == ["3 corrections were not saved"]
    caplog.clear()
    with asking(digits_model(path)) as client:
        client.post("/samples?as_is=true&label=1", **body)
        client.post("/save")
    assert caplog.messages == []


def test_rejection_is_a_probability():
    with pytest.raises(ValueError, match=r"reject=1\.5"):
        Session(digits_model(), reject=1.5)
