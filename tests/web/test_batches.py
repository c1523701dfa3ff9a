"""Predictions are joined, everything keeps its order, and nothing hangs at the end."""

import threading

import numpy as np
import pytest

from lookalike.web.session import Batches, ClosedError


def images(*values):
    return np.array(values, np.uint8).reshape(-1, 1, 1)


class Held:
    """Batches whose thread waits at a gate, so that a queue can build up before it."""

    def __init__(self, **options):
        self.sizes = []
        self.gate = threading.Event()
        self.batches = Batches(self.answer, on_batch=self.sizes.append, **options)
        self.first = self.batches.run(self.gate.wait)

    def answer(self, factor, images):
        if (images == 13).any():
            raise ValueError("thirteen")
        return [factor * value for value in images.reshape(-1).tolist()]

    def predict(self, images, factor=1):
        return self.batches.predict(factor, images)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.gate.set()
        self.batches.close()


def test_what_waits_is_joined_up_to_the_limit_and_everyone_gets_their_own():
    with Held(max_images=4) as held:
        sent = [images(1), images(2, 3), images(4), images(5), images(*range(20, 30)), images(6)]
        futures = [held.predict(one) for one in sent]
        held.gate.set()
        got = [future.result(5) for future in futures]
    assert got == [one.reshape(-1).tolist() for one in sent]
    assert held.sizes == [4, 1, 10, 1]


def test_other_work_runs_between_the_predictions_that_it_was_asked_between():
    with Held() as held:
        seen = []
        before = [held.predict(images(i)) for i in (1, 2)]
        work = held.batches.run(lambda: seen.append([future.done() for future in before + after]))
        after = [held.predict(images(3))]
        held.gate.set()
        work.result(5)
        assert after[0].result(5) == [3]
    assert seen == [[True, True, False]]
    assert held.sizes == [2, 1]


def test_only_questions_to_one_model_are_joined():
    with Held() as held:
        futures = [held.predict(images(5), factor) for factor in (1, 1, 2, 2, 1)]
        held.gate.set()
        assert [future.result(5) for future in futures] == [[5], [5], [10], [10], [5]]
    assert held.sizes == [2, 2, 1]


def test_what_was_given_up_is_not_searched_for():
    with Held() as held:
        futures = [held.predict(images(i)) for i in (1, 2, 3)]
        work = held.batches.run(lambda: 1)
        assert futures[1].cancel()
        assert work.cancel()
        held.gate.set()
        assert [futures[0].result(5), futures[2].result(5)] == [[1], [3]]
    assert held.sizes == [2]


def test_an_error_reaches_those_who_asked_and_the_thread_goes_on():
    with Held() as held:
        held.gate.set()
        held.first.result(5)
        with pytest.raises(ValueError, match="thirteen"):
            held.predict(images(13)).result(5)
        with pytest.raises(ZeroDivisionError):
            held.batches.run(lambda: 1 // 0).result(5)
        assert held.predict(images(1)).result(5) == [1]


def test_closing_does_what_is_queued_and_takes_nothing_more():
    held = Held()
    queued = [held.predict(images(1)), held.batches.run(lambda: 2)]
    held.gate.set()
    held.batches.close()
    held.batches.close()
    assert [future.result(0) for future in queued] == [[1], 2]
    for ask in (lambda: held.predict(images(1)), lambda: held.batches.run(lambda: 1)):
        with pytest.raises(ClosedError, match="shutting down"):
            ask()


def test_many_threads_ask_at_once_and_each_gets_its_own():
    wrong = []
    with Held() as held:
        held.gate.set()

        def ask(start):
            values = [20 + i % 200 for i in range(start, start + 50)]
            got = [held.predict(images(value)).result(5) for value in values]
            if got != [[value] for value in values]:
                wrong.append(got)

        threads = [threading.Thread(target=ask, args=(50 * i,)) for i in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
    assert wrong == []
    assert sum(held.sizes) == 400
