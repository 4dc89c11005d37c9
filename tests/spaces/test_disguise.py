"""A space in disguise is the same problem without its names, its order and its numbers."""

import re
from dataclasses import replace

import numpy as np
import pytest
from genius.agents.reflector import Terms, write_prompt
from genius.errors import GeniusError
from genius.record.candidate import Candidate
from genius.record.history import History
from genius.record.measurement import Measurement
from genius.spaces import SPACES, get_space
from genius.spaces.decision import Decision
from genius.spaces.disguise import Disguise, draw_disguise
from genius.spaces.region import Limits, Region
from genius.spaces.space import SearchSpace
from genius.tools.toolbox import Toolbox
from genius.tools.validator import Broken, check_architecture

NAMES = ("conv", "cifar", "imagenet", "digits", "resnet", "mobile", "nas-bench", "macro", "channel", "skip", "kernel")
COSTED = [name for name, space in SPACES.items() if space.parts]


def pair(name, seed=1):
    space = get_space(name)
    disguise = draw_disguise(space, seed)
    return space, disguise, disguise.of(space)


@pytest.mark.parametrize("name", SPACES)
def test_costs_identities_and_features_are_those_of_the_real_architecture(name):
    space, disguise, shown = pair(name)
    rng = np.random.default_rng(0)
    drawn = [shown.sample(rng) for _ in range(30)]
    real = [disguise.reveal(a) for a in drawn]
    assert [shown.check(disguise.conceal(a)) for a in real] == drawn
    assert (shown.costs(drawn) == space.costs(real)).all()
    assert [shown.identity(a) for a in drawn] == [space.identity(a) for a in real]
    assert [shown.key(a) for a in drawn] == [space.key(a) for a in real]
    for own, theirs in ((shown.features, space.features), (shown.depth, space.depth)):
        assert (own is None) == (theirs is None)
        if own and theirs:
            assert (own(np.array(drawn)) == theirs(np.array(real))).all()


@pytest.mark.parametrize("name", SPACES)
def test_nothing_that_a_model_reads_names_the_space_or_an_operation(name):
    _, _, shown = pair(name)
    words = [shown.name, shown.description, *(d.name for d in shown.decisions), *(d.stage for d in shown.decisions)]
    words += [option for decision in shown.decisions for option in decision.options]
    assert not [name for name in NAMES if name in " ".join(words).lower()]
    assert not shown.named


def test_options_are_shuffled_by_the_seed_and_alike_where_they_are_the_same():
    space, disguise, _ = pair("nas-bench-201-cifar10")
    assert all(list(options) == list(disguise.meanings[0]) for options in disguise.meanings)
    assert sorted(disguise.meanings[0]) == [0, 1, 2, 3, 4]
    assert disguise == draw_disguise(space, 1)
    assert len({tuple(draw_disguise(space, seed).meanings[0]) for seed in range(10)}) > 5


def test_decisions_and_units_are_drawn_by_the_seed():
    space = get_space("nas-bench-macro")
    drawn = [draw_disguise(space, seed) for seed in range(10)]
    assert all(sorted(each.places) == list(range(8)) for each in drawn)
    assert len({tuple(each.places) for each in drawn}) == 10
    assert len({each.units for each in drawn}) == 10


def told(region, history):
    """Return everything that a model may read of costs: the prompt, a refusal, and the answer of a tool."""
    known = History.of(history)
    prompt = "\n".join(message["content"] for message in write_prompt(region, known, Terms(iterations=10)))
    architectures = [list(candidate.architecture) for candidate in history]
    tool = next(tool for tool in Toolbox(region, known, (0,)).tools() if tool.name == "cost")
    answers = [prompt, tool.answer({"architectures": architectures})]
    for candidate in history:
        found = check_architecture(candidate.architecture, replace(region, limits=tight(region)), History.of([]))
        assert isinstance(found, Broken)
        answers += [found.reason, found.mendable]
    return "\n".join(answers)


def tight(region):
    return replace(region.limits, flops=(-np.inf, 1e3))


def uniform_cells(region, disguise, space):
    """Return a measured candidate for each uniform architecture, which a published space is best known by."""
    options = min(len(decision.options) for decision in space.decisions)
    first = space.decisions[0].first
    found = []
    for iteration in range(1, options + 1):
        shown = disguise.conceal((iteration - 1 + first,) * len(space.decisions))
        cost = region.space.cost_of(shown)
        found.append(Candidate(1, iteration, architecture=shown, cost=cost, measurement=Measurement(90.0 + iteration)))
    return found


