"""The trainer: what an evaluator returns or raises is a measurement or a failure, unless the machine is at fault."""

import asyncio
import errno
import logging
import os
import threading

import genius
import numpy as np
import pytest
from genius.record.candidate import Candidate
from genius.record.goal import GOAL
from genius.record.measurement import ERROR_LENGTH, Measurement
from genius.tools.trainer import RAISED_AT_FIRST, check_evaluator, train

CANDIDATE = Candidate(1, 1, architecture=(0,) * 8)


async def trained(evaluate):
    return await train(CANDIDATE, evaluate)


def returning(value):
    async def evaluate(architecture):
        return value

    return evaluate


def raising(error):
    async def evaluate(architecture):
        raise error

    return evaluate


async def test_measurements_and_failures_are_recorded():
    assert (await trained(returning(Measurement(91.5)))).accuracy == 91.5
    failed = await trained(returning(Measurement(error="loss became NaN")))
    assert (failed.error, failed.accuracy) == ("loss became NaN", None)
    none = await trained(returning(Measurement()))
    assert none.error == none.measurement.error == "the evaluator gave no accuracy"
    assert GOAL.best([failed, none]) is None


async def test_a_number_alone_is_the_accuracy():
    assert (await trained(returning(np.float32(91.5)))).measurement == Measurement(91.5)


async def test_a_plain_function_is_an_evaluator():
    assert (await trained(lambda architecture: Measurement(91.5))).accuracy == 91.5
    assert (await trained(lambda architecture: 91.5)).accuracy == 91.5


@pytest.mark.parametrize("value", [None, "93.1", (93.1,), True, [93.1, 2.0]])
async def test_what_is_no_measurement_is_a_failure_that_names_it(value):
    for returned in (value, Measurement(accuracy=value) if value is not None else value):
        failed = await trained(returning(returned))
        assert failed.error.startswith("expected a ")
        assert failed.error == failed.measurement.error
        assert (failed.accuracy, failed.measurement.failure) == (None, "raised")


async def test_a_dict_of_metrics_is_a_measurement():
    told = {"accuracy": np.float32(91.5), "loss": 0.25, "name": "a", "done": True, "test_accuracy": 90, "nan": np.nan}
    assert (await trained(returning(told))).measurement == Measurement(91.5, 90.0, metrics={"loss": 0.25})


@pytest.mark.parametrize("lost", [float("nan"), float("inf"), np.float64("-inf")])
async def test_what_is_not_finite_has_diverged(lost):
    for returned in (lost, Measurement(lost), {"accuracy": lost}):
        failed = await trained(returning(returned))
        assert failed.error == f"the evaluation diverged: accuracy is {lost:g}"
        assert failed.measurement.failure == "diverged"


async def test_a_missing_objective_names_what_there_is_and_the_way_out():
    failed = await trained(returning({"error": 0.1, "loss": 0.3, "name": "x"}))
    assert failed.error == (
        "the evaluator gave no accuracy, it gave error, loss: return it by this name or as `value`, or name the "
        "objective that it gave, as in --objective error:lower"
    )
    assert (await trained(returning({}))).error.startswith("the evaluator gave no accuracy, it gave no number: ")
    failed = await trained(returning({"accuracy": "91"}))
    assert failed.error == "the evaluator's accuracy is no number, but the str '91'"


async def test_a_plain_function_blocks_neither_the_loop_nor_another():
    meeting = threading.Barrier(3)
    # each waits for the others: one after the other they would wait for ever
    trainings = asyncio.gather(*(trained(lambda architecture: meeting.wait(20)) for _ in range(2)))
    await asyncio.to_thread(meeting.wait, 20)
    assert [candidate.error for candidate in await trainings] == [None, None]


