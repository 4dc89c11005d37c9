"""A space's rule: what it forbids is not in the space, is refused by name, and is never drawn."""

import hashlib
import json
import time
from collections import Counter
from dataclasses import replace
from functools import partial
from itertools import islice, product

import numpy as np
import pytest
from genius.errors import GeniusError
from genius.spaces import get_space
from genius.spaces.cost import Cost
from genius.spaces.listing import describe
from genius.spaces.region import NO_LIMITS, Limits, Region
from genius.spaces.space import BadArchitecture

from .rules import FEW_OF_MANY, MOBILE, chain, deep_needs_wide, few_of_many

DIGITS = get_space("digits")
EVERYTHING = list(product(range(3), repeat=4))
VALID = [a for a in EVERYTHING if deep_needs_wide(a)]


class Rule:
    """An object that is a rule"""

    def __call__(self, architecture, least=1):
        return architecture[0] >= least


def without_words(architecture):
    return False


@pytest.mark.parametrize(
    ("valid", "words"),
    [
        (lambda a: "layers 1 and 2 differ", ": layers 1 and 2 differ"),
        (lambda a: "one line\nand another\x1b]52;c;aGk=\a [bold]", r": one line and another\x1b]52;c;aGk=\x07 [bold]"),
        (lambda a: "a" * 1_000 + "z" * 1_000, f": {'a' * 99} … {'z' * 98}"),
        (deep_needs_wide, ": A deep network needs a wide one"),
        (without_words, ": without_words"),
        (lambda a: np.bool_(False), ""),
        (partial(Rule(), least=3), ": An object that is a rule"),
    ],
    ids=["text", "escapes", "long", "docstring", "name", "lambda", "partial"],
)
def test_what_it_forbids_is_refused_by_the_rule_in_one_short_line(valid, words):
    space = chain(valid)
    with pytest.raises(BadArchitecture) as refused:
        space.check((0, 2, 0, 0))
    assert str(refused.value) == f"[0, 2, 0, 0] breaks the space's rule{words}"


@pytest.mark.parametrize("answer", [True, np.bool_(True)])
def test_what_it_allows_is_in_the_space(answer):
    assert chain(lambda a: answer).check((0, 2, 0, 0)) == (0, 2, 0, 0)


@pytest.mark.parametrize(
    ("valid", "error"),
    [
        (lambda a: a[9], r"failed on \[0, 2, 0, 0\]: IndexError: tuple index out of range"),
        (lambda a: {}["a\nb"], r"failed on \[0, 2, 0, 0\]: KeyError: 'a\\nb'"),
        (lambda a: None, r"returned None for \[0, 2, 0, 0\]: return True, False, or a text"),
        (lambda a: 1, r"returned 1 for"),
        (lambda a: "", r"returned '' for"),
        (lambda a: np.array([1, 0]), r"returned array\(\[1, 0\]\) for"),
    ],
)
def test_a_rule_that_fails_is_the_spaces_fault(valid, error):
    with pytest.raises(GeniusError, match=f"the rule of chain {error}") as raised:
        chain(valid).check((0, 2, 0, 0))
    assert not isinstance(raised.value, BadArchitecture)
    assert "\n" not in str(raised.value)
    for use in (check_everything, lambda space: space.allows([(0, 2, 0, 0)]), lambda space: space.sample(None)):
        with pytest.raises(GeniusError, match=r"the rule of chain (failed on|returned .* for) \[0, 0, 0, 0\]"):
            use(chain(valid))


def check_everything(space):
    return Region(space).check()


def test_a_lack_of_memory_keeps_its_meaning():
    def greedy(architecture):
        raise MemoryError

    with pytest.raises(MemoryError):
        chain(greedy).check((0, 0, 0, 0))


def test_the_space_is_what_the_rule_allows():
    space = chain(deep_needs_wide)
    assert list(space.architectures()) == VALID
    assert (space.size, space.count, space.without_rule.count) == (81, len(VALID), 81)
    assert space.allows(EVERYTHING).tolist() == [deep_needs_wide(a) for a in EVERYTHING]
    assert Region(space).extremes()[0] == tuple(f(space.cost(a).flops for a in VALID) for f in (min, max))
    limits = Limits(flops=(300.0, 500.0))
    inside = [a for a in VALID if limits.allow(space.cost(a))]
    assert Region(space, limits).count() == (len(inside), 0.0)
    assert list(map(tuple, Region(space, limits).listed().tolist())) == inside
    assert sorted(Region(space, limits).largest_first()) == inside
    with pytest.raises(BadArchitecture, match="A deep network needs a wide one"):
        space.cost((0, 1, 0, 0))


