"""One contract for every objective."""

import pytest
from genius import Objective
from genius.schema import Schema
from genius.spaces.objective import OBJECTIVES, get_objective

SCHEMA = Schema[Objective](Objective)


@pytest.mark.parametrize("name", [*OBJECTIVES, "mine:LATENCY", "tiny-latency"])
def test_it_is_a_value_that_says_which_way_is_better_and_can_be_written_down(name):
    objective = OBJECTIVES.find(name)
    assert get_objective(name) is objective is get_objective(objective)
    assert SCHEMA.take(SCHEMA.plain(objective)) == objective
    assert objective.better in ("higher", "lower")
    assert objective.words.endswith(f"{objective.better} is better")
