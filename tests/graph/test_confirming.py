"""The best of a search are evaluated again with other seeds: the winner, kills, workers, budgets, failures, pauses."""

import asyncio
import json
import random
import shutil
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import genius
import pytest
from genius.agents.baselines import random_search
from genius.graph.pause import Paused
from genius.record.confirmation import seed_of
from genius.record.files import BrokenRun
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import interrupt

SPACE = {"a": [0, 1, 2, 3, 4, 5, 6, 7], "b": [0, 1, 2]}


class Noisy:
    """An evaluator whose value is that of `a` with noise by the seed; it notes each call and how many ran at once."""

    def __init__(self, noise=4.0, seconds=0.0):
        self.noise, self.seconds, self.calls, self.running, self.most = noise, seconds, [], 0, 0

    async def __call__(self, config, trial):
        self.running += 1
        self.most = max(self.most, self.running)
        await asyncio.sleep(self.seconds)
        self.running -= 1
        self.calls.append((tuple(config.values()), trial.seed))
        return self.value(config, trial.seed)

    def value(self, config, seed):
        rng = random.Random(f"{config} {seed}")
        return 50.0 + config["a"] + self.noise * rng.uniform(-1, 1)


async def search(tmp_path, evaluator=None, **options):
    asked = {"proposer": "random", "iterations": 8, "confirm": 3, "trace": False, "run": tmp_path / "run"}
    return await genius.search(SPACE, evaluator=evaluator or Noisy(), **{**asked, **options})


def lines(run):
    return [json.loads(line) for line in (run / "confirmations.jsonl").read_text().splitlines()]


async def test_the_best_few_are_evaluated_with_other_seeds_and_the_winner_is_chosen_by_the_means(tmp_path):
    evaluator = Noisy()
    result = await search(tmp_path, evaluator)
    (trial,) = result.trials
    assert len(trial.candidates) == 8
    first = {c.iteration: c for c in trial.candidates}
    chosen = sorted(first, key=lambda iteration: -first[iteration].value)[:3]
    assert {(line["iteration"], line["repeat"]) for line in lines(tmp_path / "run")} == {
        (iteration, repeat) for iteration in chosen for repeat in (1, 2)
    }
    seeds = Counter(seed for _, seed in evaluator.calls)
    assert seeds == {0: 8, seed_of(0, 1, 1): 3, seed_of(0, 1, 2): 3}
    means = {}
    for iteration in chosen:
        again = [line["measurement"]["value"] for line in lines(tmp_path / "run") if line["iteration"] == iteration]
        means[iteration] = sum([first[iteration].value, *again]) / 3
        values = [evaluator.value(first[iteration].values, seed) for seed in list(seeds)[1:]]
        assert sorted(again) == pytest.approx(sorted(values))
    winner = max(means, key=means.get)
    assert result.best.iteration == winner
    assert result.best.value == pytest.approx(means[winner])
    assert result.first_best.iteration == chosen[0]
    assert result.confirmed(result.best).flattered(result.goal) == pytest.approx(first[winner].value - means[winner])
    assert result.finished


async def test_a_finished_run_is_confirmed_later_and_again_for_nothing(tmp_path):
    evaluator = Noisy()
    await search(tmp_path, evaluator, confirm=0)
    assert not (tmp_path / "run" / "confirmations.jsonl").exists()
    result = await genius.resume(tmp_path / "run", evaluator=evaluator, confirm=2, confirm_seeds=3)
    assert (len(result.trials[0].confirmations), len(evaluator.calls)) == (6, 14)
    again = await genius.resume(tmp_path / "run", evaluator=evaluator)
    assert (again.best, len(evaluator.calls)) == (result.best, 14)
    more = await genius.resume(tmp_path / "run", evaluator=evaluator, confirm=3)
    assert (len(more.trials[0].confirmations), len(evaluator.calls)) == (9, 17)
    longer = await genius.resume(tmp_path / "run", evaluator=evaluator, iterations=12)
    assert len(longer.candidates) == 12
    assert longer.trials[0].not_confirmed == 0
    assert max(Counter(evaluator.calls).values()) == 1


