"""The tools of a proposer, their arguments in a model's words, and the candidates of a model without tools."""

import json
import math
import re

import pytest
from genius import Candidate, Decision, Goal, Measurement, Objective, SearchSpace, get_space
from genius.record.candidate import Refusal
from genius.record.history import History, Index
from genius.spaces.region import Limits, Region
from genius.tools.arguments import BadArgument, as_number, one_architecture, several_architectures
from genius.tools.candidates import CANDIDATES, call_of_candidates, candidates_schema
from genius.tools.replies import read_reply
from genius.tools.toolbox import MOST_ASKED, Toolbox, chance_in_words, read_arguments

SPACE = get_space("nas-bench-macro")
VALUES = SearchSpace(
    "mine",
    (
        Decision("optimizer", ("sgd", "adam")),
        Decision.range("lr", 1e-4, 1e-1, log=True, levels=7),
        Decision.range("momentum", 0.0, 0.9, levels=4, when=("optimizer", ("sgd",))),
    ),
)
TRIED = [(1, 1, 1, 1, 1, 1, 1, 1), (2, 1, 0, 1, 1, 1, 1, 1), (0, 1, 1, 1, 1, 1, 1, 2)]


def history(space=SPACE, tried=TRIED, goal=None):
    found = [
        Candidate(1, at, architecture=a, measurement=Measurement(80.0 + sum(a))) for at, a in enumerate(tried, start=1)
    ]
    found.append(Candidate(1, len(found) + 1, error="it ran\nout of memory"))
    return History.of(found, goal or Goal())


def box(space=SPACE, limits=None, known=None):
    region = Region(space, limits) if limits else Region(space)
    known = history(space) if known is None else known
    return {tool.name: tool for tool in Toolbox(region, known, (0, 1)).tools()}


def test_the_tools_are_those_of_a_researcher():
    assert list(box()) == ["cost", "allowed", "predict", "suggest", "neighbours", "history"]
    for tool in box().values():
        json.dumps(tool.schema)
        assert tool.schema["type"] == "object"
        assert not tool.schema["additionalProperties"]
        assert len(tool.doc) < 300


def test_costs_come_with_the_distance_to_the_limits():
    answer = box(limits=Limits(flops=(3e7, 5e7)))["cost"].answer({"architectures": [[0] * 8, [1] * 8, [1] * 7 + [0]]})
    low, high, inside = answer.splitlines()
    assert (
        low == "- [0, 0, 0, 0, 0, 0, 0, 0]: 7.7133 M FLOPs (macs), 0.3879 M parameters, 22.29 M FLOPs below the limit"
    )
    assert high.endswith("3.2465 M FLOPs above the limit")
    assert inside.endswith(", within the limits")
    assert (
        box(VALUES, known=history(VALUES, []))["cost"].answer({"architectures": [["adam", 0.001, None]]})
        == "This space has no costs."
    )


def test_further_costs_and_rules_are_told():
    space = SearchSpace(
        "ruled",
        (Decision("a", ("x", "y")), Decision("b", ("x", "y"))),
        valid=lambda architecture: sum(architecture) < 2 or "both are y",
        cost=lambda architecture: {"flops": 1_000_000, "memory_mb": 3 + sum(architecture)},
    )
    tools = box(space, known=history(space, [(0, 0)]))
    assert "memory_mb 4" in tools["cost"].answer({"architectures": [[0, 1]]})
    assert "both are y" in tools["cost"].answer({"architectures": [[1, 1]]})
    assert "no, [1, 1] breaks the space's rule: both are y" in tools["allowed"].answer({"architectures": [[1, 1]]})
    assert re.search("none, it is not allowed: .*both are y", tools["predict"].answer({"architectures": [[1, 1]]}))


def test_allowed_says_which_rule_is_broken():
    tools = box(limits=Limits(flops=(1e6, 6e7)))
    answer = tools["allowed"].answer({"architectures": [[1] * 8, [2] * 8, [1] * 7 + [0], [1] * 7 + [3]]})
    repeated, large, fine, none = answer.splitlines()
    assert "was tried in iteration 1" in repeated
    assert "breaks the limits" in large
    assert fine.endswith(": yes")
    assert "layer 8 takes a number from 0 to 2, got 3" in none


