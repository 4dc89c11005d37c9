"""The grammar, read by a small interpreter of GBNF: without recursion a grammar is a regular expression."""

import hashlib
import random
import re
import time
from dataclasses import replace
from itertools import product

import pytest
from genius.spaces import SPACES
from genius.spaces.decision import Decision
from genius.spaces.space import BadArchitecture, SearchSpace
from genius.tools import grammar
from genius.tools.grammar import NothingLeft, architecture_grammar
from genius.tools.replies import read_reply
from hypothesis import given
from hypothesis import strategies as st

TOKEN = re.compile(r'"(?P<literal>[^"]*)"|(?P<other>\[[^]]*\]|\{\d+,\d+\}|[()?|])|(?P<rule>[a-z0-9-]+)|\s+')


def make(*decisions):
    """Make a space of (first, number of options) decisions."""
    named = (Decision(f"d{at}", tuple("abcdefgh"[:count]), first) for at, (first, count) in enumerate(decisions))
    return SearchSpace("tiny", tuple(named), "", lambda architecture: None, (1, 1, 1))


def parse(grammar):
    rules = dict(line.split(" ::= ", 1) for line in grammar.splitlines())
    assert len(rules) == grammar.count("::=")
    return rules


def regex(rules, name="root"):
    def translate(token):
        if token["rule"]:
            return f"(?:{regex(rules, token['rule'])})"
        return re.escape(token["literal"].replace("\\n", "\n")) if token["literal"] else token["other"] or ""

    assert TOKEN.sub("", rules[name]) == ""
    return TOKEN.sub(translate, rules[name])


def texts(rules, name):
    """List all texts of a rule that is made of literals, classes, rules, one level of groups and alternatives."""
    for way in re.split(r" \| (?![^(]*\))", rules[name]):
        yield from map(
            "".join, product(*(list(parts(token, rules)) for token in re.findall(r'"[^"]*"|\(.*?\)|\S+', way)))
        )


def parts(token, rules):
    if token[0] == "(":
        return [one for way in token[1:-1].split(" | ") for one in parts(way, rules)]
    if token[0] == '"':
        return [token[1:-1]]
    return list(token[1:-1]) if token[0] == "[" else texts(rules, token)


def lists(grammar):
    """List what the grammar gives after "Architecture: "."""
    rules = parse(grammar)
    return sorted(f"[{text}" for text in texts(rules, rules["root"].split()[-1]))


def reply(architecture, reason="It is wide, and deep"):
    return f"Reason: {reason}.\nArchitecture: {list(architecture)}"


@st.composite
def spaces_and_excluded(draw):
    space = make(*draw(st.lists(st.tuples(st.sampled_from([0, 1, 8]), st.integers(1, 4)), min_size=1, max_size=4)))
    every = list(product(*(decision.numbers for decision in space.decisions)))
    return space, draw(st.lists(st.sampled_from(every), max_size=2 * len(every)))


@given(spaces_and_excluded())
def test_its_lists_are_all_architectures_but_the_excluded_ones_each_once(case):
    space, excluded = case
    every = set(product(*(decision.numbers for decision in space.decisions)))
    if every == set(excluded):
        with pytest.raises(ValueError, match="all architectures of tiny are excluded"):
            architecture_grammar(space, excluded)
    else:
        assert lists(architecture_grammar(space, excluded)) == sorted(str(list(a)) for a in every - set(excluded))


def test_it_takes_a_whole_reply_and_no_other_list():
    space = make((0, 3), (9, 3))
    pattern = re.compile(regex(parse(architecture_grammar(space, [(0, 10), (2, 9)]))))
    for architecture in product(range(-1, 4), range(8, 13)):
        fits = architecture in {(0, 9), (0, 11), (1, 9), (1, 10), (1, 11), (2, 10), (2, 11)}
        assert bool(pattern.fullmatch(reply(architecture))) == fits
    assert not pattern.fullmatch(reply((1,)))
    assert not pattern.fullmatch(reply((1, 10, 1)))
    assert not pattern.fullmatch(reply((1, 10)) + "\n")


