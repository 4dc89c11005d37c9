"""Replies by value: what is written is read back, whatever the options are."""

import json

import pytest
from genius import Decision, GeniusError, SearchSpace
from genius.tools.grammar import NothingLeft, architecture_grammar
from genius.tools.proposal import proposal_schema
from genius.tools.replies import UnreadableReply, read_reply
from hypothesis import given, settings
from hypothesis import strategies as st

from ..spaces.value_spaces import LARGE, SMALL, space

SPACE = space()
PLAIN = SearchSpace("plain", tuple(d for d in SMALL if d.when is None))


def names():
    return st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=20)


@st.composite
def decisions(draw):
    found = []
    for name in draw(st.lists(st.from_regex(r"[a-z]{1,8}[0-9]?", fullmatch=True), min_size=1, max_size=5, unique=True)):
        if draw(st.booleans()):
            low, span = draw(st.floats(-1e3, 1e3)), draw(st.floats(1e-3, 1e3))
            found.append(Decision.range(name, low, low + span, levels=draw(st.integers(2, 40))))
        else:
            values = st.one_of(names(), st.integers(-100, 100), st.floats(-1e3, 1e3), st.booleans(), st.none())
            unique = draw(st.lists(values, min_size=1, max_size=5, unique_by=lambda v: str(v).lower().strip("-_ ")))
            try:
                found.append(Decision(name, tuple(unique)))
            except GeniusError:
                found.append(Decision(name, (1, 2)))
    return SearchSpace("any", tuple(found), by_value=True)


@settings(deadline=None, max_examples=150)
@given(decisions(), st.randoms())
def test_what_a_space_writes_is_read_back(searched, random):
    architecture = tuple(random.choice(decision.numbers) for decision in searched.decisions)
    declared = searched.declared(architecture)
    values = list(searched.plain_values(architecture).values())
    for reply in (
        f"Because.\nArchitecture: {declared}",
        json.dumps({"rationale": "Because.", "architecture": json.loads(declared)}),
        f"```json\n{declared}\n```",
        f"Architecture: {json.dumps(values)}",
        json.dumps({"rationale": "", "architecture": values}),
    ):
        reading = read_reply(reply, searched)
        assert (reading.architecture, reading.rounded) == (architecture, ""), reply


@pytest.mark.parametrize("architecture", [(0, 3, 2, 1, 2, 0, 3), (1, 6, 0, 0, 0, 1, 0), (2, 0, 0, 0, 1, 0, 2)])
def test_every_notation_of_values_is_read(architecture):
    architecture = SPACE.settled(architecture)
    values = SPACE.plain_values(architecture)
    lines = "\n".join(f"- **{name}**: {value}" for name, value in values.items() if name != "optimizer")
    for reply in (
        f"Architecture: {SPACE.written(architecture)}"
        if values["optimizer"] != "a, b [c]"
        else SPACE.declared(architecture),
        f"I choose this.\n{SPACE.declared(architecture)}\nIt is good.",
        f"optimizer: {values['optimizer']}\n{lines}"
        if values["optimizer"] != "a, b [c]"
        else SPACE.declared(architecture),
        f"Architecture: {json.dumps(values | {'momentum': 'whatever', 'nesterov': [1]})}"
        if not SPACE.visible(architecture)[2]
        else SPACE.declared(architecture),
    ):
        assert read_reply(reply, SPACE).architecture == architecture, reply


def test_a_number_between_two_levels_is_taken_to_the_nearest_and_that_is_said():
    given = {"optimizer": "a, b [c]", "lr": 0.003, "width": 16, "layers": 2}
    reading = read_reply(f"Architecture: {json.dumps(given)}", SPACE)
    assert SPACE.plain_values(reading.architecture)["lr"] == 0.003162
    assert reading.rounded == "lr 0.003 to 0.003162"
    assert read_reply(f"Architecture: {json.dumps(given | {'layers': 2.2})}", SPACE).rounded.endswith("layers 2.2 to 2")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"lr": 0.5}, "lr takes a number from 0.0001 to 0.1, got 0.5"),
        ({"lr": "fast"}, "lr takes a number from 0.0001 to 0.1, got fast"),
        ({"lr": None}, "lr takes a number from 0.0001 to 0.1, got None"),
        ({"lr": [0.01]}, r"lr takes a number from 0.0001 to 0.1, got"),
        ({"width": 24}, "width takes one of 16, 32, 0.5, got 24"),
        ({"width": True}, "width takes one of 16, 32, 0.5, got True"),
        ({"optimizer": "rmsprop"}, "optimizer takes one of sgd, adam, a, b .c., got rmsprop"),
        ({"optimizer": "sgd"}, "momentum takes a number from 0 to 0.99, got none"),
        ({"lr": 10**400}, "lr takes a number"),
    ],
)
def test_a_value_that_is_no_option_is_refused_by_its_rule(changes, error):
    given = {"optimizer": "a, b [c]", "lr": 0.001, "width": 16, "layers": 2} | changes
    with pytest.raises(UnreadableReply, match=error):
        read_reply(f"Architecture: {json.dumps(given)}", SPACE)