@pytest.mark.parametrize("name", [name for name in COSTED if name != "mobile-imagenet"])
@pytest.mark.parametrize("limited", [False, True])
def test_costs_are_told_in_hidden_units_alone(name, limited):
    space, disguise, _ = pair(name)
    largest = int(space.costs([tuple(decision.numbers[-1] for decision in space.decisions)])[0, 0])
    limits = Limits((-np.inf, float(largest)), (-np.inf, 1e9)) if limited else Limits()
    region = Region(space, limits).disguised(disguise)
    history = uniform_cells(region, disguise, space)
    words = told(region, history)
    assert "hidden unit" in words
    assert not re.search(r"\d M\b|million|multiply|macs|thop", words)
    assert not [each for each in NAMES if each in words.lower()]
    numbers = {number.replace(",", "") for number in re.findall(r"\d[\d,]*(?:\.\d+)?", words)}
    real = [amount for each in history for amount in (each.cost.flops, each.cost.params) if amount > 1000]
    assert not numbers & {f"{amount / scale:.{digits}f}" for amount in real for scale in (1, 1e6) for digits in (1, 2)}
    shown = f"{float(f'{history[-1].cost.flops / disguise.units[0]:.3g}'):,.12g}"
    assert shown.replace(",", "") in numbers


def test_each_number_of_a_cost_has_three_digits():
    space, disguise, _ = pair("nas-bench-201-cifar10")
    region = Region(space, Limits((-np.inf, 1e8))).disguised(disguise)
    table = "\n".join(
        line for line in told(region, uniform_cells(region, disguise, space)).splitlines() if "1: " in line
    )
    digits = [number.replace(",", "").replace(".", "").strip("0") for number in re.findall(r": ([\d,.]+\d)", table)]
    assert digits
    assert max(map(len, digits)) <= 3


def test_limits_hold_by_the_real_costs():
    space, disguise, _ = pair("nas-bench-macro")
    region = Region(space, Limits((50e6, 100e6)))
    hidden = region.disguised(disguise)
    assert hidden.count() == region.count()
    drawn = [disguise.reveal(tuple(row)) for row in hidden.draw(np.random.default_rng(0), 20).tolist()]
    assert region.allows(drawn).all()


def test_the_first_place_is_another_decision_by_the_seed():
    space = get_space("nas-bench-macro")
    first = {draw_disguise(space, seed).real(0, 0)[0] for seed in range(40)}
    assert len(first) > 3


@pytest.mark.parametrize(
    ("disguise", "why"),
    [
        (Disguise([[0, 1, 2]] * 8, [0] * 8), "places are not those of nas-bench-macro"),
        (Disguise([[0, 1, 1]] * 8), "meanings are not those of nas-bench-macro"),
        (Disguise([[0, 1, 2]] * 7), "places are not those of nas-bench-macro"),
        (Disguise([[0, 1, 2]] * 8, (), (0.0, 1.0)), "two numbers above 0"),
        (Disguise([[0, 1, 2]] * 8, (), (1.0,)), "two numbers above 0"),
    ],
)
def test_a_key_of_another_space_is_refused(disguise, why):
    with pytest.raises(GeniusError, match=why):
        disguise.of(get_space("nas-bench-macro"))


def test_a_key_of_earlier_versions_keeps_order_and_costs():
    """They shuffled the options alone."""
    space = get_space("nas-bench-macro")
    old = Disguise([[2, 0, 1]] * 8)
    assert old.reveal((0, 1, 2, 0, 1, 2, 0, 1)) == (2, 0, 1, 2, 0, 1, 2, 0)
    assert old.conceal((2, 0, 1, 2, 0, 1, 2, 0)) == (0, 1, 2, 0, 1, 2, 0, 1)
    assert "million" in told(Region(space).disguised(old), uniform_cells(Region(old.of(space)), old, space))


def test_a_network_is_that_of_the_real_architecture():
    space, disguise, shown = pair("nas-bench-macro")
    architecture = (0, 1, 2, 0, 1, 2, 0, 1)
    built, real = shown.build(architecture), space.build(disguise.reveal(architecture))
    assert [p.shape for p in built.parameters()] == [p.shape for p in real.parameters()]


def kernels_grow(architecture):
    """Kernels grow from stage 1 to stage 2 in digits"""
    return architecture[1] <= architecture[4] or "the kernel of stage 2 is too small"


def test_a_rule_holds_for_what_the_shown_stand_for_and_says_no_more():
    space = replace(get_space("digits"), valid=kernels_grow)
    disguise = draw_disguise(space, 1)
    shown = disguise.of(space)
    assert sorted(map(disguise.reveal, shown.architectures())) == sorted(space.architectures())
    forbidden = disguise.conceal((0, 2, 0, 0, 1, 0, 0, 0, 0))
    assert shown.forbids(forbidden) == f"{list(forbidden)} breaks the space's rule"
    assert shown.rule == "Not every combination of options is allowed."
    assert space.rule == "Not every combination of options is allowed: Kernels grow from stage 1 to stage 2 in digits."


def test_places_with_other_options_have_other_letters_however_many_there_are():
    decisions = tuple(Decision(f"d{n}", (f"a{n}", f"b{n}")) for n in range(60))
    space = SearchSpace("many", decisions, "Many.", lambda a: None, (1, 8, 8))
    shown = draw_disguise(space, 1).of(space)
    assert len({option for decision in shown.decisions for option in decision.options}) == 120
