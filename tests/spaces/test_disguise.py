"""A space in disguise is the same problem without its names."""

from dataclasses import replace

import numpy as np
import pytest
from genius.spaces import SPACES, get_space
from genius.spaces.decision import Decision
from genius.spaces.disguise import conceal, disguise, reveal, shuffle
from genius.spaces.space import SearchSpace

NAMES = ("conv", "cifar", "imagenet", "digits", "resnet", "mobile", "nas-bench", "macro", "channel", "skip", "kernel")


def pair(name, seed=1):
    space = get_space(name)
    meanings = shuffle(space, seed)
    return space, meanings, disguise(space, meanings)


@pytest.mark.parametrize("name", SPACES)
def test_costs_identities_and_features_are_those_of_the_real_architecture(name):
    space, meanings, shown = pair(name)
    rng = np.random.default_rng(0)
    drawn = [shown.sample(rng) for _ in range(30)]
    real = [reveal(a, meanings) for a in drawn]
    assert [shown.check(conceal(a, meanings)) for a in real] == drawn
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
    space, meanings, _ = pair("nas-bench-201-cifar10")
    assert all(list(options) == list(meanings[0]) for options in meanings)
    assert sorted(meanings[0]) == [0, 1, 2, 3, 4]
    assert meanings == shuffle(space, 1)
    assert len({tuple(shuffle(space, seed)[0]) for seed in range(10)}) > 5


def test_a_network_is_that_of_the_real_architecture():
    space, meanings, shown = pair("nas-bench-macro")
    architecture = (0, 1, 2, 0, 1, 2, 0, 1)
    built, real = shown.build(architecture), space.build(reveal(architecture, meanings))
    assert [p.shape for p in built.parameters()] == [p.shape for p in real.parameters()]


def kernels_grow(architecture):
    """Kernels grow from stage 1 to stage 2 in digits"""
    return architecture[1] <= architecture[4] or "the kernel of stage 2 is too small"


def test_a_rule_holds_for_what_the_shown_stand_for_and_says_no_more():
    space = replace(get_space("digits"), valid=kernels_grow)
    shown = disguise(space, meanings := shuffle(space, 1))
    assert sorted(reveal(a, meanings) for a in shown.architectures()) == sorted(space.architectures())
    forbidden = conceal((0, 2, 0, 0, 1, 0, 0, 0, 0), meanings)
    assert shown.forbids(forbidden) == f"{list(forbidden)} breaks the space's rule"
    assert shown.rule == "Not every combination of options is allowed."
    assert space.rule == "Not every combination of options is allowed: Kernels grow from stage 1 to stage 2 in digits."


def test_places_with_other_options_have_other_letters_however_many_there_are():
    decisions = tuple(Decision(f"d{n}", (f"a{n}", f"b{n}")) for n in range(60))
    space = SearchSpace("many", decisions, "Many.", lambda a: None, (1, 8, 8))
    shown = disguise(space, shuffle(space, 1))
    assert len({option for decision in shown.decisions for option in decision.options}) == 120