def test_a_value_that_is_missing_or_given_twice_is_refused():
    with pytest.raises(UnreadableReply, match=r"optimizer takes one of .* got none"):
        read_reply('{"lr": 0.001}', SPACE)
    twice = '{"optimizer": "adam", "lr": 0.001, "lr": 0.01, "width": 16, "activation": "int", "layers": 1}'
    with pytest.raises(UnreadableReply, match="lr"):
        read_reply(f"Architecture: {twice}", SPACE)


def test_a_decision_may_be_named_as_the_form_of_a_reply_is():
    named = SearchSpace("named", (Decision("architecture", ("resnet", "vit")), Decision.range("lr", 0.1, 1.0)))
    for architecture in ((0, 3), (1, 30)):
        declared = named.declared(architecture)
        for reply in (f"Architecture: {declared}", json.dumps({"rationale": "", "architecture": json.loads(declared)})):
            assert read_reply(reply, named).architecture == architecture


def test_hostile_replies_are_read_in_time():
    for text in ("{" * 50_000, '{"lr":' * 8_000, "[" * 50_000, "lr: 1," * 8_000, '{"lr": 1}' * 5_000, "@1," * 10_000):
        with pytest.raises(UnreadableReply):
            read_reply(text, SPACE)


def test_a_grammar_writes_what_counts_and_nothing_that_was_tried():
    from .test_grammar import lists

    small = SearchSpace(
        "small",
        (
            Decision("a", ("x", 2)),
            Decision("b", (True, None), when=("a", ("x",))),
            Decision("c", (0.5, 1.5), when=("b", (True,))),
        ),
    )
    every = list(small.architectures())
    assert len(every) == 4
    assert objects(architecture_grammar(small)) == sorted(map(small.declared, every))
    for tried in every:
        assert objects(architecture_grammar(small, [tried])) == sorted(small.declared(a) for a in every if a != tried)
    with pytest.raises(NothingLeft):
        architecture_grammar(small, every)
    ruled = SearchSpace("ruled", small.decisions, valid=lambda values: values.get("b", True) is not None)
    assert objects(architecture_grammar(ruled)) == sorted(map(ruled.declared, ruled.architectures()))
    assert lists


def objects(grammar):
    """Write every object that a grammar allows behind the reason."""
    import re

    rules = dict(line.split(" ::= ", 1) for line in grammar.splitlines())

    def words(body):
        options = []
        for way in split(body, " | "):
            found = [""]
            for item in split(way, " "):
                found = [one + other for one in found for other in word(item)]
            options += found
        return options

    def word(item):
        if item.startswith("("):
            return words(item[1:-1])
        return [json.loads(item)] if item.startswith('"') else words(rules[item])

    def split(body, mark):
        parts, depth, quoted, start, at = [], 0, False, 0, 0
        while at < len(body):
            if body[at] == "\\":
                at += 1
            elif body[at] == '"':
                quoted = not quoted
            elif not quoted:
                depth += (body[at] == "(") - (body[at] == ")")
                if depth == 0 and body.startswith(mark, at):
                    parts.append(body[start:at])
                    start = at + len(mark)
                    at = start - 1
            at += 1
        return [part for part in (each.strip() for each in [*parts, body[start:]]) if part]

    end = re.search(r'Architecture: " (.*)$', rules["root"])[1]
    return sorted(words(end))


def test_a_schema_gives_each_decision_its_types_and_of_many_a_list():
    schema = proposal_schema(SPACE)["properties"]["architecture"]
    kinds = {name: value["type"] for name, value in schema["properties"].items()}
    assert kinds["lr"] == ["number"]
    assert kinds["momentum"] == ["null", "number"]
    assert kinds["optimizer"] == ["string"]
    many = SearchSpace("many", tuple(Decision.range(f"x{at}", 0.0, 1.0) for at in range(200)))
    assert len(json.dumps(proposal_schema(many))) < 1_000
    assert "null" in proposal_schema(PLAIN, may_stop=True)["properties"]["architecture"]["type"]


def test_a_grammar_stays_bounded():
    many = SearchSpace("many", tuple(Decision.range(f"x{at}", 0.0, 1.0) for at in range(200)))
    tried = [tuple(at % 31 for _ in range(200)) for at in range(20)]
    assert len(architecture_grammar(many, tried)) < 3_000_000
    assert len(architecture_grammar(space(LARGE))) < 10_000
