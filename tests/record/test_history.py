"""The index of a trial's history says what going through it would say."""

import numpy as np
import pytest
from genius import Candidate, Measurement, get_space
from genius.record.candidate import Refusal
from genius.record.history import History, Index

SPACE = get_space("nas-bench-201")


def made_up(count, rng):
    for iteration in range(1, count + 1):
        measured = rng.random() < 0.8
        accuracy = float(rng.integers(50, 60)) if measured else None
        yield Candidate(
            1,
            iteration,
            architecture=SPACE.sample(rng) if measured or rng.random() < 0.5 else None,
            measurement=Measurement(accuracy, error=None if measured else "failed"),
            reply="a reply" if rng.random() < 0.9 else "",
            refusals=(Refusal("no", "why"),) * int(rng.integers(0, 3)),
        )


@pytest.mark.parametrize("seed", range(5))
def test_it_says_what_going_through_all_candidates_says(seed):
    rng = np.random.default_rng(seed)
    everything = list(made_up(60, rng))
    index = Index()
    for candidate in everything:
        index.add(candidate)
        if rng.random() < 0.3:
            index.first(SPACE)  # at any time, and in any order
    for finished in (0, 1, 17, 59, 60):
        running = list(made_up(2, rng))
        history = History(index, finished, running)
        plain = [*everything[:finished], *running]
        measured = [c for c in everything[:finished] if c.accuracy is not None]
        assert list(history) == plain
        assert [history[at] for at in range(len(history))] == plain
        assert history[-2:] == plain[-2:]
        assert history.measured == measured
        assert history.total == pytest.approx(sum(c.accuracy for c in measured))
        assert list(history.best_first()) == sorted(measured, key=lambda c: -c.accuracy)
        assert list(history.best_first(worst_first=True)) == list(history.best_first())[::-1]
        assert history.replies == sum(len(c.refusals) + bool(c.reply) for c in plain)
        built = [c for c in plain if c.architecture]
        assert set(history.tried(SPACE)) == {SPACE.identity(c.architecture) for c in built}
        assert len(history.tried(SPACE)) == len(set(history.tried(SPACE)))
        for candidate in everything:
            if candidate.architecture:
                identity = SPACE.identity(candidate.architecture)
                same = [c for c in built if SPACE.identity(c.architecture) == identity]
                assert history.find(SPACE, candidate.architecture) == (same[0] if same else None)
                assert (identity in history.tried(SPACE)) == bool(same)
                assert identity in history.tried(SPACE, [candidate.architecture])


def test_a_history_does_not_grow_with_the_index():
    index = Index(made_up(3, np.random.default_rng(0)))
    history = History(index, len(index.candidates))
    index.add(Candidate(1, 4, architecture=(2, 1, 3, 2, 1, 3), measurement=Measurement(99.0)))
    assert len(history) == len(list(history)) == 3
    assert (2, 1, 3, 2, 1, 3) not in [c.architecture for c in history.best_first()]
    assert history.find(SPACE, (2, 1, 3, 2, 1, 3)) is None


def test_a_history_of_one_space_can_be_asked_about_another():
    history = History.of([Candidate(1, 1, architecture=(1, 0, 0, 3, 0, 0))])
    assert history.find(SPACE, (1, 0, 0, 0, 3, 0)) is not None  # computes the same function
    macro = get_space("nas-bench-macro")
    assert history.find(macro, (1, 0, 0, 0, 2, 0, 0, 0)) is None