@pytest.mark.parametrize("trials", [1, 2])
async def test_several_workers_share_the_further_evaluations(tmp_path, trials):
    evaluator = Noisy(seconds=0.05)
    result = await search(tmp_path, evaluator, workers=3 * trials, trials=trials)
    assert evaluator.most == 3 * trials
    assert [len(trial.confirmations) for trial in result.trials] == [6] * trials
    assert len({line["seed"] for line in lines(tmp_path / "run")}) == 2 * trials


async def test_what_is_written_down_depends_neither_on_workers_nor_on_checkpoints(tmp_path):
    def content():
        held = lines(tmp_path / "run")
        return sorted((line["iteration"], line["repeat"], line["measurement"]["value"]) for line in held)

    one, first = await search(tmp_path), content()
    (tmp_path / "run" / "confirmations.jsonl").unlink()
    (tmp_path / "run" / "checkpoints.sqlite").unlink()
    two = await genius.resume(tmp_path / "run", evaluator=Noisy(seconds=0.01), workers=4)
    assert content() == first
    assert (two.best.iteration, two.best.value) == (one.best.iteration, one.best.value)


async def test_hours_end_it_well_and_more_of_them_go_on(tmp_path):
    class Long(Noisy):
        async def __call__(self, config, trial):
            return genius.Measurement(await super().__call__(config, trial), seconds=3600.0)

    evaluator = Long()
    result = await search(tmp_path, evaluator, max_hours=10)
    assert (len(result.candidates), len(result.trials[0].confirmations)) == (8, 2)
    assert result.stopped.startswith("the budget of 10 device-hours is spent")
    assert result.stopped.endswith("4 that were to confirm the best were not made")
    assert result.best.iteration in {line["iteration"] for line in lines(tmp_path / "run")}
    assert not result.finished
    result = await genius.resume(tmp_path / "run", evaluator=evaluator, max_hours=100)
    assert (result.finished, result.stopped, result.spent.hours) == (True, None, 14.0)


async def test_a_search_that_tokens_end_confirms_what_it_has(tmp_path):
    def propose(prompt, history):
        return genius.Reply(f"Architecture: {json.dumps({'a': len(history), 'b': 0})}", input_tokens=10, model="m")

    result = await search(tmp_path, proposer=propose, max_llm_tokens=30, confirm=2)
    assert (len(result.candidates), len(result.trials[0].confirmations)) == (3, 4)
    assert result.stopped.endswith("5 of 8 evaluations were not made")


async def test_failures_are_recorded_once_and_told(tmp_path):
    class Failing(Noisy):
        async def __call__(self, config, trial):
            if await super().__call__(config, trial) and trial.seed == seed_of(0, 1, 2):
                raise ValueError("no more of this")
            return self.value(config, trial.seed)

    evaluator = Failing()
    result = await search(tmp_path, evaluator)
    winner = result.confirmed(result.best)
    assert (len(winner.runs), len(winner.failures)) == (2, 1)
    assert winner.failures[0].startswith("ValueError: no more of this")
    assert result.finished
    await genius.resume(tmp_path / "run", evaluator=evaluator)
    assert len(evaluator.calls) == 14
    assert result.to_json()["best"]["confirmed"]["failures"] == list(winner.failures)


async def test_where_every_further_evaluation_fails_the_first_numbers_stand(tmp_path):
    def evaluate(config, trial):
        if trial.seed:
            raise ValueError("no")
        return float(config["a"])

    result = await search(tmp_path, evaluate)
    assert result.finished
    assert (result.best, result.trials[0].confirmed) == (result.first_best, [])