def test_forecasts_name_the_best_and_what_was_tried():
    first, tried, new = box()["predict"].answer({"architectures": [[1] * 8, [2] * 8]}).splitlines()
    assert first == "The best so far: [1, 1, 1, 1, 1, 1, 1, 1], 88.00%."
    assert tried.endswith("to improve; measured, 88.00%, in iteration 1")
    assert new.endswith("to improve")
    nothing = box(known=History.of([]))["predict"].answer({"architectures": [[2] * 8]})
    assert nothing.splitlines() == ["Nothing is measured yet.", "- [2, 2, 2, 2, 2, 2, 2, 2]: no forecast"]


def test_forecasts_say_which_limit_an_architecture_breaks_and_by_how_much():
    tools = box(limits=Limits(flops=(1e6, 5e7)))
    _, off, both, fine = tools["predict"].answer({"architectures": [[2] * 8, [1] * 8, [1] * 7 + [0]]}).splitlines()
    told = (
        r"not allowed: 105,\d{3},\d{3} FLOPs \(macs\), \+55\.\d\d M above the most that is allowed; allowed: .*to 50 M"
    )
    assert re.search(told, off)
    assert re.search(r"measured, 88\.00%, in iteration 1; not allowed: 53,\d{3},\d{3} FLOPs", both)
    assert fine.endswith("to improve")


def test_forecasts_name_failures_pending_evaluations_and_further_costs():
    space = SearchSpace(
        "costly",
        (Decision("a", ("x", "y", "z")), Decision("b", ("x", "y"))),
        cost=lambda found: {"memory_mb": 3 + sum(found)},
    )
    failed = Candidate(1, 1, architecture=(0, 0), error="out of memory")
    running = Candidate(1, 3, architecture=(1, 0))
    measured = Candidate(1, 2, architecture=(0, 1), measurement=Measurement(50.0))
    known = History(Index([failed, measured]), 2, [running])
    tools = box(space, Limits(others=(("memory_mb", (-math.inf, 4.0)),)), known)
    _, *lines = tools["predict"].answer({"architectures": [[0, 0], [1, 0], [2, 1]]}).splitlines()
    assert "tried and failed (out of memory) in iteration 1" in lines[0]
    assert "in training now, proposed in iteration 3" in lines[1]
    assert lines[2].endswith("memory_mb 6, +2 above the most that is allowed; allowed: memory_mb at most 4")


def test_limits_on_measures_are_told_of_what_was_measured_beyond_them():
    goal = Goal(limits={"latency": (None, 5.0)})
    refusal = Refusal("[2, 2, 2, 2, 2, 2, 2, 2]", "it is slow", (2,) * 8, {"latency": 7.25})
    measurements = [Measurement(80.0, metrics={"latency": 4.0}), Measurement(90.0, metrics={"latency": 6.0})]
    found = [
        Candidate(1, at, architecture=TRIED[at], measurement=each, refusals=(refusal,) * at)
        for at, each in enumerate(measurements)
    ]
    tools = box(known=History.of(found, goal))
    asked = {"architectures": [[2] * 8, list(TRIED[1])]}
    _, weighed, infeasible = tools["predict"].answer(asked).splitlines()
    assert "not allowed: latency is 7.25" in weighed
    assert "allowed: latency at most 5" in weighed
    assert "measured, 90.00%, in iteration 1; not feasible: latency is 6" in infeasible
    assert tools["allowed"].answer(asked).splitlines()[0].partition(": ")[2].startswith("no, latency is 7.25")


def test_suggestions_come_with_reasons():
    tools = box()
    for kind, word in (("exploit", "the best with"), ("explore", "tried"), ("test", "speak against")):
        lines = tools["suggest"].answer({"kind": kind, "n": 2}).splitlines()
        assert len(lines) == 2
        assert all(word in line for line in lines)
    assert len(tools["suggest"].answer({"kind": " Exploit "}).splitlines()) == 5


def test_neighbours_are_untried_and_ordered():
    title, *lines = box()["neighbours"].answer({"architecture": [1] * 8}).splitlines()
    assert title.startswith("16 architectures within the limits differ in one decision; 16 of them are untried")
    values = [float(line.partition(": ")[2].partition(" ")[0]) for line in lines]
    assert values == sorted(values, reverse=True)


