"""Searches for other objectives than accuracy, for several, within measured limits, and from the command line."""

import io
import json
import os

import genius
import pytest
from genius import ACCURACY, GeniusError, Goal, Measurement, Objective
from genius.record.settings import Settings, read_file
from genius.report.show import print_tables
from rich.console import Console

LATENCY = Objective("latency", "ms", "lower", low=0)
WARMTH = Objective("warmth", "K", "lower")


def slow(architecture):
    return 1.0 + sum(architecture)


slow.objective = LATENCY


def both(architecture):
    metrics = {"latency": 1.0 + architecture[0], "latency_ms": float(architecture[1])}
    return Measurement(50.0 + sum(architecture), metrics=metrics)


def in_order(prompts):
    """Propose option by option, and keep the prompts."""

    async def propose(prompt, history):
        prompts.append("\n".join(message["content"] for message in prompt))
        at = len(history)
        return f"Architecture: {[at % 3, at // 3 % 3, 0, 0, 0, 0, 0, 0, 0]}"

    return propose


def shown(result):
    text = io.StringIO()
    print_tables(result, Console(file=text, width=200, markup=False, highlight=False))
    return text.getvalue()


async def test_lower_can_be_better_from_the_prompt_to_the_picture(tmp_path):
    prompts = []
    run = tmp_path / "run"
    result = await genius.search("digits", proposer=in_order(prompts), evaluator=slow, iterations=4, run=run)
    assert result.settings.goal == Goal((LATENCY,)) == Settings.load(run).goal == read_file(run / "search.json").goal
    assert result.best.value == 1.0
    assert result.best.iteration == 1
    assert "the one with the lowest latency" in prompts[0]
    assert "latency in ms, lower is better" in prompts[0]
    assert "to have the lowest latency" in prompts[0]
    assert (
        prompts[3].index("iteration 1: [0, 0") < prompts[3].index("iteration 2: [1, 0") < prompts[3].index("3.000 ms")
    )
    assert "low latency, which with high?" in prompts[3]
    assert "%" not in prompts[3].partition("Experiments so far")[2]
    assert "latency (ms)" in shown(result)
    assert "latency 1.000 ms" in shown(result)
    assert "accuracy" not in shown(result)
    told = genius.read(run).to_json()
    assert told["objective"]["name"] == "latency"
    assert [iteration["value"] for iteration in told["iterations"]] == [1.0, 2.0, 3.0, 2.0]
    assert set(told["best"]) == {"architecture", "value", "test_value", "rank", "test_rank", "iteration"}
    assert genius.draw(result).is_file()
    lines = [json.loads(line) for line in (run / "candidates.jsonl").read_text().splitlines()]
    assert [line["measurement"]["value"] for line in lines] == [1.0, 2.0, 3.0, 2.0]


async def test_the_front_and_the_limits_are_told_everywhere(tmp_path):
    prompts, options = [], {"objectives": (ACCURACY, LATENCY), "limits": {"latency_ms": (None, 1)}, "pareto": True}
    result = await genius.search(
        "digits", proposer=in_order(prompts), evaluator=both, iterations=8, run=tmp_path / "run", **options
    )
    assert [c.iteration for c in result.front] == [6, 5, 4]
    assert result.best.value == 53.0
    assert "the front of the highest accuracy and the lowest latency" in prompts[0]
    assert "latency_ms at most 1" in prompts[0]
    assert "not feasible: latency_ms is 2" in prompts[7]
    assert "The front so far, its architectures, by iteration: 6, 5, 4" in prompts[7]
    told = result.to_json()
    assert [point["iteration"] for point in told["front"]] == [6, 5, 4]
    assert told["hypervolume"] == {"value": 3.0, "reference": {"accuracy": 50.0, "latency": 3.0}}
    assert told["limits"] == {"latency_ms": [None, 1.0]}
    assert [iteration["feasible"] for iteration in told["iterations"]] == [True] * 6 + [False] * 2
    assert told["iterations"][7]["metrics"] == {"latency": 2.0, "latency_ms": 2.0}
    assert "hypervolume: 3, from accuracy 50, latency 3 on" in shown(result)
    assert "latency_ms at most 1; 2 of 8 measured are not feasible" in shown(result)
    assert genius.draw(result).is_file()


