"""One contract for every evaluator: by its name and as an object."""

import json
import sys

import genius
import pytest
from genius.graph.measuring import EVALUATORS
from genius.record.settings import TOLD

from . import mine, scores

OWN = {"scores:evaluate": scores.evaluate, "scores:evaluate_later": scores.evaluate_later}


def recording(folder):
    """Write a list of messages, with the accuracy of the second reply beside it."""
    said = [{"role": "user", "content": "Propose."}, {"role": "assistant", "content": "Architecture: [2, 1]"}]
    (folder / "said.json").write_text(json.dumps(said))
    (folder / "said.csv").write_text("reply,accuracy\n1,61.5\n")
    return {"llm": f"replay:{folder / 'said.json'}"}


def table(folder):
    keys = [mine.SPACE.key(architecture) for architecture in mine.SPACE.architectures()]
    (folder / "own.json").write_text(json.dumps({key: 50.0 + at for at, key in enumerate(keys)}))
    return {"proposer": "largest", "table": folder / "own.json"}


SEARCHES = {
    "table": table,
    "recording": recording,
    "train": lambda folder: {"proposer": "random", "set": ("epochs=1",)},
    "command": lambda folder: {"proposer": "random", "command": f"{sys.executable} -c 'print(50 + {{width}}0 % 50)'"},
    "measure": lambda folder: {"proposer": "random", "objectives": "latency", "on_seconds": 0.2},
    **dict.fromkeys((*OWN, "tiny-evaluator"), lambda folder: {"proposer": "random"}),
}
"""A search that each evaluator can measure for; a new one is added here."""

THE_SAME = ("table", "recording", "measure")
"""Evaluators that measure an architecture once and for all."""


def test_there_is_a_search_for_every_built_in_one():
    assert set(EVALUATORS) - {TOLD} <= set(SEARCHES)


async def test_a_search_of_told_values_says_how_it_is_made(tmp_path):
    with pytest.raises(genius.GeniusError, match=r"by `genius ask` and `genius tell`, or by genius\.open"):
        await genius.search("mine:SPACE", proposer="random", evaluator=TOLD, run=tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", SEARCHES)
async def test_it_measures_by_its_name_and_is_told_another_seed_to_confirm_the_best(name, tmp_path):
    asked = {"iterations": 1, "confirm": int(name not in THE_SAME), **SEARCHES[name](tmp_path)}
    result = await genius.search("mine:SPACE", evaluator=name, run=tmp_path / "run", **asked)
    assert (result.settings.evaluator, result.settings.run.custom) == (name, [])
    (candidate,) = result.trials[0].candidates
    assert candidate.error is None
    assert 0 <= candidate.accuracy <= 100
    if name not in THE_SAME:
        again = result.trials[0].confirmations
        assert [(each.seed, each.measurement.error) for each in again] == [(10_000, None), (20_000, None)]
        jobs = [json.loads(path.read_text()) for path in tmp_path.glob("run/evaluations/trial-1/*/job.json")]
        assert sorted(job["seed"] for job in jobs) == [0, 10_000, 20_000]


@pytest.mark.parametrize("name", THE_SAME)
async def test_one_that_measures_the_same_each_time_refuses_to_confirm(name, tmp_path):
    asked = {"evaluator": name, "iterations": 1, "confirm": 1, "run": tmp_path / "run", **SEARCHES[name](tmp_path)}
    with pytest.raises(genius.GeniusError, match="are the same each time, so that --confirm would learn nothing"):
        await genius.search("mine:SPACE", **asked)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", OWN)
async def test_it_is_the_same_by_its_name_and_as_an_object(name, tmp_path):
    found = {}
    for which, evaluator in (("name", name), ("object", OWN[name])):
        result = await genius.search(
            "mine:SPACE", proposer="random", evaluator=evaluator, iterations=3, run=tmp_path / which
        )
        found[which] = [candidate.accuracy for candidate in result.trials[0].candidates]
        assert result.settings.run.custom == (["evaluator"] if which == "object" else [])
    assert found["name"] == found["object"]


async def test_a_table_and_another_evaluator_exclude_each_other(tmp_path):
    asked = table(tmp_path)
    with pytest.raises(genius.GeniusError, match="a table and an evaluator exclude each other"):
        await genius.search("mine:SPACE", evaluator="scores:evaluate", run=tmp_path / "run", **asked)


async def test_a_space_that_names_nothing_to_measure_by_says_what_can_be_done(tmp_path):
    with pytest.raises(genius.GeniusError, match=r"bare has no table: name images to train on, .* --evaluator"):
        await genius.search("mine:BARE", proposer="random", run=tmp_path / "run")