def test_where_a_limit_is_close_neighbours_are_swaps_too():
    tools = box(limits=Limits(flops=(1e6, 5.4e7)))
    near, swaps = tools["neighbours"].answer({"architecture": [1] * 8}).split("of which one alone would break them:\n")
    assert near.startswith("8 architectures within the limits differ in one decision")
    for line in swaps.splitlines():
        swapped = json.loads(line.removeprefix("- ").partition(":")[0])
        assert min(swapped) == 0
        assert max(swapped) == 2
        assert line.endswith("to improve")


def test_the_history_is_filtered_and_ordered():
    tools = box()
    assert tools["history"].answer({"order": "latest"}).splitlines() == [
        "4 of 4 experiments:",
        "- iteration 4: no architecture, failed: it ran out of memory",
        "- iteration 3: [0, 1, 1, 1, 1, 1, 1, 2], 88.00%",
        "- iteration 2: [2, 1, 0, 1, 1, 1, 1, 1], 88.00%",
        "- iteration 1: [1, 1, 1, 1, 1, 1, 1, 1], 88.00%",
    ]
    assert tools["history"].answer({"filter": {"layer 8": 2}}).count("- iteration") == 1
    assert tools["history"].answer({"filter": {"Layer_8": "2"}}).count("- iteration") == 1
    assert tools["history"].answer({"filter": '{"layer 1": 2, "layer 3": 0}'}).count("- iteration") == 1
    assert tools["history"].answer({"order": "failed"}).count("- iteration") == 1


def test_a_space_by_value_speaks_values():
    tools = box(VALUES, known=history(VALUES, [(0, 3, 1), (1, 2, 0)]))
    assert tools["history"].answer({"filter": {"optimizer": "adam"}}).count("- iteration") == 1
    assert tools["history"].answer({"filter": {"lr": 0.0033}}).count("- iteration") == 1
    told = tools["predict"].answer({"architectures": [{"optimizer": "adam", "lr": 0.003, "momentum": None}]})
    assert "adam" in told
    assert "speak against" not in tools["suggest"].answer({"kind": "test"})


@pytest.mark.parametrize("name", ["cost", "allowed", "predict", "suggest", "neighbours", "history"])
@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"architectures": None},
        {"architectures": {}},
        {"architectures": [[]]},
        {"architectures": [[1e999] * 8]},
        {"architectures": [{"__class__": "x"}]},
        {"architectures": "x" * 9_000},
        {"architectures": [[0] * 8] * 500},
        {"architecture": True},
        {"architecture": [[[[0]]]]},
        {"kind": ["exploit"], "n": -1},
        {"kind": "exploit", "n": 10**30},
        {"filter": [1], "order": {}},
        {"filter": {"": ""}},
        {"\u202e": "\x1b[2J"},
    ],
)
def test_no_arguments_raise_and_no_answer_is_long(name, arguments):
    answer = box()[name].answer(arguments)
    assert 0 < len(answer) < 6_000
    assert "\x1b" not in answer


def test_answers_are_bounded_in_a_space_of_many_decisions():
    space = SearchSpace("wide", tuple(Decision(f"decision number {at}", ("a", "b", "c")) for at in range(200)))
    tools = box(space, known=history(space, [(0,) * 200, (1,) * 200]))
    assert len(tools["predict"].answer({"architectures": [[2] * 200] * 20})) <= 6_000


@pytest.mark.parametrize(
    ("written", "count"),
    [
        ([[0] * 8, [1] * 8], 2),
        ([0] * 8, 1),
        ("[0, 0, 0, 0, 0, 0, 0, 0]", 1),
        ("[[0, 0, 0, 0, 0, 0, 0, 0], [1, 1, 1, 1, 1, 1, 1, 1]]", 2),
        (["[0, 0, 0, 0, 0, 0, 0, 0]", [1] * 8], 2),
        (["0"] * 8, 1),
        ("0, 0, 0, 0, 0, 0, 0, 0", 1),
    ],
)
def test_architectures_are_read_in_many_forms(written, count):
    assert several_architectures(written, SPACE, 20) == [(0,) * 8, (1,) * 8][:count]


@pytest.mark.parametrize(("value", "number"), [(3, 3), ("3", 3), (3.0, 3), (" 20 ", 20)])
def test_numbers_are_read_in_many_forms(value, number):
    assert as_number(value, "n", 20) == number


