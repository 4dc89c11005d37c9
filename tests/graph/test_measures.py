"""Searches that measure networks before they are trained: objectives, limits, refusals, and what a crash leaves."""

import json
import os
from dataclasses import replace
from pathlib import Path

import genius
import pytest
from genius.errors import GeniusError, RunFailed
from genius.evaluators import on_network
from genius.evaluators.meter import READINGS_FILE
from genius.evaluators.on_network import sd_of
from genius.record.measurement import Measurement
from torch import nn

WIDTHS = range(1, 9)
DECISIONS = tuple(genius.Decision(name, tuple(str(width) for width in WIDTHS)) for name in ("first", "second"))


def build(architecture):
    """Build a network whose size grows with both decisions."""
    first, second = (8 * (option + 1) for option in architecture)
    return nn.Sequential(nn.Flatten(), nn.Linear(16, first), nn.ReLU(), nn.Linear(first, second), nn.Linear(second, 10))


SPACE = genius.SearchSpace("two-widths", DECISIONS, "", build, (1, 4, 4))


def milliseconds(architecture):
    """Tell the latency of the tests' own clock."""
    return 1.0 + architecture[0] + 2.0 * architecture[1]


@pytest.fixture
def clock(monkeypatch):
    """Have networks measured by the tests' own clock; returns the architectures in the order they were measured."""
    asked = []

    def measure_network(space, job):
        asked.append(tuple(job.architecture))
        told = {"latency": milliseconds(job.architecture), "memory": 10.0 * (job.architecture[0] + 1)}
        metrics = {name: told[name] for name in job.measures if name in told}
        metrics |= {sd_of(name): 0.01 for name in metrics}
        first = job.measures[0]
        if first not in told or job.architecture[0] == 7:
            return Measurement(error="the network has no meter", failure="raised", device="clock")
        return Measurement(told[first], sd=0.01, metrics=metrics, device="clock")

    monkeypatch.setattr(on_network, "measure_network", measure_network)
    return asked


def accurate(architecture):
    """Evaluate at once: larger is better."""
    return 50.0 + 2.0 * sum(architecture)


async def searched(folder, proposer="random", evaluator=accurate, **options):
    return await genius.search(
        SPACE,
        proposer=proposer,
        evaluator=evaluator,
        run=folder,
        **{"iterations": 6, "measure": ["latency"], **options},
    )


def lines(folder, name="candidates.jsonl"):
    return [json.loads(line) for line in (folder / name).read_text().splitlines()]


async def test_a_measured_quantity_is_a_metric_of_every_candidate(tmp_path, clock):
    result = await searched(tmp_path / "run")
    for candidate in result.candidates:
        if candidate.architecture:
            assert candidate.measurement.metrics["latency"] == milliseconds(candidate.architecture)
            assert candidate.measurement.metrics["latency sd"] == 0.01
    assert result.goal.metrics == (genius.Objective("latency", "ms", "lower", 0),)


async def test_a_network_beyond_the_limit_is_told_of_and_costs_no_evaluation(tmp_path, clock):
    evaluated = []

    def evaluate(architecture):
        evaluated.append(architecture)
        return accurate(architecture)

    result = await searched(tmp_path / "run", evaluator=evaluate, limits={"latency": (None, 9)}, iterations=8)
    assert all(milliseconds(architecture) <= 9 for architecture in evaluated)
    refused = [refusal for candidate in result.candidates for refusal in candidate.refusals]
    beyond = [each for each in refused if each.metrics.get("latency", 0) > 9]
    assert beyond
    for refusal in beyond:
        told = milliseconds(refusal.architecture)
        assert refusal.reason == (
            f"{list(refusal.architecture)} is beyond the limits as measured on clock: latency {told:g} ms, "
            f"+{told - 9:g} ms above the most that is allowed; allowed: latency at most 9 ms"
        )
    assert [candidate.measurement is not None for candidate in result.candidates] == [True] * 8


async def test_a_network_that_cannot_be_measured_is_refused_with_the_reason(tmp_path, clock):
    result = await searched(tmp_path / "run", proposer="largest", iterations=2)
    first = result.candidates[0]
    assert first.refusals[0].reason == "[7, 7] cannot be measured: the network has no meter"
    assert result.candidates[-1].error is not None or result.candidates[-1].architecture[0] < 7


