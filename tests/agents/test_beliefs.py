"""The question for starts and beliefs, and the reading of answers: tolerant, bounded, and told what was left out."""

import json
from dataclasses import replace
from typing import Any

import genius
import pytest
from genius.agents.beliefs import UnreadableAnswer, ask_beliefs, beliefs_form, beliefs_in_words, read_beliefs
from genius.agents.principles import read_principles
from genius.agents.prompting import Prompts
from genius.guide.features import encoder
from genius.guide.means import belief_mean
from genius.record.call import Reply
from genius.record.goal import GOAL
from genius.record.notebook import CostBelief, OptionBelief, PairBelief
from genius.spaces.disguise import draw_disguise
from hypothesis import given, strategies

MACRO = genius.Region(genius.get_space("nas-bench-macro"))
MIXED = genius.Region(
    genius.space_of(
        {
            "lr": (1e-4, 1e-1),
            "width": [16, 32, 64],
            "activation": ["ReLU", "Tanh"],
            "bias": [True, False],
            "norm": [None, "batch"],
        }
    )
)
FIELDS = ("starts", "options", "pairs", "costs")


def read(region: genius.Region, text: str | dict[str, Any]) -> Any:
    return read_beliefs(Reply(text if isinstance(text, str) else json.dumps(text), model="m"), region)


def option(decision: object, option: object, score: object, why: object = "") -> dict[str, object]:
    return {"decision": decision, "option": option, "score": score, "why": why}


def both(one: dict[str, object], other: dict[str, object]) -> dict[str, object]:
    return one | {"other_decision": other["decision"], "other_option": other["option"]}


# --- the question


def test_the_question_is_the_whole_space_and_a_form_that_can_be_written_in_plain_text():
    (message,) = ask_beliefs(Prompts(), MACRO, GOAL, 10)
    words = message["content"]
    assert MACRO.space.words in words
    assert "The search has 10 evaluations in all." in words
    for line in ("start: [", "option: layer 1 = ", "pair: layer 1 = ", "cost: flops"):
        assert f"\n{line}" in words
    limited = genius.Region(MACRO.space, genius.Limits((0, 100e6)))
    assert "must keep a hard limit" in ask_beliefs(Prompts(), limited, GOAL, None)[0]["content"]
    assert "evaluations in all" not in ask_beliefs(Prompts(), limited, GOAL, None)[0]["content"]


def test_the_schema_names_decisions_and_options_where_they_are_few():
    fields: Any = beliefs_form(MACRO.space).schema["properties"]
    one = fields["options"]["items"]["properties"]
    assert one["decision"]["enum"] == [f"layer {at}" for at in range(1, 9)]
    assert one["option"] == {"type": "integer", "enum": [0, 1, 2]}
    assert fields["costs"]["items"]["properties"]["cost"]["enum"][:2] == ["flops", "params"]
    named: Any = beliefs_form(genius.space_of({"a": ["x", 1], "b": [True, None]})).schema["properties"]
    assert named["options"]["items"]["properties"]["option"]["enum"] == ["x", "1", "True", "None"]
    assert "costs" not in named
    ranged: Any = beliefs_form(MIXED.space).schema["properties"]
    assert "enum" not in ranged["options"]["items"]["properties"]["option"]
    many: Any = beliefs_form(genius.space_of({f"d{at}": ["x", "y"] for at in range(100)})).schema["properties"]
    assert "enum" not in many["options"]["items"]["properties"]["decision"]
    assert len(json.dumps(many)) < 4_000


@pytest.mark.parametrize("name", ["mobile-imagenet", "nas-bench-201-cifar10", "channel-bench-resnet", "digits"])
def test_every_object_of_the_schema_is_closed_as_strict_servers_want_it(name):
    def check(schema: Any) -> None:
        if isinstance(schema, dict):
            if schema.get("type") == "object":
                assert schema["additionalProperties"] is False
                assert set(schema["required"]) == set(schema["properties"])
            for each in schema.values():
                check(each)

    check(beliefs_form(genius.get_space(name)).schema)


# --- the answer

LINES = """\
I know this kind of network well. Let me think.

**Start:** [2, 2, 2, 2, 2, 2, 2, 2]
2. start: [1, 2, 2, 2, 2, 2, 2, 2]
- option: layer 8 = 0: -2 because a network needs its depth
- Option: Layer_1 = 2 : +0.5
* pair: layer 1 = 2 & layer 2 = 0: −1.5 because one strong layer is enough, here
cost: FLOPs: +1.5 because bigger is better.
cost: params => 1
"""


def test_plain_text_is_read_line_by_line():
    stated = read(MACRO, LINES)
    assert stated.notes == ()
    assert stated.beliefs.starts == ((2,) * 8, (1, *(2,) * 7))
    assert stated.beliefs.options == (
        OptionBelief(7, 0, -2.0, "a network needs its depth"),
        OptionBelief(0, 2, 0.5, ""),
    )
    assert stated.beliefs.pairs == (PairBelief((0, 1), (2, 0), -1.5, "one strong layer is enough, here"),)
    assert stated.beliefs.costs == (CostBelief("flops", 1.5, "bigger is better."), CostBelief("params", 1.0, ""))
    assert stated.beliefs.model == "m"
    assert belief_mean(MACRO.space, stated.beliefs)(encoder(MACRO.space).encode([(2,) * 8])).shape == (1,)


