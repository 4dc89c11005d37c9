"""Tables of one's own: what they hold is searched, and what cannot be meant is said with counts and an example."""

import json
import os
import re
import warnings
from dataclasses import replace

import pytest
from genius import Decision, SearchSpace
from genius.errors import GeniusWarning
from genius.spaces.cost import Cost, Part
from genius.spaces.space import BadArchitecture
from genius.tables.own import open_table, table_sha256
from genius.tables.published import BadTable

SPACE = SearchSpace(
    "toy",
    (Decision("a", ("x", "y", "z")), Decision("b", ("x", "y", "z"))),
    "",
    lambda architecture: None,
    (1, 1, 1),
    parts=(Part((0,), lambda option: Cost(option)), Part((1,), lambda option: Cost(option))),
)
WHOLE = {f"{a}{b}": 50.0 + 10 * a + b for a in range(3) for b in range(3)}


@pytest.fixture
def read(tmp_path):
    """Return a function that writes a table and reads it, and the warning that was given, if one was."""

    def write_and_read(content, space=SPACE):
        path = tmp_path / "own.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            found = open_table(space, path)
        assert len(told) <= 1
        assert all(one.category is GeniusWarning for one in told)
        return *found, str(told[0].message).removeprefix(f"the table {path}: ") if told else ""

    return write_and_read


def test_a_whole_table_is_read_without_a_word(read, tmp_path):
    space, table, told = read(WHOLE | {"00": {"accuracy": 3, "loss": 1.0}})
    assert (space, told) == (SPACE, "")
    assert table.architectures == list(SPACE.architectures())
    assert table.values.tolist()[:2] == [3.0, 51.0]
    assert table.test_values.tolist() == table.values.tolist()
    assert table.measure((2, 2)).rank == 1
    assert table.sha256 == table_sha256(tmp_path / "own.json")


def test_an_accuracy_of_nothing_is_an_accuracy(read):
    rows = {key: {"accuracy": value, "test_accuracy": 0} for key, value in WHOLE.items()}
    _, table, _ = read(rows | {"11": {"accuracy": 0, "test_accuracy": 7}})
    assert table.measure((0, 0)).test_accuracy == 0.0
    assert table.measure((1, 1)).accuracy == 0.0
    assert table.measure((1, 1)).test_rank == 1


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("NaN", "nan"),
        ("Infinity", "inf"),
        ("1e999", "inf"),
        ("-1", "-1"),
        ("100.5", "100.5"),
        ('"93.1"', "'93.1'"),
        ("true", "True"),
        ("null", "None"),
        ("[93.1]", "[93.1]"),
        ("{}", "None"),
        ('{"test_accuracy": 50}', "None"),
    ],
)
def test_what_is_no_percentage_is_counted_and_one_is_shown(read, value, shown):
    rows = [f'"{key}": {value if key in ("01", "20") else number}' for key, number in WHOLE.items()]
    words = (
        rf"of the 9 accuracies in .*own\.json 2 are no numbers from 0 to 100, in percent, as '01': {re.escape(shown)}$"
    )
    with pytest.raises(BadTable, match=words):
        read("{" + ",".join(rows) + "}")


@pytest.mark.parametrize("value", ["NaN", "-1", '"high"', "false"])
def test_the_same_goes_for_test_accuracies(read, value):
    rows = [f'"{key}": {{"accuracy": 5, "test_accuracy": {value if key == "01" else 7}}}' for key in WHOLE]
    words = r"of the 9 test accuracies in .* 1 are no numbers from 0 to 100, in percent, as '01'"
    with pytest.raises(BadTable, match=words):
        read("{" + ",".join(rows) + "}")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", r"the table .*own\.json is no JSON: JSONDecodeError"),
        ("00,50\n01,51\n", r"is no JSON: JSONDecodeError"),
        ("[" * 100_000, r"is no JSON: RecursionError"),
        ("[1]", r"is to give accuracies by architecture, got \[1\]"),
        ("5", r"is to give accuracies by architecture, got 5"),
        ("{}", r"is empty: its keys should look like '00'"),
        (
            WHOLE | {"03": 1, "2": 1, "222": 1},
            r"of the 12 keys in .* 3 are no architecture of toy, as '03': they should",
        ),
        ({"\x1b[31m": 1}, r"of the 1 keys in .* 1 are no architecture of toy, as .*x1b\[31m"),
        ('{"00": 1, "00": 2, "01": 3, "01": 3}', r"gives 1 keys twice, with different values, as '00'"),
    ],
)
def test_what_is_no_table_is_refused_in_a_sentence(read, content, words):
    with pytest.raises(BadTable, match=words) as refused:
        read(content)
    assert str(refused.value).isprintable()