async def test_a_run_in_which_nothing_is_feasible_has_no_best(tmp_path):
    result = await genius.search(
        "digits",
        proposer="random",
        evaluator=both,
        iterations=3,
        limits={"latency_ms": (5, None)},
        run=tmp_path / "run",
    )
    assert result.best is None
    assert "nothing feasible was measured" in shown(result)
    assert genius.draw(result) is None


async def test_top_5_is_measured_by_trainings_and_may_be_an_objective_or_a_limit(tmp_path):
    options = {"proposer": "random", "iterations": 2, "set": ("epochs=1",), "data": "digits"}
    goal = {"objectives": (ACCURACY, "top5"), "limits": {"top5": (99.99, None)}}
    result = await genius.search("digits", **goal, **options, run=tmp_path / "run")
    for candidate in result.candidates:
        measurement = candidate.measurement
        assert candidate.accuracy <= measurement.metrics["top5"] <= 100
        assert measurement.test_value <= measurement.test_metrics["top5"] <= 100
    assert result.best is None  # one epoch names no digit among five surely
    words = shown(result)
    assert "top5 at least 99.99%" in words
    prompts = []
    options["proposer"] = in_order(prompts)
    plain = await genius.search("digits", **options, run=tmp_path / "plain")
    assert "top5" not in prompts[1]  # a model is told what is asked for
    best = plain.to_json()["best"]
    assert best["metrics"]["top5"] == plain.best.measurement.metrics["top5"]
    assert best["test_metrics"] == plain.best.measurement.test_metrics
    assert "top5 " in shown(plain)
    assert "test top5 " in shown(plain)


async def test_a_table_tells_no_top_5(tables, tmp_path):
    options = {"proposer": "random", "iterations": 1, "downloads": tables, "run": tmp_path / "run"}
    with pytest.raises(GeniusError, match="nothing measures top5 here"):
        await genius.search("nas-bench-macro", objectives=(ACCURACY, "top5"), **options)


async def test_a_value_that_the_objective_cannot_have_is_a_failure_with_the_way_out(tmp_path):
    values = iter([1250.0, 90.0])
    result = await genius.search(
        "digits", proposer="random", evaluator=lambda a: next(values), iterations=2, run=tmp_path / "run"
    )
    first, second = result.trials[0].candidates
    assert "accuracy lies from 0 to 100 %, got 1250" in first.error
    assert first.measurement.failure == "raised"
    assert second.accuracy == 90.0