def test_what_is_written_for_a_person_can_be_read_again():
    stated = read(MACRO, LINES)
    assert read(MACRO, "\n".join(beliefs_in_words(MACRO.space, stated.beliefs))).beliefs == stated.beliefs


@pytest.mark.parametrize("around", ["{}", "```json\n{}\n```", "<think>{{}}</think>Here:\n{}\nThat is all."])
def test_json_is_read_with_whatever_stands_around_it(around):
    answer = {"starts": [[1] * 8], "options": [option("layer 3", 1, 2, "why not")], "pairs": [], "costs": []}
    stated = read(MACRO, around.format(json.dumps(answer)))
    assert stated.beliefs.options == (OptionBelief(2, 1, 2.0, "why not"),)


def test_values_are_read_by_value():
    start = {"lr": 0.003, "width": 32, "activation": "Tanh", "bias": False, "norm": None}
    near = [option("lr", 0.0031, 1), option("lr", "0.1", -1), option("width", 64, 2), option("width", "16", -2)]
    named = [option("activation", "relu", 1), option("bias", True, 1), option("bias", "False", -1)]
    stated = read(MIXED, {"starts": [start], "options": [*near, *named, option("norm", None, -1)]})
    assert stated.notes == ()
    assert MIXED.space.values(stated.beliefs.starts[0])["activation"] == "Tanh"
    written = [MIXED.space.decisions[b.decision].names[b.option] for b in stated.beliefs.options]
    assert written[2:] == ["64", "16", "ReLU", "True", "False", "None"]
    assert float(written[0]) == pytest.approx(0.0031, rel=0.2)


def test_names_of_options_are_read_beside_their_numbers():
    space = genius.get_space("nas-bench-201-cifar10")
    decision = space.decisions[0]
    told = [option(decision.name, name, 1) for name in decision.names]
    stated = read(genius.Region(space), {"options": told})
    assert [belief.option for belief in stated.beliefs.options] == list(decision.numbers)


def test_a_disguised_space_is_believed_in_by_its_shown_names():
    disguise = draw_disguise(MACRO.space, 3)
    pair = both(option("place 3", 1, 1), option("place 5", 0, 1))
    said = {"starts": [[0] * 8], "options": [option("place 3", 1, 1)], "pairs": [pair]}
    stated = read(MACRO.disguised(disguise), said)
    real = stated.beliefs.revealed(disguise)
    behind = disguise.real(2, 1)
    assert real.options == (replace(stated.beliefs.options[0], decision=behind[0], option=behind[1]),)
    assert behind[0] != 2
    assert real.starts == (disguise.reveal((0,) * 8),)
    named = zip(real.pairs[0].decisions, real.pairs[0].options, strict=True)
    assert sorted(named) == sorted([behind, disguise.real(4, 0)])


def test_starts_outside_the_limits_are_taken_to_the_nearest_and_it_is_said():
    region = genius.Region(MACRO.space, genius.Limits((0, 100e6)))
    stated = read(region, {"starts": [[2] * 8, [2] * 8, [0] * 8]})
    assert region.allows(stated.beliefs.starts).all()
    assert "the start [2, 2, 2, 2, 2, 2, 2, 2] is not allowed: [" in stated.notes[0]
    assert stated.beliefs.starts[-1] == (0,) * 8
    assert len(stated.beliefs.starts) == 2


@pytest.mark.parametrize(
    ("item", "why"),
    [
        (option("layer 9", 0, 1), "no decision 'layer 9'"),
        (option("layer 1", 7, 1), "layer 1 has no option '7'"),
        (option("layer 1", True, 1), "has no option"),
        (option("layer 1", [[1]], 1), "has no option"),
        (option({"a": 1}, 1, 1), "no decision"),
        (option("layer 1", 0, 1e9), "from -2 to 2, got 1000000000"),
        (option("layer 1", 0, float("nan")), "from -2 to 2, got nan"),
        (option("layer 1", 0, float("inf")), "from -2 to 2, got inf"),
        (option("layer 1", 0, "high"), "from -2 to 2, got high"),
        (option("layer 1", 0, True), "from -2 to 2, got True"),
        (option("layer 1", 0, None), "from -2 to 2"),
        (option("layer 1", 0, 10**400), "from -2 to 2"),
        ("layer 1 is good", "no score"),
        (7, "no score"),
        ({}, "no decision"),
    ],
)
def test_what_cannot_be_read_is_left_out_and_named(item, why):
    stated = read(MACRO, {"starts": [[1] * 8], "options": [item, option("layer 2", 1, 1)]})
    assert stated.beliefs.options == (OptionBelief(1, 1, 1.0),)
    (note,) = stated.notes
    assert note.startswith("option ")
    assert why in note
    assert note.isprintable()