def test_what_is_no_file_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for name in ("nothing", "pipe", ".", "x" * 300, "a\0b"):
        with pytest.raises(BadTable, match=r"the table .* (is not there, or no file|cannot be read)"):
            open_table(SPACE, tmp_path / name)
    with (tmp_path / "large").open("wb") as file:
        file.truncate(2**28 + 1)
    with pytest.raises(BadTable, match=r"has 268,435,457 bytes, more than the 268,435,456 that are read"):
        open_table(SPACE, tmp_path / "large")


def test_a_table_of_a_part_makes_a_space_of_that_part(read):
    space, table, told = read({key: value for key, value in WHOLE.items() if key[0] != "1"})
    assert told == (
        "it lacks 3 of the 9 architectures of toy, as [1, 0]; "
        "only the 6 that it holds are searched, and ranks are among these"
    )
    assert list(space.architectures()) == table.architectures
    assert table.ranks.tolist() == [6, 5, 4, 3, 2, 1]
    with pytest.raises(BadArchitecture, match=r"\[1, 1\] breaks the space's rule: the table does not hold it"):
        space.check((1, 1))
    assert space.rule.endswith("only its table's architectures can be measured.")


def narrow(architecture):
    """The second is narrow."""
    return architecture[1] < 2


def test_a_rule_of_the_space_holds_beside_the_table(read):
    ruled = replace(SPACE, valid=narrow)
    space, table, told = read(WHOLE, ruled)
    assert told == "the rule forbids 3 of its 9 keys, as '02'; they are left out"
    assert (space, len(table)) == (ruled, 6)
    space, table, told = read({key: value for key, value in WHOLE.items() if key != "00"}, ruled)
    assert "it lacks 1 of the 6 architectures of toy, as [0, 0]" in told
    assert [space.forbids(a) for a in ((0, 0), (2, 2), (2, 1))] == [
        "[0, 0] breaks the space's rule: the table does not hold it",
        "[2, 2] breaks the space's rule: The second is narrow; only its table's architectures can be measured",
        None,
    ]
    with pytest.raises(BadTable, match="holds nothing that the rule of toy allows"):
        read({"02": 5}, ruled)


def test_what_may_not_be_meant_is_told(read):
    _, table, told = read(WHOLE | {"00": {"accuracy": 5, "test_accuracy": 6}})
    assert told == "8 of 9 have no test accuracy, as '01'; their accuracy stands for it"
    assert table.measure((0, 1)).test_accuracy == 51.0
    assert read(dict.fromkeys(WHOLE, 0.9))[2] == "no accuracy is above 1, and all are read as percent"
    assert read(dict.fromkeys(WHOLE, 0))[2] == ""
    unordered = replace(SPACE, identity=lambda a: tuple(sorted(a)))
    assert read(WHOLE, unordered)[2] == (
        "3 functions have architectures with different accuracies, as [0, 1] and [1, 0]; a search tries one of each"
    )
    assert read(dict.fromkeys(WHOLE, 70), unordered)[2] == ""


def test_keys_that_say_nothing_are_the_spaces_fault(read):
    long = Decision("long", tuple(f"o{n}" for n in range(12)))
    space = SearchSpace(
        "long", (long, replace(long, name="other")), "", lambda a: None, (1, 1, 1), key=lambda a: "".join(map(str, a))
    )
    words = r"\[1, 10\] and \[11, 0\] of long have the same key, '110': give the space a `key`"
    with pytest.raises(BadTable, match=words):
        read({"00": 5}, space)