def test_option_numbers_that_do_not_start_at_0_are_told_apart():
    space = chain(lambda a: a[0] != a[3], options=2, first=3)
    assert list(space.architectures()) == [a for a in product((3, 4), repeat=4) if a[0] != a[3]]
    rng = np.random.default_rng(0)
    assert {space.sample(rng) for _ in range(200)} == set(space.architectures())


def test_the_rule_is_asked_once_for_each_architecture():
    asked = Counter()

    def valid(architecture):
        asked[architecture] += 1
        return deep_needs_wide(architecture)

    space, rng = chain(valid), np.random.default_rng(0)
    for _ in range(3):
        list(space.architectures())
        Region(space).draw(rng, 100)
        space.allows(EVERYTHING)
        Region(space).nearest((0, 2, 0, 0))
    assert set(asked.values()) == {1}
    assert len(asked) == 81


@pytest.mark.parametrize("limits", [NO_LIMITS, Limits(flops=(300.0, 500.0))], ids=["free", "limits"])
def test_draws_are_uniform_among_what_is_allowed(limits):
    space, rng = chain(deep_needs_wide), np.random.default_rng(0)
    allowed = [a for a in VALID if limits.allow(space.cost(a))]
    drawn = Counter(Region(space, limits).sample(rng) for _ in range(100 * len(allowed)))
    drawn.update(map(tuple, Region(space, limits).draw(rng, 100 * len(allowed)).tolist()))
    assert set(drawn) == set(allowed)
    excess = sum((count - 200) ** 2 / 200 for count in drawn.values()) - (len(allowed) - 1)
    assert abs(excess) < 4 * np.sqrt(2 * len(allowed))


def test_draws_of_a_large_space_are_uniform_among_what_is_allowed():
    """Of 20 layers nothing is fixed but the first three, of which 5 in 27 ways are left."""
    space = chain(lambda a: sum(a[:3]) == 4 or a[:3] == (0, 0, 0), layers=20)
    drawn = Counter(tuple(a[:3]) for a in Region(space).draw(np.random.default_rng(0), 4_000).tolist())
    ways = [a for a in product(range(3), repeat=3) if sum(a) == 4 or not any(a)]
    assert set(drawn) == set(ways)
    expected = 4_000 / len(ways)
    excess = sum((count - expected) ** 2 / expected for count in drawn.values()) - (len(ways) - 1)
    assert abs(excess) < 4 * np.sqrt(2 * len(ways))


def digest(values):
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()[:16]


def test_a_space_without_a_rule_draws_what_it_always_did():
    """The numbers of the benches are architecture for architecture."""
    found = []
    for space in (DIGITS, MOBILE):
        rng = np.random.default_rng(5)
        found += [[space.sample(rng) for _ in range(50)], Region(space).draw(rng, 50).tolist()]
    rng, limits = np.random.default_rng(6), Limits(flops=(2e5, 1e6))
    found += [[Region(DIGITS, limits).sample(rng) for _ in range(20)], Region(DIGITS, limits).draw(rng, 50).tolist()]
    found += [int(rng.integers(1_000_000))]
    assert digest(found) == "69568157554924ff"


@pytest.mark.parametrize("limits", [NO_LIMITS, Limits(flops=(2.7e8, 3.3e8))], ids=["free", "limits"])
def test_a_rule_that_keeps_one_in_a_thousand_of_very_many_still_draws(limits):
    rng = np.random.default_rng(0)
    Region(FEW_OF_MANY, limits).check()
    drawn = Region(FEW_OF_MANY, limits).draw(rng, 20).tolist()
    assert len(drawn) == 20
    for architecture in [Region(FEW_OF_MANY, limits).sample(rng), *map(tuple, drawn)]:
        assert few_of_many(architecture)
        assert limits.allow(FEW_OF_MANY.cost(architecture))


def test_more_draws_than_a_rule_lets_through_are_as_many_as_were_found():
    drawn = Region(FEW_OF_MANY).draw(np.random.default_rng(0), 100_000).tolist()
    assert 100 < len(drawn) < 400  # of 204,800
    assert all(map(few_of_many, map(tuple, drawn)))


