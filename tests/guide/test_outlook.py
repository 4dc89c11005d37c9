"""The outlook of a search: fitted once for an iteration, whoever asks; the same as one that is fitted anew."""

import asyncio
import gc
import weakref

import numpy as np
import pytest
from genius import Candidate, Goal, Measurement, Objective, get_space
from genius.guide import outlook as module
from genius.guide.outlook import fit_outlook, outlook
from genius.guide.shortlists import forecast, shortlist
from genius.record.candidate import Refusal
from genius.record.history import History, Index
from genius.record.journal import Journal
from genius.record.notebook import Beliefs, OptionBelief
from genius.spaces.region import Limits, Region
from genius.tools.toolbox import Toolbox

SPACE = get_space("nas-bench-macro")
REGION, SEED = Region(SPACE), (0, 1)


def measured(count=6):
    rng = np.random.default_rng(0)
    drawn = dict.fromkeys(SPACE.sample(rng) for _ in range(count))
    return [
        Candidate(1, at, architecture=a, measurement=Measurement(80.0 + sum(a), metrics={"size": float(sum(a))}))
        for at, a in enumerate(drawn, start=1)
    ]


@pytest.fixture
def fits(monkeypatch):
    """Count the fits of outlooks."""
    made = []

    def counting(*given):
        made.append(given)
        return fit_outlook(*given)

    monkeypatch.setattr(module, "fit_outlook", counting)
    return made


async def test_all_tools_of_an_iteration_share_one_fit(fits):
    journal = Journal()
    for candidate in measured():
        await journal.add(candidate)
    calls = [
        ("predict", {"architectures": [[1] * 8, [2] * 8]}),
        *(("suggest", {"kind": kind, "n": 2}) for kind in ("exploit", "explore", "test")),
        ("neighbours", {"architecture": [1] * 8}),
    ]

    def answers(history):
        tools = {tool.name: tool for tool in Toolbox(REGION, history, SEED).tools()}
        return asyncio.gather(*(asyncio.to_thread(tools[name].answer, given) for name, given in calls))

    together = await answers(journal.history(1, 6))
    assert await answers(journal.history(1, 6)) == together  # of another node of the same iteration
    assert len(fits) == 1
    anew = await answers(History.of(measured()))
    assert together == anew
    assert all("±" in answer for answer in together)
    assert len(fits) == 2


def test_an_outlook_is_fitted_anew_where_anything_that_it_depends_on_differs(fits):
    index = Index(measured())
    pending = Candidate(1, 7, architecture=(0,) * 8)
    limited = Goal(limits={"size": (None, 8.0)})
    weighed = Refusal("r", "too large", (1,) * 8, {"size": 9.0})
    histories = [
        History(index, 6),
        History(index, 5),
        History(index, 5, [pending]),
        History(index, 6, goal=Goal((Objective("loss"),))),
        History(index, 6, goal=limited),
        History(index, 6, goal=limited, asked=[weighed]),
        History(index, 6, beliefs=Beliefs(options=(OptionBelief(0, 2, 2.0),))),
    ]
    asked = [(REGION, history, SEED) for history in histories]
    asked += [(REGION, histories[0], (0, 2)), (Region(SPACE, Limits(flops=(3e7, 6e7))), histories[0], SEED)]
    for count, each in enumerate(asked, start=1):
        assert outlook(*each) is outlook(*each)
        assert len(fits) == count


def test_a_further_refusal_that_teaches_no_measurement_needs_no_further_fit(fits):
    index = Index(measured())
    for asked in ([], [Refusal("r", "unreadable")]):
        outlook(REGION, History(index, 6, asked=asked, rounds=len(asked)), SEED)
    assert len(fits) == 1


def test_readers_of_an_outlook_draw_the_same_numbers_in_any_order():
    space = get_space("mobile-imagenet")
    rng = np.random.default_rng(0)
    drawn = [space.sample(rng) for _ in range(4)]
    history = [Candidate(1, at, architecture=a, measurement=Measurement(70.0 + at)) for at, a in enumerate(drawn, 1)]
    kept, region = History.of(history), Region(space)
    first = shortlist("exploit", region, kept, SEED, 3)
    explored = shortlist("explore", region, kept, SEED, 3)
    forecast(region, kept, SEED, drawn)
    assert shortlist("exploit", region, kept, SEED, 3) == first
    assert shortlist("explore", region, History.of(history), SEED, 3) == explored


def test_nothing_of_a_trial_outlives_it():
    history = History.of(measured())
    kept = weakref.ref(outlook(REGION, history, SEED))
    assert kept() is not None
    del history
    gc.collect()
    assert kept() is None
