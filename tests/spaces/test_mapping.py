"""A dict as a space, and a file."""

import json
import sys

import pytest
from genius import Decision, GeniusError, get_space, space_of
from genius.spaces.space_file import read_space

from .value_spaces import relu

GIVEN = {
    "lr": (1e-4, 1e-1),
    "decay": (0.1, 0.9),
    "layers": (1, 12),
    "units": (1, 1000),
    "width": [16, 32, 64],
    "activation": [relu, int, None],
    "optimizer": {"options": ["sgd", "adam"]},
    "momentum": {"range": (0, 0.99), "levels": 4, "when": {"optimizer": "sgd"}},
    "nesterov": {"options": [True, False], "when": {"momentum": [0.33, 0.99]}},
    "own": Decision.range("lr", 0, 1, step=0.5),
}

WORDS = """\
Tune it.

The decisions and their options:
- lr: 0.0001 to 0.1, logarithmic, 31 levels
- decay: 0.1 to 0.9, 31 levels
- layers: 1 to 12, 12 levels
- units: 1 to 1000, logarithmic, 28 levels
- width: 16, 32, 64
- activation: relu, int, None
- optimizer: sgd, adam
- momentum: 0 to 0.99, 4 levels; counts only where optimizer is sgd
- nesterov: True, False; counts only where momentum is 0.33 or 0.99
- own: 0 to 1, 3 levels
Where a decision does not count, `-` stands for it in lists, and a reply leaves it out."""


def test_a_dict_is_a_space_of_ranges_options_and_conditions():
    space = space_of(GIVEN, "mine", "Tune it.")
    assert space.words == WORDS
    first = tuple(decision.first for decision in space.decisions)
    assert space.values(first) == {
        "lr": 1e-4,
        "decay": 0.1,
        "layers": 1,
        "units": 1,
        "width": 16,
        "activation": relu,
        "optimizer": "sgd",
        "momentum": 0.0,
        "own": 0.0,
    }
    assert space_of({"a": ["x", "y"]}).by_value


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({}, "the decisions of a space are a dict by their names, from 1 to 500, got {}"),
        ({"": [1]}, "a decision is named by a text, got ''"),
        ({3: [1]}, "a decision is named by a text, got 3"),
        ({"a": (1, 2, 3)}, r"the decision 'a' is a list of options, a tuple of the two ends .* got \(1, 2, 3\)"),
        ({"a": ("x", "y")}, "the decision 'a' is a list of options"),
        ({"a": (True, False)}, "the decision 'a' is a list of options"),
        ({"a": "xy"}, "the decision 'a' is a list of options, .* got 'xy'"),
        ({"a": None}, "the decision 'a' is a list of options, .* got None"),
        ({"a": []}, "the decision 'a' needs a tuple of options"),
        ({"a": [1, 1]}, "the decision 'a' has the option '1' twice"),
        ({"a": {"rang": [1, 2]}}, "the decision 'a' has the unknown key 'rang'; keys are range, log, levels"),
        ({"a": {"log": True}}, "the decision 'a' has either a range or options"),
        ({"a": {"range": [1, 2], "options": [1]}}, "the decision 'a' has either a range or options"),
        ({"a": {"range": [1, 2, 3]}}, "the decision 'a': range"),
        ({"a": {"range": [1, 2], "log": 1}}, "the decision 'a': log must be true or false, got 1"),
        ({"a": {"options": "xy"}}, "the decision 'a': options must be a list, got 'xy'"),
        ({"a": {"options": [1, 2], "levels": 3}}, "the decision 'a': .*levels"),
        (
            {"a": [1], "b": {"options": [1], "when": {"a": 1, "c": 2}}},
            "the decision 'b' has 2 conditions: it takes one",
        ),
        ({"a": [1], "b": {"options": [1], "when": {"a": 2}}}, "counts only under 2, no option of 'a'"),
        ({"a": [1], "A": [1]}, "two decisions of space differ from 'a' in case or blanks alone"),
        ({"a\nb": [1]}, "is no name of a decision or an option"),
        ({"a": ["x\x1b[31m"]}, "is no name of a decision or an option"),
        ({"a": ["x" * 101]}, "is no name of a decision or an option"),
    ],
)
def test_a_dict_that_is_no_space_is_refused_by_the_name_of_its_decision(given, error):
    with pytest.raises(GeniusError, match=error) as raised:
        space_of(given)
    assert "\n" not in str(raised.value)


