"""Evaluators that raise or return anything: the search goes on, and what ends it is said and can be gone on from."""

import asyncio
import errno
import json
import os
import sys

import genius
import numpy as np
import pytest

SPACE = genius.get_space("nas-bench-macro")
OPTIONS = {"proposer": "random", "iterations": 6, "trace": False}


def candidates(result):
    return result.trials[0].candidates


async def good(architecture):
    return genius.Measurement(50.0 + sum(architecture))


def fails_at(evaluation, fail):
    """Evaluate, but for one evaluation, by its number."""
    count = 0

    async def evaluate(architecture):
        nonlocal count
        count += 1
        if count == evaluation:
            fail()
        await asyncio.sleep(0.01)
        return await good(architecture)

    return evaluate


def divide():
    return 1 / 0


@pytest.mark.parametrize("workers", [1, 4])
async def test_an_evaluator_that_raises_costs_its_candidate_alone(workers, tmp_path):
    evaluate = fails_at(2, divide)
    result = await genius.search(SPACE, evaluator=evaluate, workers=workers, run=tmp_path / "run", **OPTIONS)
    failed = [candidate for candidate in candidates(result) if candidate.error]
    assert [candidate.iteration for candidate in failed] == [2]
    line = divide.__code__.co_firstlineno + 1
    place = f"test_failures.py:{line}, in divide: return 1 / 0"
    assert failed[0].error == f"ZeroDivisionError: division by zero ({place})"
    assert [c.accuracy is None for c in candidates(result)] == [False, True, False, False, False, False]
    assert result.to_json()["iterations"][1]["failure"] == "raised"
    longer = await genius.resume(tmp_path / "run", evaluator=good, iterations=8)
    assert len(candidates(longer)) == 8
    assert candidates(longer)[:6] == candidates(result)


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (genius.GeniusError("the images are gone"), "the images are gone"),
        (OSError(errno.EMFILE, os.strerror(errno.EMFILE)), "too many files are open"),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "weights"), "the disk is full"),
    ],
    ids=["data", "files", "disk"],
)
async def test_what_no_other_architecture_would_mend_ends_the_search_and_can_be_mended(fault, said, workers, tmp_path):
    def fail():
        raise fault

    with pytest.raises(genius.GeniusError) as ended:
        await genius.search(SPACE, evaluator=fails_at(2, fail), workers=workers, run=tmp_path / "run", **OPTIONS)
    assert said in str(ended.value)
    result = await genius.resume(tmp_path / "run", evaluator=good)
    assert [candidate.error for candidate in candidates(result)] == [None] * 6


@pytest.mark.parametrize("workers", [1, 4])
async def test_whatever_an_evaluator_returns_the_run_can_be_read_and_gone_on_with(workers, tmp_path):
    returned = [
        np.float64(50),
        genius.Measurement(np.float32(51), sd=np.float64(0.1), rank=np.int64(3), seconds=np.float32(1)),
        genius.Measurement(error=ValueError("\ud800 \x1b[31m[/bold]")),
        genius.Measurement(52.0, device=b"\xff"),
        {"accuracy": 53, "loss": np.float32(0.5)},
        genius.Measurement("93.1"),
    ]
    values = iter(returned)
    result = await genius.search(
        SPACE, evaluator=lambda architecture: next(values), workers=workers, run=tmp_path / "run", **OPTIONS
    )
    assert sorted(c.accuracy for c in candidates(result) if c.accuracy) == [50.0, 51.0, 52.0, 53.0]
    assert [candidate.error for candidate in candidates(result)][2] == r"ValueError: \ud800 \x1b[31m[/bold]"
    assert candidates(genius.read(tmp_path / "run")) == candidates(result)
    json.dumps(result.to_json(), allow_nan=False)
    assert len(candidates(await genius.resume(tmp_path / "run", evaluator=good, iterations=7))) == 7


async def test_sys_exit_and_too_little_memory_in_an_evaluator_end_nothing(tmp_path):
    ends = iter([sys.exit, SystemExit, MemoryError])

    async def evaluate(architecture):
        end = next(ends, None)
        if end is sys.exit:
            sys.exit("no GPU")
        if end is not None:
            raise end
        return await good(architecture)

    result = await genius.search(SPACE, evaluator=evaluate, run=tmp_path / "run", **OPTIONS)
    assert [c.accuracy is None for c in candidates(result)] == [True] * 3 + [False] * 3
    assert candidates(result)[0].error.startswith("SystemExit: no GPU")
    assert candidates(result)[2].measurement.failure == "out of memory"


async def test_an_evaluation_that_is_cancelled_by_itself_is_a_failure(tmp_path):
    async def evaluate(architecture):
        inner = asyncio.create_task(asyncio.sleep(60))
        inner.cancel()
        await inner

    result = await genius.search(SPACE, evaluator=evaluate, run=tmp_path / "run", **OPTIONS | {"iterations": 2})
    assert [candidate.error.partition(" ")[0] for candidate in candidates(result)] == ["CancelledError"] * 2


async def test_an_evaluator_that_always_raises_ends_the_search_once(tmp_path):
    async def broken(architecture):
        raise NameError("name 'lr' is not defined")

    run, options = tmp_path / "run", {"iterations": 20, "proposer": "random"}
    with pytest.raises(genius.RunFailed, match=r"each of the first 5 evaluations raised: mend the evaluator; .*'lr'"):
        await genius.search(SPACE, evaluator=broken, run=run, **options)
    assert len(genius.read(run).trials[0].candidates) <= 5

    async def mended(architecture):
        return float(sum(architecture))

    result = await genius.resume(run, evaluator=mended)
    assert result.finished
    assert len([c for c in result.trials[0].candidates if c.error]) == 5