def test_other_parts_are_left_out_alike():
    pair = both(option("layer 1", 0, 1), option("layer 1", 1, 1))
    answer = {
        "starts": [[1] * 7, "nothing", [1] * 8, [9] * 8],
        "options": [option("layer 1", 0, 1), option("layer 1", 0, -1)],
        "pairs": [pair],
        "costs": [{"cost": "latency", "score": 1}, {"cost": "flops", "score": 3}],
    }
    stated = read(MACRO, answer)
    assert stated.beliefs.starts == ((1,) * 8,)
    assert stated.beliefs.options == (OptionBelief(0, 0, 1.0),)
    assert not stated.beliefs.pairs
    assert not stated.beliefs.costs
    assert stated.notes[-1] == "2 more parts were left out"
    assert read(MACRO, {"starts": 5, "costs": [{"cost": "flops", "score": 1}]}).notes == (
        "starts were left out: they are no list",
    )


def test_an_answer_is_bounded():
    many = [option(f"layer {1 + at % 8}", at % 3, 1, "x" * 10_000) for at in range(5_000)]
    stated = read(MACRO, {"starts": [[at % 3] * 8 for at in range(5_000)], "options": many})
    assert len(stated.beliefs.starts) == 3
    assert len(stated.beliefs.options) == 24
    assert max(len(belief.why) for belief in stated.beliefs.options) <= 200
    assert len(stated.notes) < 10
    assert max(map(len, stated.notes)) < 400


def test_terminal_escapes_do_not_survive():
    why = "\x1b[2J\x1b]0;owned\x07 \u202egood"
    stated = read(MACRO, {"options": [option("layer 1", 0, 1, why), option("\x1b[31mx", 0, 1)]})
    words = [*beliefs_in_words(MACRO.space, stated.beliefs), *stated.notes]
    assert all(line.isprintable() for line in words)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "I cannot say.",
        "{}",
        "[]",
        "null",
        '{"starts": []}',
        '{"starts": null, "options": "none"}',
        "{" * 100_000,
        "[" * 100_000,
        '{"starts": ' * 900 + "1" + "}" * 900,
        '{"options": ' + "[" * 900 + "]" * 900 + "}",
        '{"starts": [' + "9" * 5_000 + "]}",
        "<think>never ends",
        "option: " * 10_000,
        "start:" + "[1," * 20_000,
        "pair: " + "=" * 50_000,
    ],
)
def test_an_answer_without_anything_is_refused(text):
    with pytest.raises(UnreadableAnswer) as refused:
        read(MACRO, text)
    assert len(str(refused.value)) < 1_000


def test_a_fault_is_not_read():
    with pytest.raises(UnreadableAnswer, match="cut off"):
        read_beliefs(Reply(LINES, model="m", fault="the reply was cut off at the limit"), MACRO)


_JSON = strategies.recursive(
    strategies.none() | strategies.booleans() | strategies.floats() | strategies.integers() | strategies.text(),
    lambda inner: strategies.lists(inner) | strategies.dictionaries(strategies.text(), inner),
    max_leaves=10,
)


@given(strategies.dictionaries(strategies.sampled_from(FIELDS), _JSON | strategies.lists(_JSON)))
def test_any_json_is_read_or_refused(answer):
    try:
        stated = read(MACRO, answer)
    except UnreadableAnswer:
        return
    stated.beliefs.check(MACRO.space)


@given(strategies.text())
def test_any_text_is_read_or_refused(text):
    for region in (MACRO, MIXED):
        try:
            read(region, text).beliefs.check(region.space)
        except UnreadableAnswer:
            continue


# --- design principles

PRINCIPLES = """\
principle: Keep every layer. [layer 1 = 2, layer 2 = 2]
2) Principle 2: Do not trust a single run.
principle: A layer that is not there [layer 99 = 1]
"""


def test_principles_are_read_from_text_and_from_json():
    found = read_principles(Reply(PRINCIPLES), MACRO.space)
    assert [one.text for one in found] == [
        "Keep every layer.",
        "Do not trust a single run.",
        "A layer that is not there",
    ]
    assert [[(o.decision, o.option) for o in one.options] for one in found] == [[(0, 2), (1, 2)], [], []]
    numbered = read_principles(Reply("1. First thing\n2. Second thing [layer 3 = 0]"), MACRO.space)
    assert [(one.text, len(one.options)) for one in numbered] == [("First thing", 0), ("Second thing", 1)]
    items = [{"principle": "x" * 10_000, "options": [{"decision": "layer 1", "option": 1}] * 100}, "plain", 7, {}]
    long, plain = read_principles(Reply(json.dumps({"principles": items})), MACRO.space)
    assert (len(long.text), len(long.options), plain.text) == (400, 1, "plain")


@pytest.mark.parametrize("text", ["", "Nothing at all.", '{"principles": []}', '{"principles": 5}', "[" * 100_000])
def test_an_answer_without_principles_is_refused(text):
    with pytest.raises(UnreadableAnswer):
        read_principles(Reply(text), MACRO.space)