YAML = """\
name: tuned
words: Tune it.
decisions:
  lr: {range: [1e-4, 1e-1], log: true}
  width: [16, 32, 64]
  optimizer: [sgd, adam, no, on]   # texts, as in YAML 1.2
  momentum: {range: [0, 0.99], levels: 4, when: {optimizer: sgd}}
  flag: [true, ~, 010]
"""
JSON = {
    "name": "tuned",
    "words": "Tune it.",
    "decisions": {
        "lr": {"range": [1e-4, 1e-1], "log": True},
        "width": [16, 32, 64],
        "optimizer": ["sgd", "adam", "no", "on"],
        "momentum": {"range": [0, 0.99], "levels": 4, "when": {"optimizer": "sgd"}},
        "flag": [True, None, "010"],
    },
}
TOML = """\
name = "tuned"
words = "Tune it."
[decisions]
lr = {range = [1e-4, 1e-1], log = true}
width = [16, 32, 64]
"""


def test_a_file_says_the_same_in_yaml_and_json(tmp_path):
    (tmp_path / "a.yaml").write_text(YAML)
    (tmp_path / "a.json").write_text(json.dumps(JSON))
    (tmp_path / "a.toml").write_text(TOML)
    spaces = [get_space(str(tmp_path / name)) for name in ("a.yaml", "a.json", "a.toml")]
    assert {space.name for space in spaces} == {"tuned"}
    assert spaces[0].decisions == spaces[1].decisions
    assert spaces[0].decisions[:2] == spaces[2].decisions
    assert spaces[0].decisions[4].options == (True, None, "010")
    (tmp_path / "b.yml").write_text("decisions: {a: [1, 2]}")
    assert get_space(str(tmp_path / "b.yml")).name == "b"


DEEP = "[" * 100_000


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("a.yaml", "decisions: {a: {range: [1, 2], lgo: true}}", "the decision 'a' has the unknown key 'lgo'"),
        ("a.yaml", "decision: {a: [1]}", "it has the unknown key 'decision'; keys are name, words, decisions"),
        ("a.yaml", "name: x", "decisions is missing"),
        ("a.yaml", "", "a space is given by the keys name, words, decisions, objective, network, input, got None"),
        ("a.yaml", "decisions: [a]", r"decisions must be an object, got the list \['a'\]"),
        ("a.yaml", "decisions: {a: [1], a: [2]}", "cannot be read: it gives the name 'a' twice"),
        ("a.yaml", "decisions: {a: &x [1, 2], b: *x}", "line 1: an alias stands there, not the value itself"),
        ("a.yaml", "decisions: {a: !!python/object/apply:os.getcwd []}", "could not determine a constructor"),
        ("a.yaml", "decisions: {? [1] : [2]}", "line 1: a name is a list or an object"),
        ("a.yaml", "decisions: {1: [2]}", "decisions.* must be text, got 1"),
        ("a.yaml", "name: ../up\ndecisions: {a: [1]}", "without slashes, got '../up'"),
        ("a.yaml", "decisions: {a: [.inf, 1e999]}", "numbers are finite"),
        ("a.yaml", "decisions: {a: [[1]]}", "'a' needs options that have a name"),
        ("a.yaml", "{", "cannot be read: line 1"),
        ("a.yaml", DEEP, "is nested too deeply"),
        ("a.yaml", "x" * 2**21, "has more than 1,000,000 bytes"),
        ("a.json", '{"decisions": {"a": [1], "a": [2]}}', "it gives the name 'a' twice"),
        ("a.json", '{"decisions": {"a": [NaN]}}', "NaN is no number"),
        ("a.json", DEEP, "is nested too deeply"),
        ("a.toml", "[decisions]\na = [2020-01-01]", "'a' needs options that have a name"),
        ("a.toml", "a = ", "cannot be read: "),
    ],
)
def test_a_file_that_is_no_space_is_refused_in_one_line(tmp_path, name, content, error):
    file = tmp_path / name
    file.write_text(content)
    with pytest.raises(GeniusError, match=error) as raised:
        read_space(file)
    assert str(raised.value).startswith(str(file))
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 700


def test_a_file_that_is_not_there_or_no_text_is_refused(tmp_path):
    with pytest.raises(GeniusError, match="cannot be read: No such file"):
        get_space(str(tmp_path / "none.yaml"))
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(GeniusError, match="cannot be read: UnicodeDecodeError"):
        get_space(str(tmp_path / "bytes.yaml"))


def test_yaml_is_loaded_only_where_a_file_is_read():
    import subprocess

    code = "import genius.spaces, sys; assert 'yaml' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
