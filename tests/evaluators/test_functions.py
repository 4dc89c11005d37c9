"""Functions of a user's own in worker processes: what they are handed, what they give back, and how they fail."""

import asyncio
import json
import os
import random
import signal
import sys
from dataclasses import replace
from pathlib import Path

import genius
import pytest
from genius.errors import RunFailed
from genius.evaluators import script_worker, watch
from genius.evaluators.pools import read_log
from genius.evaluators.scripts import FunctionJob
from genius.evaluators.workers import LocalWorkers, Place
from genius.training.job import read_epochs

from .stubs import descendants, lives, wait_until

CONFIG = {"width": 8, "optimiser": "sgd"}


@pytest.fixture(scope="module", autouse=True)
def own_functions_are_found():
    """Workers can import `hostile_functions`."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PYTHONPATH", str(Path(__file__).parent), prepend=os.pathsep)
        yield


def job(folder, name, **changes):
    common = FunctionJob(
        function=f"hostile_functions:{name}",
        folder=folder,
        seed=3,
        config=CONFIG,
        architecture=(1, 0),
        names=("score",),
        home=folder.parent,
    )
    return replace(common, **changes)


async def evaluated(folder, name, *, told=None, limits=None, **changes):
    async with LocalWorkers([Place("cpu", 2)], ahead=None) as workers:
        hear = [].append if told is None else told.append
        return await workers.train(job(folder / name, name, **changes), on_epoch=hear, **(limits or {}))


@pytest.mark.parametrize(
    ("name", "value", "curve", "metrics"),
    [
        ("plain", 8.0, (), {}),
        ("of_metrics", 8.0, (), {"loss": 0.25}),
        ("coroutine", 8.0, (), {}),
        ("reporting", 10.0, (8.0, 9.0, 10.0), {"loss": 1 / 3}),
        ("generator", 10.0, (8.0, 9.0, 10.0), {"loss": 1 / 3}),
        ("generator_that_returns", 50.0, (1.0, 2.0), {}),
        ("later_generator", 10.0, (8.0, 9.0, 10.0), {}),
        ("callable_object", 8.0, (), {}),
        ("only_trial", 9.0, (), {}),
    ],
)
async def test_functions_of_all_kinds_are_evaluators(tmp_path, name, value, curve, metrics):
    told = []
    measurement = await evaluated(tmp_path, name, told=told)
    assert (measurement.error, measurement.value, measurement.curve) == (None, value, curve)
    assert measurement.metrics == metrics
    assert measurement.seconds > 0
    assert measurement.device == "CPU (2 threads)"
    assert [epoch.value for epoch in told] == list(curve)


async def test_the_output_of_a_function_and_of_its_children_is_the_log(tmp_path):
    await evaluated(tmp_path, "plain")
    assert read_log(tmp_path / "plain").split() == ["printed", "8", "of", "a", "child", "complaint"]


async def test_a_function_of_one_argument_gets_what_its_space_hands_out(tmp_path):
    (tmp_path / "numbers.py").write_text("def evaluate(architecture): return 10 * architecture[0] + architecture[1]")
    asked = {"function": f"{tmp_path / 'numbers.py'}:evaluate", "by_value": False, "architecture": (2, 1)}
    assert (await evaluated(tmp_path, "plain", **asked)).value == 21


async def test_a_trial_has_a_seed_and_a_folder_and_no_torch_is_loaded(tmp_path):
    measurement = await evaluated(tmp_path, "of_place")
    assert measurement.metrics == {"omp": 2, "seed": 3, "threads": 2, "torch": 0}
    assert (tmp_path / "of_place" / "files" / "kept" / "deep" / "file").read_text() == "sgd"


async def test_a_finished_evaluation_is_not_made_again(tmp_path):
    first = await evaluated(tmp_path, "plain")
    assert await evaluated(tmp_path, "plain", function="hostile_functions:raises") == first


@pytest.mark.parametrize(
    ("name", "failure", "error"),
    [
        (
            "raises",
            "raised",
            'ValueError: odd kernel (hostile_functions.py:LINE, in raises: raise ValueError("odd kernel"))',
        ),
        ("exits", "raised", 'SystemExit: no more (hostile_functions.py:LINE, in exits: sys.exit("no more"))'),
        ("exits_at_once", "crashed", "evaluation failed: the worker ended with code 3 and no answer"),
        ("crashes", "crashed", "evaluation failed: the worker was ended by signal 11 (Segmentation fault)"),
        ("returns_nan", "diverged", "the evaluation diverged: score is nan"),
        ("reports_infinity", "diverged", "the evaluation diverged: score is inf in epoch 1"),
        ("returns_nothing", "raised", "expected a number, a dict of metrics or a Measurement, got None"),
    ],
)
async def test_a_function_that_fails_is_a_measurement_with_its_reason(tmp_path, name, failure, error):
    measurement = await evaluated(tmp_path, name)
    assert (measurement.value, measurement.failure) == (None, failure)
    line = (measurement.error or "").partition(".py:")[2].partition(",")[0]
    assert measurement.error == error.replace("LINE", line)
    assert measurement.seconds > 0


async def test_the_traceback_is_in_the_log(tmp_path):
    await evaluated(tmp_path, "raises")
    lines = read_log(tmp_path / "raises").splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[-1] == "ValueError: odd kernel"


async def test_an_objective_that_is_missing_is_a_failure_that_names_what_there_is(tmp_path):
    measurement = await evaluated(tmp_path, "returns_other_metrics", names=("accuracy",))
    assert measurement.error == (
        "the evaluator gave no accuracy, it gave error: return it by this name or as `value`, or name the objective "
        "that it gave, as in --objective error:lower"
    )


async def test_too_little_memory_is_told_with_its_size(tmp_path):
    measurement = await evaluated(tmp_path, "cannot_allocate")
    assert measurement.failure == "out of memory"
    assert measurement.error.startswith("out of memory: MemoryError: Unable to allocate 7.45 GiB (hostile_f")
    assert "its process held " in measurement.error


@pytest.mark.parametrize("name", ["fills_memory", "fills_memory_in_children"])
async def test_a_function_that_fills_memory_is_ended_with_its_size(tmp_path, name):
    measurement = await evaluated(tmp_path, name, memory_limit=500_000_000)
    assert measurement.failure == "out of memory"
    assert measurement.error.startswith("out of memory: it held ")
    assert measurement.error.endswith(" and may hold 500.0 MB, as --worker-memory says")
    await asyncio.to_thread(wait_until, lambda: not descendants("numpy.ones(30_000_000)"))


async def test_the_memory_is_shared_by_the_workers_where_no_limit_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(watch, "total_memory", lambda: 2e9)
    monkeypatch.setattr(watch, "free_memory", lambda: 1e9)
    async with LocalWorkers([Place()] * 4, ahead=None) as workers:
        measurement = await workers.train(job(tmp_path / "full", "fills_memory"))
    assert measurement.failure == "out of memory"
    words = "may hold 450.0 MB, which is 90% of the machine's 2.0 GB for each of 4 workers: --worker-memory sets"
    assert measurement.error.endswith(f"{words} another limit")


async def test_a_kill_by_the_kernel_for_memory_is_told_and_not_tried_again(tmp_path, monkeypatch):
    kills = iter(range(2))
    monkeypatch.setattr("genius.evaluators.workers.kills_for_memory", lambda: next(kills))
    measurement = await evaluated(tmp_path, "kills_itself")
    assert measurement.failure == "out of memory"
    assert measurement.error == "out of memory: the kernel ended the evaluation, since the machine had none left"


async def test_what_is_started_ahead_loads_the_module_of_the_function(tmp_path):
    (tmp_path / "ahead.py").write_text(
        "import pathlib\npathlib.Path(__file__).with_name('loaded').touch()\nf = float\n"
    )
    async with LocalWorkers([Place()], ahead=f"{tmp_path / 'ahead.py'}:f"):
        await asyncio.to_thread(wait_until, (tmp_path / "loaded").exists)


async def test_what_a_function_prints_is_bounded_and_its_ends_are_kept(tmp_path):
    measurement = await evaluated(tmp_path, "prints_a_lot")
    log = (tmp_path / "prints_a_lot" / "log.txt").read_bytes()
    assert len(log) < 3_000_000
    assert log.startswith(b"the beginning\n")
    assert b" bytes are left out here " in log
    # it may have come to its end between two looks
    assert measurement.value == 1.0 or measurement.error == (
        "evaluation wrote more than 100.0 MB into log.txt: print and report less"
    )


async def test_a_function_that_hangs_is_ended_at_the_deadline_with_its_grandchildren(tmp_path, monkeypatch):
    monkeypatch.setattr("genius.evaluators.process.GRACE", 0.3)
    evaluation = asyncio.create_task(evaluated(tmp_path, "hangs", limits={"deadline": 8.0, "silence": 0.1}))
    await asyncio.to_thread(wait_until, lambda: descendants("time.sleep(3000)") or evaluation.done())
    children = descendants("time.sleep(3000)")
    measurement = await evaluation
    assert measurement.failure == "timed out"
    assert measurement.error == "evaluation took longer than 8 s (no epoch ended)"
    await asyncio.to_thread(wait_until, lambda: not any(map(lives, children)))


async def test_silence_counts_from_the_first_report_on(tmp_path):
    measurement = await evaluated(tmp_path, "hangs_after_a_report", limits={"silence": 0.5})
    assert measurement.failure == "timed out"
    assert measurement.error == "evaluation showed no life for 0.5 s (the last epoch to end was 1)"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
async def test_copies_of_the_process_answer_nothing_and_end_with_it(tmp_path):
    before = set(descendants("genius.evaluators.worker"))
    assert (await evaluated(tmp_path, "forks")).value == 8
    await asyncio.to_thread(wait_until, lambda: not set(descendants("genius.evaluators.worker")) - before)


async def test_threads_that_are_left_do_not_hold_the_place(tmp_path, monkeypatch):
    code = "from genius.evaluators import script_worker, worker; script_worker._LINGER = 0.2; worker.main()"
    monkeypatch.setattr("genius.evaluators.process.worker_command", lambda: (sys.executable, "-c", code))
    assert (await evaluated(tmp_path, "leaves_a_thread")).value == 8
    assert script_worker._LINGER > 5


async def test_standard_input_is_empty(tmp_path):
    assert (await evaluated(tmp_path, "asks_its_input")).error.startswith("EOFError: EOF when reading a line")


@pytest.mark.parametrize(
    ("function", "sentence"),
    [
        ("hostile_functions:nothing", "there is no evaluator 'hostile_functions:nothing': "),
        ("no_such_module:f", "there is no evaluator 'no_such_module:f': No module named 'no_such_module'"),
        ("hostile_functions:raises_of_ours", "the data are not there"),
    ],
)
async def test_what_no_architecture_has_a_part_in_ends_the_search(tmp_path, function, sentence):
    with pytest.raises(RunFailed, match=f"^{sentence}"):
        await evaluated(tmp_path, "x", function=function)


async def test_a_module_that_cannot_be_imported_ends_the_search_also_when_it_was_loaded_ahead(tmp_path):
    broken = tmp_path / "broken.py"
    broken.write_text("raise RuntimeError('no driver')")
    async with LocalWorkers([Place()], ahead=f"{broken}:f") as workers:
        with pytest.raises(RunFailed, match="no driver"):
            await workers.train(job(tmp_path / "x", "x", function=f"{broken}:f"))


async def test_a_worker_that_is_killed_again_and_again_goes_on_from_its_own_checkpoint(tmp_path):
    rng, kills, told = random.Random(1), 6, []
    unbroken = await evaluated(tmp_path, "on_from_checkpoint")
    async with LocalWorkers([Place()], ahead=None) as workers:
        broken = job(tmp_path / "broken", "on_from_checkpoint")
        evaluation = asyncio.create_task(workers.train(broken, on_epoch=told.append))
        for _ in range(kills):
            heard = len(told)
            await asyncio.to_thread(wait_until, lambda heard=heard: len(told) > heard or evaluation.done())
            await asyncio.sleep(rng.uniform(0, 0.05))
            for pid in descendants("genius.evaluators.worker"):
                os.kill(pid, signal.SIGKILL)
        measurement = await evaluation
    assert (measurement.error, measurement.value) == (None, unbroken.value)
    assert measurement.curve == unbroken.curve
    assert [epoch.epoch for epoch in read_epochs(broken.files.epochs)] == list(range(1, 41))
    assert measurement.seconds > max(epoch.seconds for epoch in told) - 0.01
    assert json.loads(broken.files.answer.read_text())["value"] == unbroken.value


async def test_a_function_that_saves_may_be_killed_as_often_as_one_that_reports(tmp_path):
    saved = tmp_path / "x" / "files" / "count"
    async with LocalWorkers([Place()], ahead=None) as workers:
        evaluation = asyncio.create_task(workers.train(job(tmp_path / "x", "saves_and_never_reports")))
        for step in range(1, 6):
            known = lambda step=step: saved.exists() and int(saved.read_text()) >= step  # noqa: E731
            await asyncio.to_thread(wait_until, known, 60)
            for pid in descendants("genius.evaluators.worker"):
                os.kill(pid, signal.SIGKILL)
        measurement = await evaluation
    assert (measurement.error, measurement.value) == (None, 8)
    assert measurement.seconds > 0.9  # of 1.8, of which each kill may lose a tenth


def test_a_trial_that_a_test_makes_itself_reports_to_nobody(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    trial = genius.Trial({"lr": 0.1})
    trial.report(1, 0.5, loss=2.0)
    assert (trial.config, trial.folder, list(tmp_path.iterdir())) == ({"lr": 0.1}, Path(), [])
    with pytest.raises(ValueError, match="expected a whole number"):
        trial.report(0.5)
    with pytest.raises(ValueError, match="got the str 'high' as the value of epoch 1"):
        trial.report(1, "high")


async def test_the_collector_rests_while_modules_load_and_runs_during_the_job(tmp_path):
    async with LocalWorkers([Place()], ahead="hostile_functions:collected") as workers:
        measurement = await workers.train(job(tmp_path / "job", "collected"))
    assert (measurement.error, measurement.value) == (None, 1.0)