async def test_limits_that_nothing_keeps_end_the_search_in_a_sentence(tmp_path, clock):
    with pytest.raises(RunFailed) as failure:
        await searched(tmp_path / "run", limits={"latency": (None, 0.5)}, iterations=50, max_replies=3)
    words = str(failure.value)
    assert words.startswith("none of the first 15 networks that were measured is within the limits; latency went from ")
    assert "allowed: latency at most 0.5 ms. Widen the limits, or have `genius latency` write a look-up" in words
    assert len(lines(tmp_path / "run")) == 5


@pytest.mark.parametrize("proposer", ["guided", "guided-without-prior"])
async def test_the_guide_learns_from_refusals_to_stay_within_the_limit(tmp_path, clock, proposer):
    result = await searched(tmp_path / "run", proposer=proposer, limits={"latency": (None, 6)}, iterations=8)
    refused = [len(candidate.refusals) for candidate in result.candidates]
    assert all(candidate.measurement for candidate in result.candidates)
    assert sum(refused) < 20  # at random five of six are refused, 40 for as many
    assert result.best.architecture in {(5, 0), (3, 1), (1, 2)}


async def test_latency_alone_is_an_objective_and_trains_nothing(tmp_path, clock):
    result = await genius.search(SPACE, proposer="guided", objectives=["latency"], run=tmp_path / "run", iterations=5)
    assert result.settings.evaluator == "measure"
    assert result.goal.objective.unit == "ms"
    best = result.best
    assert best.value == milliseconds(best.architecture) == 1.0  # small networks are taken to be fast from the first on
    assert best.measurement.sd == 0.01


async def test_two_measured_objectives_have_a_front(tmp_path, clock):
    result = await genius.search(
        SPACE, proposer="random", objectives=["latency", "memory"], pareto=True, run=tmp_path / "run", iterations=6
    )
    assert all(result.goal.reading(candidate, "memory") for candidate in result.front)


async def test_a_measured_objective_may_come_before_what_the_evaluator_tells(tmp_path, clock):
    result = await searched(tmp_path / "run", objectives=["latency", "accuracy"])
    for candidate in result.candidates:
        if candidate.measurement:
            assert candidate.value == milliseconds(candidate.architecture)
            assert candidate.measurement.metrics["accuracy"] == accurate(candidate.architecture)


async def test_an_evaluator_of_one_s_own_tells_latency_itself_unless_it_is_asked_to_be_measured(tmp_path, clock):
    def evaluate(architecture):
        return Measurement(50.0, metrics={"latency": 99.0})

    result = await searched(tmp_path / "run", evaluator=evaluate, measure=[], objectives=["accuracy", "latency"])
    assert clock == []
    assert {candidate.measurement.metrics["latency"] for candidate in result.candidates} == {99.0}


async def test_a_missing_latency_names_the_way_to_have_it_measured(tmp_path, clock):
    with pytest.raises(RunFailed, match="or have it measured by --measure latency"):
        await searched(tmp_path / "run", measure=[], objectives=["accuracy", "latency"])