async def test_limits_are_held_by_the_means(tmp_path):
    def evaluate(config, trial):
        late = trial.seed and config["a"] == 7
        return genius.Measurement(float(config["a"]), metrics={"ms": 30.0 if late else 5.0})

    space = {"a": [0, 1, 5, 7]}
    asked = {"proposer": "random", "iterations": 4, "limits": {"ms": (None, 10)}, "run": tmp_path / "run"}
    result = await genius.search(space, evaluator=evaluate, confirm=2, **asked)
    assert (result.first_best.value, result.best.value) == (7.0, 5.0)
    assert result.confirmed(result.first_best).candidate.measurement.metrics["ms"] == pytest.approx(65 / 3)
    alone = await genius.search(space, evaluator=evaluate, confirm=1, **asked | {"run": tmp_path / "alone"})
    assert alone.best.value == 5.0  # the only one that was confirmed is beyond, and the best of the others stands


async def test_of_a_front_its_first_ones_are_confirmed_and_drop_out_by_their_means(tmp_path):
    class Lucky(Noisy):
        async def __call__(self, config, trial):
            lucky = config["a"] == 0 and not trial.seed
            return genius.Measurement(6.0 if lucky else float(config["a"]), metrics={"cost": float(config["a"])})

    objectives = ["score", genius.Objective("cost", better="lower")]
    asked = {"proposer": "random", "iterations": 4, "objectives": objectives, "pareto": True, "run": tmp_path / "run"}
    result = await genius.search({"a": [0, 1, 2, 3]}, evaluator=Lucky(), confirm=1, **asked)
    assert {line["iteration"] for line in lines(tmp_path / "run")} == {result.first_best.iteration}
    assert result.first_best.values == {"a": 0}
    assert sorted(c.values["a"] for c in result.front) == [0, 3]  # the mean of 0 is 2
    assert result.best.value == 2.0
    assert result.to_json()["front"][-1]["confirmed"]["runs"] == [6.0, 0.0, 0.0]


async def test_in_disguise_the_real_architecture_is_evaluated_again(tmp_path):
    calls = []

    def evaluate(architecture, trial):
        calls.append((tuple(trial.architecture), trial.seed))
        return 50.0 + sum(trial.architecture)

    result = await genius.search(
        "digits", evaluator=evaluate, proposer="random", disguise=True, iterations=3, confirm=1, run=tmp_path / "run"
    )
    assert {architecture for architecture, seed in calls if seed} == {result.best.architecture}


async def test_a_pause_within_a_further_evaluation_is_answered_and_goes_on(tmp_path):
    def evaluate(config, trial):
        return config["a"] + (float(interrupt({"question": f"seed {trial.seed}?"})) if trial.seed else 0.0)

    async def asking(config, trial):
        return evaluate(config, trial)

    parts, asked = {"evaluator": asking}, []
    with pytest.raises(Paused) as pause:
        await search(tmp_path, asking, confirm=1)
    while pause is not None:
        (question,) = pause.value.interrupts
        asked.append(question.value["question"])
        try:
            result = await genius.resume(tmp_path / "run", answers=len(asked), **parts)
            pause = None
        except Paused:
            with pytest.raises(Paused) as pause:
                await genius.resume(tmp_path / "run", **parts)
    assert asked == ["seed 10000?", "seed 20000?"]
    first = result.first_best.value
    assert result.confirmed(result.best).runs == (first, first + 1, first + 2)


async def test_the_graph_by_itself_keeps_further_evaluations_in_its_checkpoints():
    calls = []

    async def evaluate(architecture):
        calls.append(architecture)
        return genius.Measurement(50.0 + sum(architecture) + len(calls) / 10)

    region, saver = genius.Region(genius.get_space("digits")), InMemorySaver()
    confirming = genius.Confirming(1, 2)
    config = {"configurable": {"thread_id": "mine"}}
    for _ in range(5):  # each as another process would: nothing but the checkpoints is kept
        proposer = random_search(region, seed=(0,))
        context = genius.Context(region, proposer, evaluate, iterations=3, confirming=confirming)
        async with context.slots:
            state = await genius.build_graph(saver).ainvoke({}, config, context=context)
    assert [(each["repeat"], each["seed"]) for each in state["confirmed"]] == [(1, 10_000), (2, 20_000)]
    assert (len(state["history"]), len(calls)) == (3, 5)
    async with context.slots:
        await genius.build_graph(saver).ainvoke({}, config, context=context)
    assert len(calls) == 5


