"""Trackers follow the progress of a search: in order, once, and without a part in it."""

import asyncio
import threading

import genius
import pytest
from genius.trackers.tracked_lines import TRACKED_FILE, Ledger

from .searched import EPOCHS, SPACE, resumed, searched, train


def recording():
    """Make a class of trackers, and the list of all that they are told."""
    told = []

    class Recorder(genius.Tracker):
        def begin(self, search):
            told.append(("begin", search.id))
            return "here"

        def started(self, evaluation):
            told.append(("started", evaluation.name, dict(evaluation.parameters)))

        def epoch(self, evaluation, epoch):
            told.append(("epoch", evaluation.name, epoch.epoch))

        def finished(self, evaluation, standing):
            told.append(("finished", evaluation.name, evaluation.step, standing))

        def end(self, outcome):
            told.append(("end", outcome.status, {file.name for file in outcome.files}))

    return Recorder, told


def kinds(told):
    return [each[0] for each in told]


async def test_it_is_told_all_in_order(tmp_path):
    recorder, told = recording()
    result = await searched(tmp_path / "run", recorder, iterations=2)
    assert kinds(told) == ["begin", *(["started", *["epoch"] * EPOCHS, "finished"] * 2), "end"]
    assert told[1] == ("started", "trial-1-iteration-001", result.candidates[0].values)
    values = [candidate.value for candidate in result.candidates]
    standings = [each[3] for each in told if each[0] == "finished"]
    assert [(each.step, each.metrics["score"], each.metrics["best_score"]) for each in standings] == [
        (1, values[0], values[0]),
        (2, values[1], max(values)),
    ]
    assert told[-1] == ("end", "finished", {"result.json", "search.json", "candidates.jsonl"})


async def test_a_search_that_goes_on_repeats_nothing(tmp_path):
    recorder, told = recording()
    await searched(tmp_path / "run", recorder, iterations=2)
    before = len(told)
    await resumed(tmp_path / "run", recorder, iterations=3)
    assert told[before] == told[0]
    assert [each[1] for each in told[before:] if each[0] == "finished"] == ["trial-1-iteration-003"]
    before = len(told)
    await resumed(tmp_path / "run", recorder)
    assert kinds(told[before:]) == ["begin", "end"]


@pytest.mark.parametrize("more", [0, 1])
async def test_one_that_comes_late_is_told_of_all_that_was_before(tmp_path, more):
    recorder, told = recording()
    await searched(tmp_path / "run", iterations=2)
    await resumed(tmp_path / "run", recorder, iterations=2 + more)
    names = [f"trial-1-iteration-00{number}" for number in range(1, 3 + more)]
    assert [each[1] for each in told if each[0] == "finished"] == names
    assert [each[3].step for each in told if each[0] == "finished"] == [*range(1, 3 + more)]
    # a finished evaluation's epochs are told from its curve
    epochs = [each[1:] for each in told if each[0] == "epoch"]
    assert epochs[:6] == [(name, at) for name in names[:2] for at in (1, 2, 3)]


async def test_another_store_is_told_all(tmp_path):
    (first, _), (second, told) = recording(), recording()
    second.begin = lambda self, search: "elsewhere"
    await searched(tmp_path / "run", first, iterations=2)
    await resumed(tmp_path / "run", second, iterations=3)
    assert kinds(told).count("finished") == 3


async def test_several_trials_and_further_evaluations_have_places_of_their_own(tmp_path):
    recorder, told = recording()
    await searched(tmp_path / "run", recorder, iterations=2, trials=2, confirm=1, confirm_seeds=1)
    finished = {each[1]: each[3] for each in told if each[0] == "finished"}
    again = [name for name in finished if name.endswith("-again-1")]
    assert len(finished) == 6
    assert [name[:7] for name in sorted(again)] == ["trial-1", "trial-2"]
    assert all(finished[name] is None for name in again)
    assert "trial_2/best_score" in finished["trial-2-iteration-002"].metrics
    assert {each[2] for each in told if each[0] == "epoch" and each[1] in again} == {1, 2, 3}


async def test_a_tracker_that_blocks_holds_nothing_up(tmp_path):
    """Would hang if the search waited for its tracker."""
    searched_all, told = threading.Event(), []

    class Slow(genius.Tracker):
        def begin(self, search):
            assert searched_all.wait(60)
            return ""

        def finished(self, evaluation, standing):
            told.append(evaluation.name)

    async with genius.Tracking(Slow) as tracking:
        await genius.search(
            SPACE, evaluator=train, proposer="random", iterations=2, run=tmp_path / "r", progress=tracking
        )
        assert told == []
        searched_all.set()
    assert told == ["trial-1-iteration-001", "trial-1-iteration-002"]