@pytest.mark.parametrize("value", [0, 21, True, "³", "1e1", 2.5, None, [], "9" * 5_000, float("nan"), float("inf")])
def test_other_numbers_are_refused(value):
    with pytest.raises(BadArgument, match="n takes a whole number from 1 to 20"):
        as_number(value, "n", MOST_ASKED)


def test_nothing_is_no_architecture():
    for value in (None, 3, "-", "", True, {"architecture": None}):
        with pytest.raises(BadArgument):
            one_architecture(value, SPACE)


@pytest.mark.parametrize(
    ("text", "read"), [("", {}), ("{}", {}), ('{"a": 1}', {"a": 1}), ("[1]", None), ("{", None), ("[" * 9_999, None)]
)
def test_arguments_are_an_object(text, read):
    assert read_arguments(text) == read


@pytest.mark.parametrize(("p", "words"), [(0.0, "under 1%"), (0.005, "under 1%"), (0.124, "12%"), (1.0, "99%")])
def test_chances_are_never_certain(p, words):
    assert chance_in_words(p) == words


TWO = [[2] * 8, [1] * 8]


@pytest.mark.parametrize(
    ("reply", "named"),
    [
        (json.dumps({"rationale": "", "candidates": TWO}), TWO),
        ("I waver.\nCandidate: [2,2,2,2,2,2,2,2]\n- Candidate 2: [1, 1, 1, 1, 1, 1, 1, 1]", TWO),
        ("**Candidate:** [2,2,2,2,2,2,2,2]\n**Candidate:** 11111111\nCandidate: [1,1,1,1,1,1,1,1]", TWO),
        (json.dumps({"candidates": [*TWO, [0] * 8, [0, 1] * 4]}), [*TWO, [0] * 8]),
        ("Candidate: [2,2,2,2,2,2,2,2]", []),
        ("Candidate: [2,2,2,2,2,2,2,2]\nCandidate: [2,2,2,2,2,2,2,2]", []),
        ("Candidate: [2,2,2,2,2,2,2,2]\nCandidate: [1,1,1,1,1,1,1,1]\nArchitecture: [1,1,1,1,1,1,1,1]", []),
        (json.dumps({"candidates": TWO, "architecture": [1] * 8}), []),
        ("<think>Candidate: [2,2,2,2,2,2,2,2]\nCandidate: [1,1,1,1,1,1,1,1]</think>no", []),
        ("Architecture: [2,2,2,2,2,2,2,2]", []),
        ('{"candidates": ' + "[" * 9_000, []),
        ("", []),
    ],
)
def test_candidates_of_a_reply_are_asked_about(reply, named):
    calls = call_of_candidates(reply, SPACE)
    assert [json.loads(call.arguments)["architectures"] for call in calls] == ([named] if named else [])
    assert all(call.name == "predict" for call in calls)


@pytest.mark.parametrize("space", [SPACE, VALUES])
def test_a_single_candidate_is_a_proposal(space):
    architecture = tuple(decision.numbers[-1] for decision in space.decisions)
    architecture = space.settled(architecture)
    named = space.plain_values(architecture) if space.by_value else list(architecture)
    reply = json.dumps({"rationale": "sure", "candidates": [named]})
    assert call_of_candidates(reply, space) == ()
    assert read_reply(reply, space).architecture == architecture


def test_the_schema_of_candidates_is_that_of_a_proposal_of_several():
    schema = candidates_schema(SPACE)
    assert schema["required"] == ["rationale", "candidates"]
    assert schema["properties"]["candidates"]["maxItems"] == CANDIDATES
    assert schema["title"] == "proposal"


def test_a_lower_objective_is_ordered_by_its_own_direction():
    goal = Goal((Objective("loss", better="lower"),))
    tools = box(known=history(goal=goal, tried=[(0,) * 8, (2,) * 8, (1,) * 8]))
    assert tools["history"].answer({}).splitlines()[1].startswith("- iteration 1: [0, 0")
    values = [
        float(line.partition(": ")[2].partition(" ")[0])
        for line in tools["neighbours"].answer({"architecture": [0] * 8}).splitlines()[1:]
    ]
    assert values == sorted(values)
