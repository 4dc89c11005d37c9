"""One contract for every baseline proposer, and what each is known for."""

from dataclasses import replace
from statistics import median

import numpy as np
import pytest
from genius import Candidate, Measurement, get_space
from genius.agents.baselines import PROPOSERS
from genius.spaces.cost import Cost, Part
from genius.spaces.decision import Decision
from genius.spaces.region import NO_LIMITS, Limits, Region
from genius.spaces.space import SearchSpace
from genius.tables.published import load_table
from genius.tools.replies import read_reply

from ..no_model import BASELINES

SPACE = get_space("nas-bench-macro")
TINY = SearchSpace(
    "tiny",
    (Decision("a", ("x", "y")), Decision("b", ("x", "y"))),
    "",
    lambda a: None,
    (1, 1, 1),
    parts=tuple(Part((d,), lambda option: Cost(option + 1, option)) for d in (0, 1)),
)
EVERY_BASELINE = pytest.mark.parametrize("make", BASELINES.values(), ids=BASELINES)


async def run(make, space, accuracy, iterations, seed=0):
    """Run a proposer against a function of the architecture; returns the candidates."""
    propose, history = make(Region(space), (seed, 1)), []
    for iteration in range(1, iterations + 1):
        architecture = read_reply(await propose([], history), space).architecture
        if architecture is None:
            break
        history.append(
            Candidate(1, iteration, architecture=architecture, measurement=Measurement(accuracy(architecture)))
        )
    return history


@EVERY_BASELINE
async def test_it_proposes_new_architectures_of_the_space_and_is_seeded(make):
    histories = [await run(make, SPACE, sum, 15) for _ in range(2)]
    found = [[c.architecture for c in history] for history in histories]
    assert found[0] == found[1]
    assert len(set(found[0])) == 15
    assert all(SPACE.check(a) for a in found[0])


@EVERY_BASELINE
async def test_it_is_a_function_of_the_history(make):
    """A proposer made anew goes on as the old one would have: that is what resuming needs."""
    history = await run(make, SPACE, sum, 8)
    fresh = make(Region(SPACE), (0, 1))
    for known in range(8):
        architecture = read_reply(await fresh([], history[:known]), SPACE).architecture
        assert architecture == history[known].architecture


@EVERY_BASELINE
async def test_it_says_so_when_nothing_is_left(make):
    history = await run(make, TINY, sum, 10)
    assert sorted(c.architecture for c in history) == list(TINY.architectures())
    assert await make(Region(TINY), (0, 1))([], history) == "-"


@EVERY_BASELINE
async def test_it_goes_on_after_failures(make):
    history = [Candidate(1, 1, architecture=(2,) * 8, measurement=Measurement(error="out of memory"), error="o")]
    history += [Candidate(1, 2, error="no architecture")]
    assert read_reply(await make(Region(SPACE), (0, 1))([], history), SPACE).architecture


async def test_seeds_and_trials_draw_differently():
    make = PROPOSERS["random"]
    first = [(await run(make, SPACE, sum, 3, seed))[0].architecture for seed in range(5)]
    assert len(set(first)) > 1
    assert await make(Region(SPACE), (0, 1))([], []) != await make(Region(SPACE), (0, 2))([], [])


async def test_largest_goes_down_in_flops():
    history = await run(PROPOSERS["largest"], SPACE, sum, 20)
    flops = [SPACE.cost_of(c.architecture).flops for c in history]
    assert flops == sorted(flops, reverse=True)
    assert history[0].architecture == (2,) * 8


async def test_local_search_takes_single_steps_from_the_best():
    history = await run(PROPOSERS["local-search"], SPACE, lambda a: -sum(a), 20)
    for number, candidate in enumerate(history[1:], start=1):
        best = max(history[:number], key=lambda c: c.accuracy).architecture
        distance = sum(abs(x - y) for x, y in zip(candidate.architecture, best, strict=True))
        assert distance == 1


async def test_evolution_mutates_members_of_the_youngest_population():
    history = await run(PROPOSERS["evolution"], SPACE, sum, 30)
    for number in range(5, 30):
        population = [c.architecture for c in history[number - 5 : number]]
        child = history[number].architecture
        assert any(sum(x != y for x, y in zip(child, member, strict=True)) == 1 for member in population)


async def test_random_never_repeats_a_function():
    space = get_space("nas-bench-201")
    history = await run(PROPOSERS["random"], space, sum, 300)
    assert len({space.identity(c.architecture) for c in history}) == 300


async def test_local_search_beats_the_papers_median_trial_on_nas_bench_macro(tables):
    table = load_table(SPACE, tables)
    ranks = []
    for seed in range(30):
        history = await run(PROPOSERS["local-search"], SPACE, lambda a: table.measure(a).accuracy, 10, seed)
        ranks.append(min(table.measure(c.architecture).rank for c in history))
    assert median(ranks) <= 8


@EVERY_BASELINE
@pytest.mark.parametrize("limits", [NO_LIMITS, Limits(flops=(2.7e8, 3.3e8))], ids=["free", "limits"])
async def test_of_very_many_it_proposes_what_the_rule_allows(make, limits):
    """None of the very largest is allowed: what is large is then looked for from draws."""
    mobile = get_space("mobile-imagenet")
    space = replace(mobile, valid=lambda a: a.count(6) <= 2 or "at most two layers of 7×7 with expansion 6")
    propose, history = make(Region(space, limits), (0, 1)), []
    for iteration in range(1, 4):
        architecture = read_reply(await propose([], history), space).architecture
        assert limits.allow(space.cost_of(architecture))
        history.append(Candidate(1, iteration, architecture=architecture, measurement=Measurement(50.0 + iteration)))
    assert len({c.architecture for c in history}) == 3
    if make is PROPOSERS["largest"]:
        drawn = Region(space, limits).draw(np.random.default_rng(0), 1_000)
        assert space.cost_of(history[0].architecture).flops > space.costs(drawn)[:, 0].max()