async def test_a_search_that_goes_on_sees_the_numbers_that_it_saw(tmp_path, clock, monkeypatch):
    whole = await searched(tmp_path / "whole", limits={"latency": (None, 9)}, iterations=6)
    clock.clear()
    await searched(tmp_path / "run", limits={"latency": (None, 9)}, iterations=3)
    before = set(clock)
    clock.clear()
    (tmp_path / "run" / "checkpoints.sqlite").unlink()  # as after a crash: the journal and the readings are there
    kept = (tmp_path / "run" / "candidates.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "run" / "candidates.jsonl").write_text("".join(kept[:2]))
    result = await genius.resume(tmp_path / "run", space=SPACE, evaluator=accurate, iterations=6)
    assert [c.architecture for c in result.candidates] == [c.architecture for c in whole.candidates]
    assert before.isdisjoint(clock)
    assert len(clock) == len(set(clock))


async def test_a_fork_takes_the_readings_over(tmp_path, clock):
    await searched(tmp_path / "run", limits={"latency": (None, 9)}, iterations=4)
    before = (tmp_path / "run" / READINGS_FILE).read_text()
    await genius.fork(tmp_path / "run", 2, to=tmp_path / "fork", space=SPACE, evaluator=accurate)
    assert (tmp_path / "fork" / READINGS_FILE).read_text().startswith(before)


async def test_a_disguise_hides_the_space_and_not_what_is_measured(tmp_path, clock):
    result = await searched(tmp_path / "run", disguise=True, limits={"latency": (None, 9)}, iterations=4)
    told = [refusal for c in result.candidates for refusal in c.refusals if refusal.metrics]
    shown = {refusal.architecture: refusal.metrics["latency"] for refusal in told}
    for architecture, latency in shown.items():
        assert latency == milliseconds(result.settings.disguise.reveal(architecture))


async def test_what_is_measured_is_shown_with_its_unit(tmp_path, clock, capsys):
    from genius.agents.reflector import write_prompt
    from genius.record.history import History
    from genius.report.show import print_tables
    from rich.console import Console

    result = await searched(tmp_path / "run", limits={"latency": (None, 100)}, iterations=3)
    known = History.of(result.candidates, result.goal)
    prompt = write_prompt(genius.Region(SPACE), known)[1]["content"]
    assert "latency (ms)" in prompt
    assert "is not feasible, and does not count: latency at most 100 ms." in prompt
    print_tables(result, Console(width=200))
    printed = capsys.readouterr().out
    assert "latency (ms)" in printed
    assert "measured limits: latency at most 100 ms" in printed
    first = next(candidate for candidate in result.candidates if candidate.measurement)
    assert result.to_json()["iterations"][first.iteration - 1]["metrics"] == {
        "latency": milliseconds(first.architecture)
    }


async def test_a_space_without_a_network_has_no_latency(tmp_path):
    bare = replace(SPACE, build=None, input_shape=None)
    with pytest.raises(GeniusError, match="two-widths has no network to"):
        await genius.search(bare, proposer="random", evaluator=accurate, measure=["latency"], run=tmp_path / "run")


async def test_a_limit_that_nothing_measures_is_still_an_error(tmp_path):
    with pytest.raises(GeniusError, match="nothing measures warmth here"):
        await genius.search("digits", proposer="random", limits={"warmth": (None, 5)}, run=tmp_path / "run")


async def test_what_is_told_is_joined_by_what_was_measured_before(tmp_path, clock):
    opened = genius.open(SPACE, proposer="random", run=tmp_path / "run", measure=["latency"], iterations=2)
    async with opened as search:
        asked = await search.ask()
        await search.tell(asked, 0.5)
    (line,) = lines(tmp_path / "run")
    assert line["measurement"]["metrics"]["latency"] == milliseconds(asked.architecture)
    assert line["measurement"]["value"] == 0.5


async def test_a_module_that_a_run_folder_alone_names_is_not_imported(tmp_path, clock):
    await searched(tmp_path / "run", iterations=1)
    file = tmp_path / "run" / "search.json"
    held = json.loads(file.read_text())
    held["measures"] |= {"names": ["boom:measure"], "table": "//host/share/l.json"}
    file.write_text(json.dumps(held))
    with pytest.raises(
        GeniusError, match=r"names the module 'boom:measure', the look-up '//host/share/l\.json', and what"
    ):
        await genius.resume(tmp_path / "run", space=SPACE, evaluator=accurate, iterations=2)


async def test_networks_and_finished_trainings_are_measured_by_workers(tmp_path, monkeypatch):
    mine = Path(__file__).parents[1] / "evaluators"
    monkeypatch.setenv("PYTHONPATH", str(mine), prepend=os.pathsep)
    monkeypatch.syspath_prepend(str(mine))
    result = await genius.search(
        "digits",
        proposer="random",
        objectives=["accuracy", "measured:files"],
        measure=["latency", "memory", "measured:layers"],
        on_seconds=0.2,
        iterations=1,
        set=["epochs=1"],
        run=tmp_path / "run",
    )
    metrics = result.best.measurement.metrics
    assert {"latency", "memory", "layers", "weight files"} <= set(metrics)
    assert (metrics["layers"], metrics["weight files"]) == (4, 1)
    assert result.goal.objectives[1].better == "higher"