@pytest.mark.parametrize(
    "error",
    [
        ZeroDivisionError("mine"),
        SystemExit(3),
        asyncio.CancelledError("of a task of its own"),
        TimeoutError(),
        FileNotFoundError(errno.ENOENT, "No such file", "images"),
        ExceptionGroup("several", [ValueError("a")]),
        StopAsyncIteration(),
        AssertionError(),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_what_an_evaluator_raises_is_a_failure(error):
    failed = await trained(raising(error))
    assert (failed.accuracy, failed.measurement.failure) == (None, "raised")
    kind = type(error.exceptions[0] if isinstance(error, ExceptionGroup) else error).__name__
    assert failed.error.startswith(kind)
    assert failed.error.endswith(")")
    assert "(test_trainer.py:" in failed.error


async def test_the_reason_is_short_and_holds_neither_escapes_nor_keys(monkeypatch):
    monkeypatch.setenv("CLUSTER_API_KEY", "sk-very-secret")
    failed = await trained(raising(ValueError("\x1b]52;c;x\x07 sk-very-secret \ud800" + "x" * 10**6)))
    assert failed.error.startswith(r"ValueError: \x1b]52;c;x\x07 <CLUSTER_API_KEY> \ud800xxx")
    assert len(failed.error) == ERROR_LENGTH
    assert "(test_trainer.py:" in failed.error


async def test_the_traceback_goes_to_the_logger_and_not_to_the_terminal(caplog, capsys):
    with caplog.at_level(logging.WARNING, "genius"):
        await trained(raising(ZeroDivisionError("mine")))
    assert "ZeroDivisionError: mine" in caplog.records[0].getMessage()
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("error", [MemoryError(), type("OutOfMemoryError", (RuntimeError,), {})("2 GiB")])
async def test_too_little_memory_is_its_own_failure(error):
    assert (await trained(raising(error))).measurement.failure == "out of memory"


def caused(error, by):
    error.__cause__ = by
    return error


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENFILE])
async def test_a_fault_of_the_machine_ends_the_search(number):
    fault = OSError(number, os.strerror(number), "/data/\x1b[31mx")
    for error in (fault, ExceptionGroup("several", [fault]), caused(RuntimeError("writing failed"), fault)):
        with pytest.raises(genius.RunFailed) as ended:
            await trained(raising(error))
        assert os.strerror(number) in str(ended.value)
        assert str(ended.value).isprintable()


async def test_what_is_said_to_the_user_ends_the_search():
    for error in (
        genius.GeniusError("no data"),
        genius.RunFailed("lost"),
        ExceptionGroup("", [genius.GeniusError("x")]),
    ):
        with pytest.raises(genius.GeniusError):
            await trained(raising(error))
    with pytest.raises(KeyboardInterrupt):
        await trained(raising(KeyboardInterrupt()))


async def test_cancelling_an_evaluation_is_no_failure():
    async def evaluate(architecture):
        await asyncio.sleep(60)

    evaluation = asyncio.create_task(trained(evaluate))
    await asyncio.sleep(0)
    evaluation.cancel()
    with pytest.raises(asyncio.CancelledError):
        await evaluation


def finished(number, failure="raised"):
    error = None if failure is None else f"{failure} {number}"
    return Candidate(1, number, error=error, measurement=Measurement(error=error, failure=failure))


def test_an_evaluator_that_only_raises_ends_the_search_once():
    history = [finished(number) for number in range(1, RAISED_AT_FIRST + 1)]
    with pytest.raises(
        genius.RunFailed, match=f"each of the first {RAISED_AT_FIRST} evaluations raised: .*; the last: "
    ):
        check_evaluator(history[-1], history)
    check_evaluator(history[-2], history[:-1])
    check_evaluator(finished(6), [*history, finished(6)])  # going on was somebody's decision
    refused = Candidate(1, 9, error="none of 10 replies")
    with pytest.raises(genius.RunFailed):
        check_evaluator(history[-1], [refused, *history])  # nobody was evaluated there


@pytest.mark.parametrize("other", [None, "out of memory", "diverged"])
def test_an_evaluator_that_does_not_only_raise_goes_on(other):
    history = [finished(1, other), *(finished(number) for number in range(2, RAISED_AT_FIRST + 1))]
    check_evaluator(history[-1], history)
