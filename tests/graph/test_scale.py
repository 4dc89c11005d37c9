"""What an iteration costs does not grow with a search; `benchmarks/scale.py` measures it at ten thousand."""

import asyncio
import time
from statistics import median

import genius
import pytest


async def evaluate(architecture):
    return 60 + sum(architecture) / 10


class Clock:
    """Notes the CPU seconds at the end of each iteration."""

    def __init__(self):
        self.times = [time.process_time()]

    def __call__(self, progress):
        if progress.stage == "finished":
            self.times.append(time.process_time())

    def median(self, first, last):
        return median(
            after - before for before, after in zip(self.times[first:last], self.times[first + 1 :], strict=False)
        )


def search(run, iterations, **options):
    clock = Clock()
    options = {"proposer": "random", "evaluator": evaluate, "progress": clock, "run": run} | options
    asyncio.run(genius.search("mobile-imagenet", iterations=iterations, **options))
    return clock, {path.name: path.stat().st_size / iterations for path in run.iterdir()}


@pytest.fixture(scope="module")
def long(tmp_path_factory):
    return search(tmp_path_factory.mktemp("long") / "run", 2_000, trace=False)


def test_an_iteration_takes_as_long_at_two_thousand_as_at_a_hundred(long):
    clock, _ = long
    assert clock.median(1_600, 2_000) < 1.5 * clock.median(50, 450)


def test_what_is_written_of_an_iteration_stays_small(long):
    _, sizes = long
    assert sizes["checkpoints.sqlite"] < 4_096
    assert sizes["calls.jsonl"] < 2_048
    assert sizes["candidates.jsonl"] < 2_048


def test_a_trace_stays_small_for_it_names_prompts_and_replies_by_their_ends(tmp_path):
    _, sizes = search(tmp_path / "run", 50)
    assert sizes["trace.jsonl"] < 5_120


def test_a_long_run_is_shown_by_its_best_and_its_latest(long, tmp_path, capsys):
    from genius.report.show import print_tables
    from rich.console import Console

    search(tmp_path / "run", 60, trace=False)
    result = genius.read(tmp_path / "run")
    print_tables(result, Console(width=300))
    shown = [line.split()[0] for line in capsys.readouterr().out.splitlines() if line[:9].strip().isdigit()]
    ordered = sorted(result.trials[0].candidates, key=lambda candidate: -candidate.accuracy)
    best, latest = {candidate.iteration for candidate in ordered[:20]}, set(range(41, 61))
    assert [int(number) for number in shown] == sorted(best | latest)
    print_tables(result, Console(width=300), everything=True)
    shown = [line for line in capsys.readouterr().out.splitlines() if line[:9].strip().isdigit()]
    assert len(shown) == 60