async def test_values_that_are_close_are_told_apart_in_prompts(tmp_path):
    prompts, values = [], iter([0.9312, 0.9316, 0.9320, 0.5])

    def evaluate(architecture):
        return next(values)

    evaluate.objective = Objective("F1")
    await genius.search("digits", proposer=in_order(prompts), evaluator=evaluate, iterations=4, run=tmp_path / "run")
    assert all(value in prompts[3] for value in ("0.9312", "0.9316", "0.9320"))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"objectives": "nothing"}, "there is no objective 'nothing'"),
        ({"objectives": (WARMTH, ACCURACY)}, "accuracy in %, higher is better, is measured here"),
        ({"objectives": (ACCURACY, WARMTH)}, "nothing measures warmth here"),
        ({"limits": {"flops": (None, 5)}}, "flops are known before"),
        ({"limits": {"a": (None, None, None)}}, "lowest and highest"),
        ({"pareto": True}, "at least two objectives"),
        ({"evaluator": slow, "objectives": ACCURACY}, "latency in ms, lower is better, is measured here"),
    ],
)
async def test_a_goal_that_nothing_measures_is_refused_before_anything_is_written(tmp_path, options, words):
    with pytest.raises(GeniusError, match=words):
        await genius.search("digits", proposer="random", iterations=1, run=tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()


async def test_a_run_goes_on_with_its_goal_and_with_no_other(tmp_path):
    run, options = tmp_path / "run", {"objectives": (ACCURACY, "flops"), "pareto": True}
    await genius.search("digits", proposer="guided", evaluator=both, iterations=2, run=run, **options)
    result = await genius.resume(run, evaluator=both, iterations=4)
    assert result.settings.goal.pareto
    assert len(result.trials[0].candidates) == 4
    with pytest.raises(GeniusError, match="is measured here"):
        await genius.resume(run, evaluator=slow, iterations=5)


async def test_a_table_of_one_s_own_holds_values_of_the_space_s_objective(tmp_path, monkeypatch):
    (tmp_path / "measured_space.py").write_text(
        "from dataclasses import replace\nimport genius\n"
        "LATENCY = genius.Objective('latency', 'ms', 'lower', 0)\n"
        "SPACE = replace(genius.get_space('digits'), name='mine', objective=LATENCY)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    table = tmp_path / "table.json"
    values = {f"{a}{b}0000000": {"value": 200.0 + 10 * a + b} for a in range(3) for b in range(3)}
    table.write_text(json.dumps(values))
    with pytest.warns(genius.errors.GeniusWarning, match="it lacks"):
        result = await genius.search(
            "measured_space:SPACE", proposer="random", table=table, iterations=9, run=tmp_path / "run"
        )
    assert (result.best.value, result.best.measurement.rank) == (200.0, 1)
    assert "Values are those of the table" in shown(result)
    table.write_text(json.dumps(values | {"000000000": {"value": -1.0}}))
    with pytest.raises(GeniusError, match="numbers from 0, in ms"):
        await genius.search("measured_space:SPACE", proposer="random", table=table, iterations=9)


def test_the_command_line_names_objectives_and_limits(command_line, tables):
    asked = ("search", "nas-bench-macro", "--proposer", "random", "--iterations", 3, "--downloads", tables)
    told = ("--objective", "accuracy", "--objective", "flops", "--pareto", "--run", "run", "--json")
    found = json.loads(command_line(*asked, *told).stdout)
    assert [objective["name"] for objective in found["objectives"]] == ["accuracy", "flops"]
    assert found["front"]
    for limit, words in ((["latency_ms", "-", "5"], "nothing measures latency_ms"), (["latency_ms"], "a name and two")):
        done = command_line(*asked, "--limit", *limit)
        assert (done.returncode, words in done.stderr) == (2, True)


async def test_an_evaluator_that_is_named_tells_its_objective_too(tmp_path, monkeypatch):
    (tmp_path / "own_latency.py").write_text(
        "import genius\nLATENCY = genius.Objective('latency', 'ms', 'lower', 0)\n"
        "def measure(architecture):\n    return genius.Measurement(1.0, metrics={'memory': 2})\n"
        "measure.objective = LATENCY\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)  # of the workers
    options = {"proposer": "guided", "evaluator": "own_latency:measure", "iterations": 2}
    result = await genius.search("digits", run=tmp_path / "run", limits={"memory": (None, 3)}, **options)
    assert result.goal.objective.words == "latency in ms, lower is better"
    assert result.best.value == 1.0
    with pytest.raises(GeniusError, match="latency in ms, lower is better, is measured here"):
        await genius.search("digits", objectives="accuracy", **options)


async def test_objectives_without_code_steer_and_make_a_front(tmp_path):
    def evaluate(values):
        return genius.Measurement(values["a"], metrics={"ms": 20.0 - values["a"], "mb": values["a"]})

    found = await genius.search(
        {"a": (1, 20)},
        evaluator=evaluate,
        objectives=["rmse:lower", "ms:lower"],
        limits={"mb": (None, 15)},
        pareto=True,
        proposer="random",
        iterations=8,
        run=tmp_path / "run",
    )
    measured = [candidate.measurement for candidate in found.trials[0].candidates]
    assert [(objective.name, objective.better) for objective in found.settings.goal.objectives] == [
        ("rmse", "lower"),
        ("ms", "lower"),
    ]
    assert found.best.measurement.value == min(each.value for each in measured)
    front = found.settings.goal.front(found.trials[0].candidates)
    assert len(front) == len({each.value for each in measured if each.metrics["mb"] <= 15})