def test_the_reason_is_bounded_and_plain():
    pattern = re.compile(regex(parse(architecture_grammar(make((0, 2)), reason_words=3))))
    assert pattern.fullmatch(reply((1,), "Wide"))
    assert pattern.fullmatch(reply((1,), ", ".join(["Twelveletter"] * 3)))
    assert not pattern.fullmatch(reply((1,), "one two three four"))
    for bad in ("", "Thirteenchars", "a\nb", "[0]", "a: 1", "a  b"):
        assert not pattern.fullmatch(reply((1,), bad))
    with pytest.raises(ValueError, match="at least 1 word, got 0"):
        architecture_grammar(make((0, 2)), reason_words=0)


@pytest.mark.parametrize("space", [space for space in SPACES.values() if not space.by_value], ids=lambda one: one.name)
def test_every_space_reads_what_its_grammar_lets_through(space):
    rng = random.Random(0)
    excluded, kept = ([tuple(rng.choice(d.numbers) for d in space.decisions)] for _ in range(2))
    pattern = re.compile(regex(parse(architecture_grammar(space, excluded))))
    assert pattern.fullmatch(reply(kept[0]))
    assert not pattern.fullmatch(reply(excluded[0]))
    assert read_reply(reply(kept[0]), space).architecture == kept[0]


def test_an_excluded_architecture_must_be_of_the_space():
    with pytest.raises(BadArchitecture, match="d1 takes a number from 0 to 2, got 3"):
        architecture_grammar(make((0, 3), (0, 3)), [(0, 3)])


def test_it_stays_small_where_many_are_excluded():
    space, rng = make(*[(0, 7)] * 30), random.Random(0)
    excluded = [tuple(rng.randrange(7) for _ in range(30)) for _ in range(300)]
    start = time.process_time()
    rules = parse(architecture_grammar(space, excluded))
    assert time.process_time() - start < 1
    assert len(rules) <= 300 * 30 + 32
    assert max(map(len, rules.values())) < 300
    assert len(parse(architecture_grammar(space, excluded[:30]))) < len(rules) / 8


def ruled(valid, *decisions):
    return replace(make(*decisions), valid=valid)


def test_what_a_rule_forbids_is_left_out_with_what_is_excluded():
    space = ruled(lambda a: a[0] != a[2], (0, 3), (1, 2), (0, 3))
    allowed = [a for a in product(range(3), range(1, 3), range(3)) if a[0] != a[2]]
    assert lists(architecture_grammar(space)) == sorted(str(list(a)) for a in allowed)
    excluded = [allowed[0], allowed[5], (0, 1, 0)]  # the last is forbidden anyway
    left = [a for a in allowed if a not in excluded]
    assert lists(architecture_grammar(space, excluded)) == sorted(str(list(a)) for a in left)
    with pytest.raises(NothingLeft, match="all architectures of tiny are excluded"):
        architecture_grammar(space, allowed)


def test_a_shortlist_is_of_what_is_allowed():
    space = ruled(lambda a: a[0] != a[1], (0, 3), (0, 3))
    with pytest.raises(BadArchitecture, match="breaks the space's rule"):
        architecture_grammar(space, shortlist=[(1, 1)])


def test_a_rule_that_forbids_more_than_can_be_written_down_is_left_to_the_refusals(monkeypatch):
    space = ruled(lambda a: a[0] == a[1], (0, 3), (0, 3))
    monkeypatch.setattr(grammar, "FORBIDDEN", 5)
    assert len(lists(architecture_grammar(space, [(0, 1)]))) == 8
    large = ruled(lambda a: False, *[(0, 7)] * 30)
    assert "free-30" in architecture_grammar(large)


def test_the_grammar_of_a_rule_is_small_where_the_rule_is_simple_and_bounded_where_it_is_not():
    """Half of 19,683 architectures are forbidden: by a sum, and by a hash, which no grammar can say in short."""
    by_sum = ruled(lambda a: sum(a) < 9, *[(0, 3)] * 9)
    by_hash = ruled(lambda a: hashlib.sha256(bytes(a)).digest()[0] < 128, *[(0, 3)] * 9)
    started = time.process_time()
    assert len(architecture_grammar(by_sum)) < 5_000
    assert len(architecture_grammar(by_hash)) < 120_000
    assert time.process_time() - started < 10
