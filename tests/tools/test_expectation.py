"""The value that a reply says it expects: read where it can be meant, and never the cost of a reply."""

import json

import pytest
from genius import Candidate, Decision, SearchSpace, get_space
from genius.record.goal import Goal
from genius.record.history import History
from genius.spaces.objective import Objective
from genius.spaces.region import Region
from genius.tools.proposal import proposal_schema
from genius.tools.replies import read_reply
from genius.tools.validator import validate

SPACE = get_space("nas-bench-macro")
NUMBERS = [0, 1, 2, 0, 1, 2, 0, 1]


def reading(words, space=SPACE, architecture=NUMBERS):
    return read_reply(f"Wide late.\n{words}\nArchitecture: {json.dumps(architecture)}", space)


@pytest.mark.parametrize(
    ("words", "value", "sd"),
    [
        ("Expected: 92.5 ± 0.4", 92.5, 0.4),
        ("**Expected:** 92.5% ± 0.4%", 92.5, 0.4),
        ("- Expected accuracy: 92.5 % +/- 0.4", 92.5, 0.4),
        ("expected value = 9.25e1 +- 4e-1", 92.5, 0.4),
        ("Expected: −3.5 ± 1", -3.5, 1.0),
        ("Forecast: 92.5", 92.5, None),
        ("Prediction (mean): 92.5 ± 0", 92.5, None),
        ("Expected: 80 ± 3\nExpected: 92.5 ± 0.4", 92.5, 0.4),
        ("Expected: <accuracy> ± <standard deviation>", None, None),
        ("Expected: 92,5 ± 0,4", None, None),
        ("Expected: about as good as the best", None, None),
        ("It is expected to reach 92.5.", None, None),
        ("", None, None),
    ],
)
def test_a_line_says_it(words, value, sd):
    found = reading(words)
    assert found.architecture == tuple(NUMBERS)
    assert (found.expectation.value, found.expectation.sd) == (value, sd)
    if value is not None:
        assert found.rationale == "Wide late."


@pytest.mark.parametrize(
    ("fields", "value", "sd"),
    [
        ({"expected": 92.5, "expected_sd": 0.4}, 92.5, 0.4),
        ({"Expected": "92.5%", "expected_sd": "0.4"}, 92.5, 0.4),
        ({"expected": 92, "expected_sd": None}, 92.0, None),
        ({"expected": None, "expected_sd": 0.4}, None, None),
        ({"expected": True, "expected_sd": True}, None, None),
        ({"expected": [1, 2, 3], "expected_sd": {"a": 1}}, None, None),
        ({"expected": float("nan"), "expected_sd": 1}, None, None),
        ({"expected": 10**400, "expected_sd": 1}, None, None),
        ({"expected": 92.5, "expected_sd": -1}, 92.5, None),
        ({"expected": 92.5, "expected_sd": float("inf")}, 92.5, None),
        ({"expected": 92.5, "EXPECTED": 17}, 92.5, None),
        ({"expected": "Architecture: [9]"}, None, None),
    ],
)
def test_so_does_a_json_object(fields, value, sd):
    found = read_reply(json.dumps({"rationale": "Wide late.", **fields, "architecture": NUMBERS}), SPACE)
    assert found.architecture == tuple(NUMBERS)
    assert (found.expectation.value, found.expectation.sd) == (value, sd)


def test_the_schema_asks_for_it():
    schema = proposal_schema(SPACE)
    assert schema["required"] == ["rationale", "expected", "expected_sd", "architecture"]
    assert schema["properties"]["expected"]["type"] == ["number", "null"]


def judged(reply, goal=Goal()):  # noqa: B008
    history = History.of([], goal)
    return validate(Candidate(1, 1, reply=reply), Region(SPACE), history, max_replies=3, when_done="stop")


def test_a_candidate_holds_it_within_the_bounds_of_the_objective():
    reply = f"Expected: {{}} ± 2\nArchitecture: {NUMBERS}"
    found = judged(reply.format(92.5))
    assert (found.expected, found.expected_sd) == (92.5, 2.0)
    assert Candidate.from_json(found.to_json()) == found
    silly = judged(reply.format(250))
    assert silly.architecture == tuple(NUMBERS)
    assert (silly.expected, silly.expected_sd) == (None, None)
    assert judged(reply.format(250), Goal((Objective("loss", better="lower"),))).expected == 250.0


def test_a_refused_reply_takes_its_expectation_along():
    found = judged("Expected: 92.5 ± 2\nArchitecture: [0, 1, 7]")
    assert found.refusals
    assert found.expected is None


@pytest.mark.parametrize("name", ["expected", "Expected width", "prediction head", "forecast"])
@pytest.mark.parametrize("by_value", [False, True])
def test_decisions_of_such_names_keep_their_values(name, by_value):
    options = ("2", "4") if not by_value else (2, 4)
    space = SearchSpace("odd", (Decision(name, options), Decision("depth", options)))
    shown = {name: 4, "depth": 2} if by_value else [1, 0]
    for reply in (
        json.dumps({"rationale": "why", "expected": 3, "expected_sd": 1, "architecture": shown}),
        f"Architecture: {json.dumps(shown)}",
        json.dumps(shown),
    ):
        assert read_reply(reply, space).architecture == (1, 0)


def test_a_long_reply_takes_linear_time():
    words = "Expected: " * 5_000 + "\n" + "expected: 1 ± " * 3_000
    assert reading(words).architecture == tuple(NUMBERS)
