"""The file of a look-up: written whole, read against its space, and refused in a sentence where it does not fit."""

import json

import numpy as np
import pytest
from genius.spaces import get_space
from genius.spaces.objective import LATENCY
from genius.spaces.region import PredictedCost
from genius.tables.cost_table import cost_table_sha256, read_cost_table, write_cost_table
from genius.tables.published import BadTable

MACRO = get_space("nas-bench-macro")
COST = PredictedCost(
    LATENCY, 1.5, (((0,), np.array([0.0, 0.1, 0.2])), ((1, 2), np.arange(9.0).reshape(3, 3))), 0.01, 0.03
)


@pytest.fixture
def file(tmp_path):
    write_cost_table(tmp_path / "latency.json", COST, MACRO, "CPU (1 thread), PyTorch, batches of 1", 60)
    return tmp_path / "latency.json"


def test_what_is_written_is_read_again(file):
    cost, told = read_cost_table(file, MACRO)
    rows = MACRO.draw(np.random.default_rng(0), 50)
    assert cost.amounts(MACRO, rows) == pytest.approx(COST.amounts(MACRO, rows))
    assert (cost.objective, cost.mae, cost.within) == (LATENCY, 0.01, 0.03)
    assert (told.samples, told.conditions) == (60, "CPU (1 thread), PyTorch, batches of 1")


def test_a_table_of_another_space_is_refused(file):
    with pytest.raises(BadTable, match="was made for the space nas-bench-macro, whose decisions or options are others"):
        read_cost_table(file, get_space("digits"))


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("terms", [{"decisions": [0], "values": [1.0]}], "holds 1 values of decisions that have 3 combinations"),
        ("terms", [{"decisions": [99], "values": [1.0]}], "names the decision 99, and nas-bench-macro has 8"),
        ("base", "much", "is no look-up that `genius latency` wrote: base must be a number"),
        ("more", 1, "is no look-up that `genius latency` wrote: it has fields of another version: more"),
        ("mae", -1.0, "is no look-up that `genius latency` wrote: mae must be at least 0"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_its_field(file, field, value, said):
    file.write_text(json.dumps(json.loads(file.read_text()) | {field: value}))
    with pytest.raises(BadTable) as failure:
        read_cost_table(file, MACRO)
    assert said in str(failure.value)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(BadTable, match=r"the look-up .* cannot be read: No such file"):
        cost_table_sha256(tmp_path / "nothing.json")