@pytest.mark.parametrize("method", ["begin", "started", "epoch", "finished", "end"])
async def test_one_that_fails_is_told_once_and_the_search_goes_on(tmp_path, method, monkeypatch):
    monkeypatch.setenv("TRACKER_API_KEY", "sk-very-secret-81764")

    class Broken(genius.Tracker):
        pass

    def fail(*_):
        raise OSError("no route to host, as sk-very-secret-81764")

    setattr(Broken, method, fail)
    said = []
    recorder, told = recording()
    async with genius.Tracking(Broken, recorder, say=said.append) as tracking:
        asked = {"evaluator": train, "proposer": "random", "iterations": 3, "run": tmp_path / "run"}
        result = await genius.search(SPACE, progress=tracking, **asked)
    assert len(result.candidates) == 3
    assert kinds(told).count("finished") == 3
    (words,) = said
    assert words.startswith("the tracker Broken failed, and the search goes on: ")
    assert "no route to host, as <TRACKER_API_KEY>" in words


@pytest.mark.parametrize("status", ["failed", "interrupted"])
async def test_the_end_says_how_a_search_ended(tmp_path, status):
    recorder, told = recording()

    def end_in_the_second(step):
        tracking(step)
        if step.stage == "training" and step.candidate.iteration == 2:
            if status == "failed":
                raise genius.RunFailed("the disk is full")
            searching.cancel()

    asked = {"evaluator": train, "proposer": "random", "iterations": 3, "run": tmp_path / "run"}
    tracking = genius.Tracking(recorder)
    searching = asyncio.create_task(genius.search(SPACE, progress=end_in_the_second, **asked))

    async def tracked():
        async with tracking:
            await searching

    with pytest.raises((genius.RunFailed, asyncio.CancelledError)):
        await tracked()
    assert told[-1][:2] == ("end", status)


def test_the_ledger_outlasts_a_torn_line(tmp_path):
    ledger = Ledger(tmp_path, "here")
    ledger.add((1, 1, 0), 1)
    ledger.add((1, 1, 0), 2)
    ledger.add((1, 2, 0))
    with (tmp_path / TRACKED_FILE).open("a") as file:
        file.write('{"tracker": "he')
    again, other = Ledger(tmp_path, "here"), Ledger(tmp_path, "there")
    assert (again.last_epoch((1, 1, 0)), again.is_finished((1, 1, 0)), again.is_finished((1, 2, 0))) == (2, False, True)
    assert (other.last_epoch((1, 1, 0)), other.is_finished((1, 2, 0))) == (-1, False)
    again.add((1, 1, 0))
    assert Ledger(tmp_path, "here").finished(1) == 2


async def test_an_epoch_that_is_made_again_is_not_told_again(tmp_path):
    recorder, told = recording()
    await searched(tmp_path / "run", recorder, iterations=1)
    lines = (tmp_path / "run" / TRACKED_FILE).read_text().splitlines(keepends=True)
    # as after a kill that left the first two epochs alone
    (tmp_path / "run" / TRACKED_FILE).write_text("".join(lines[:2]))
    for name in ("candidates.jsonl", "checkpoints.sqlite"):
        (tmp_path / "run" / name).unlink()
    told.clear()
    await resumed(tmp_path / "run", recorder)
    assert [each[2] for each in told if each[0] == "epoch"] == [3]
    assert kinds(told).count("finished") == 1


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nothing", "there is no tracker 'nothing'; the trackers are: mlflow"),
        ("optuna", "needs the URL of a storage, as in optuna:sqlite:///studies.db"),
        ("missing.module:Tracker", "there is no tracker 'missing.module:Tracker'"),
    ],
)
def test_a_name_of_no_tracker_is_refused(name, words):
    with pytest.raises(genius.GeniusError, match=words):
        genius.Tracking(name)


@pytest.mark.parametrize("name", ["mlflow", "wandb", "tensorboard", "trackio", "optuna:sqlite://"])
def test_a_missing_package_is_named_with_its_extra(name, monkeypatch):
    monkeypatch.setattr("genius.trackers.tracker.find_spec", lambda package: None)
    kind = name.partition(":")[0]
    with pytest.raises(genius.GeniusError, match=rf"needs {kind}, .*pip install 'genius-nas\[{kind}\]'"):
        genius.Tracking(name)