def test_a_rule_that_forbids_everything_is_told_in_a_sentence():
    words = r"the rule of chain \(without_words\) forbids each of its 81 architectures: loosen it"
    small, large = chain(without_words), replace(MOBILE, name="large", valid=without_words)
    for use in (check_everything, lambda s: s.sample(np.random.default_rng(0)), lambda s: list(s.architectures())):
        with pytest.raises(GeniusError, match=words):
            use(small)
    with pytest.raises(GeniusError, match=r"forbids each of 819,200 architectures that were drawn from its 2\.25e\+25"):
        Region(large).check()
    heavy = replace(MOBILE, valid=lambda a: sum(a) > 100)
    with pytest.raises(GeniusError, match=r"that its rule allows within .* was found; allow a wider range or loosen"):
        Region(heavy, Limits(flops=(2e7, 2.2e7))).check()


def test_limits_that_leave_nothing_of_what_the_rule_allows_are_told():
    space = chain(lambda a: sum(a) >= 6)
    with pytest.raises(GeniusError, match=r"keeps the limits and its rule: at most 300 FLOPs .* go from 646 to 846"):
        Region(space, Limits(flops=(-np.inf, 300.0))).check()
    with pytest.raises(GeniusError, match="no architecture of chain that its rule allows within at most 300 FLOPs"):
        Region(space, Limits(flops=(-np.inf, 300.0))).sample(np.random.default_rng(0))
    with pytest.raises(GeniusError, match=r"its FLOPs go from 20\.129536 M"):
        Region(FEW_OF_MANY, Limits(flops=(1.0, 2.0))).check()


def test_the_nearest_is_the_nearest_that_is_allowed():
    space = chain(deep_needs_wide)
    for limits in (NO_LIMITS, Limits(flops=(300.0, 500.0))):
        inside = [a for a in VALID if limits.allow(space.cost(a))]
        for start in EVERYTHING:
            distances = {a: sum(x != y for x, y in zip(a, start, strict=True)) for a in inside}
            assert distances[Region(space, limits).nearest(start)] == min(distances.values())


def test_in_a_large_space_the_largest_and_the_nearest_keep_the_rule():
    started = time.process_time()
    assert Region(FEW_OF_MANY).nearest((1, 2, 4, 0, *(6,) * 26)) == (1, 2, 3, 0, *(6,) * 26)
    even = replace(MOBILE, valid=lambda a: sum(a) % 2 == 0)
    assert all(sum(a) % 2 == 0 for a in islice(Region(even).largest_first(), 20))
    assert Region(even).nearest((6,) * 29 + (5,)) == (6,) * 30
    small = replace(MOBILE, valid=lambda a: sum(a) <= 100)  # none of the 20,000 largest, nor of the nearest
    largest, nearest = Region(small).largest(), Region(small).nearest((6,) * 30)
    assert max(sum(largest), sum(nearest)) <= 100
    assert small.cost(largest).flops > 1.3 * small.costs(small.draw(np.random.default_rng(0), 200))[:, 0].mean()
    assert sum(option != 6 for option in nearest) <= 16  # 14 at least
    assert time.process_time() - started < 60


def test_people_are_told_that_there_is_a_rule_and_how_many_keep_it(monkeypatch, tmp_path):
    (tmp_path / "ruled.py").write_text(
        "from genius.spaces import get_space\nfrom dataclasses import replace\n"
        "def valid(a):\n    'Stage 1 is no deeper than stage 3'\n    return a[2] <= a[8]\n"
        "SPACE = replace(get_space('digits'), name='ruled', valid=valid)\n"
        "LARGE = replace(get_space('mobile-imagenet'), name='large', valid=lambda a: True)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    limits = Limits(flops=(2e5, 1e6))
    text = describe("ruled:SPACE", limits)
    assert "ruled: 9 decisions, 19,683 combinations of options, allowed: 13,122\n" in text
    assert "Not every combination of options is allowed: Stage 1 is no deeper than stage 3.\n" in text
    ruled = get_space("ruled:SPACE")
    inside = sum(limits.allow(Cost(*map(int, row))) for row in ruled.costs(list(ruled.architectures())))
    assert f"within the limits: {inside:,} ({inside / 13_122:.3g} of all)" in text
    large = describe("ruled:LARGE", limits)
    assert (
        "2.25e+25 combinations of options, allowed: not counted\nNot every combination of options is allowed.\n"
        in large
    )
    assert "without the rule: 20.1 to 831.9 M FLOPs" in large
    assert "within the limits: not counted" in large


def test_a_listed_space_of_a_million_is_judged_in_seconds():
    space = chain(deep_needs_wide, layers=12)
    started = time.process_time()
    assert space.count == space.size * 6 // 9
    assert time.process_time() - started < 20