async def test_a_fork_takes_over_what_was_confirmed_of_its_iterations(tmp_path):
    evaluator = Noisy()
    source = await search(tmp_path, evaluator)
    made = len(evaluator.calls)
    result = await genius.fork(tmp_path / "run", 7, to=tmp_path / "fork", evaluator=evaluator, confirm=0)
    kept = [line for line in lines(tmp_path / "run") if line["iteration"] <= 7]
    assert lines(tmp_path / "fork") == kept
    assert len(evaluator.calls) == made + 1
    assert result.trials[0].candidates[:7] == source.trials[0].candidates[:7]


async def test_a_torn_line_is_cut_off_and_a_line_of_nothing_is_refused(tmp_path):
    evaluator = Noisy()
    result = await search(tmp_path, evaluator)
    path = tmp_path / "run" / "confirmations.jsonl"
    whole = path.read_text()
    path.write_text(whole[:-20])
    again = await genius.resume(tmp_path / "run", evaluator=evaluator)
    assert (again.best.value, len(evaluator.calls)) == (result.best.value, 15)
    path.write_text(whole + whole.splitlines()[0].replace('"iteration": ', '"iteration": 9') + "\n")
    with pytest.raises(BrokenRun, match=r"holds an evaluation of trial 1, iteration 9\d, which the journal lacks"):
        genius.read(tmp_path / "run")
    path.write_text(whole + whole.splitlines()[0] + "\n")
    with pytest.raises(BrokenRun, match="repeats the record of an earlier line"):
        genius.read(tmp_path / "run")


async def test_values_that_are_told_are_not_confirmed(tmp_path):
    opened = genius.open(SPACE, proposer="random", confirm=1, run=tmp_path / "run")
    with pytest.raises(genius.GeniusError, match="a search of told values evaluates nothing by itself"):
        await opened.ask()


# --- kills

PROGRAM = """
import asyncio
import sys
from pathlib import Path

import genius
from dying import die_at

NOTES, RUN, MOMENT = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])


async def evaluate(config, trial):
    with NOTES.open("ab", buffering=0) as file:
        file.write(f"{config['a']} {trial.seed}\\n".encode())
    return 50.0 + config["a"] + (trial.seed % 7) / 10


die_at(MOMENT)
if (RUN / "search.json").is_file():
    result = asyncio.run(genius.resume(RUN, evaluator=evaluate, trust=True))
else:
    asked = {"proposer": "random", "iterations": 2, "confirm": 2, "trace": False}
    result = asyncio.run(genius.search({"a": list(range(9))}, evaluator=evaluate, run=RUN, **asked))
print(result.best.value)
"""


@pytest.mark.parametrize("moments", [range(1, 60, 2), range(2, 60, 5)], ids=["often", "seldom"])
def test_a_kill_before_or_after_any_write_repeats_nothing_that_was_written_down(tmp_path, moments):
    shutil.copy(Path(__file__).with_name("dying.py"), tmp_path)
    (tmp_path / "program.py").write_text(PROGRAM)
    run, notes, kills, written = tmp_path / "run", tmp_path / "notes", 0, set()
    notes.touch()
    for moment in moments:
        before = len(notes.read_text().splitlines())
        command = [sys.executable, tmp_path / "program.py", notes, run, str(moment)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        for note in notes.read_text().splitlines()[before:]:
            assert note not in written
        written = _written(run)
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL, done.stderr
        kills += 1
    assert done.returncode == 0
    assert kills > 2
    assert len(written) == 6
    assert len(notes.read_text().splitlines()) <= 6 + kills


def _written(run):
    """Return the evaluations that a run has written down, as they are noted."""
    if not (run / "candidates.jsonl").exists():
        return set()
    made = [json.loads(line) for line in (run / "candidates.jsonl").read_text().splitlines() if line.endswith("}")]
    values = {candidate["iteration"]: candidate["values"]["a"] for candidate in made}
    again = lines(run) if (run / "confirmations.jsonl").exists() else []
    return {f"{a} 0" for a in values.values()} | {f"{values[line['iteration']]} {line['seed']}" for line in again}
