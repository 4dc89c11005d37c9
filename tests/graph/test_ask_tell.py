"""Ask and tell: candidates that others evaluate, in any order, by several processes, and over crashes."""

import asyncio
import json
import math
import os
import threading

import genius
import pytest
from filelock import FileLock
from genius.graph.ask_tell import AllPending
from genius.record.lines import append_records
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage

SPACE = genius.get_space("nas-bench-macro")
VALUES = {
    "lr": {"range": [1e-4, 1e-1], "log": True},
    "width": [16, 32],
    "momentum": {"range": [0, 1], "when": {"width": 32}},
}
LOSS = genius.Objective("loss", "", "lower", 0)


def accuracy(architecture):
    return 60.0 + hash(tuple(architecture)) % 3000 / 100


def opened(run, space=SPACE, **options):
    return genius.open(
        space, run=run, **{"proposer": "random", "iterations": 6, "workers": 3, "trace": False, **options}
    )


async def told(search):
    """Ask and tell until the search is over; return the candidates."""
    found = []
    while asked := await search.ask():
        await search.tell(asked, accuracy(asked.architecture))
        found.append(asked)
    return found


def content(result):
    times = ("started", "seconds", "evaluation_seconds")
    lines = [candidate.to_json() for trial in result.trials for candidate in trial.candidates]
    return [{name: value for name, value in line.items() if name not in times} for line in lines]


def lines_of(run, file="candidates.jsonl"):
    return [json.loads(line) for line in (run / file).read_text().splitlines()]


# --- the same search


@pytest.mark.parametrize("proposer", ["guided", "evolution", "random"])
async def test_it_is_the_search_that_evaluates_by_itself_candidate_for_candidate(tmp_path, proposer):
    options = {"proposer": proposer, "iterations": 8, "workers": 1}
    async with opened(tmp_path / "told", **options) as search:
        asked = await told(search)
        result = await search.result()

    async def evaluate(architecture):
        return accuracy(architecture)

    other = await genius.search(SPACE, evaluator=evaluate, run=tmp_path / "search", trace=False, **options)
    assert content(result) == content(other)
    assert [each.architecture for each in asked] == [candidate.architecture for candidate in result.candidates]
    assert [each.id for each in asked] == [str(at) for at in range(1, 9)]
    assert result.finished
    assert content(genius.read(tmp_path / "told")) == content(result)


async def test_a_candidate_says_its_options_by_name(tmp_path):
    async with opened(tmp_path / "run", VALUES, workers=4) as search:
        asked = [await search.ask() for _ in range(4)]
        for each in asked:
            shown = {"lr", "width"} | ({"momentum"} if each.config["width"] == 32 else set())
            assert set(each.config) == shown
            assert each.config == each.plain
            await search.tell(each, each.config["lr"])
        result = await search.result()
    assert [candidate.values for candidate in result.candidates] == [each.config for each in asked]
    assert [candidate.value for candidate in result.candidates] == [each.config["lr"] for each in asked]


async def test_nothing_is_proposed_before_it_is_asked_for(tmp_path):
    async with opened(tmp_path / "run") as search:
        assert not (tmp_path / "run" / "calls.jsonl").exists()
        for count in (1, 2, 3):
            asked = await search.ask()
            assert len(lines_of(tmp_path / "run", "calls.jsonl")) == count
        await search.tell(asked, 70.0)
        assert len(lines_of(tmp_path / "run", "calls.jsonl")) == 3


async def test_values_may_be_told_in_any_order_and_the_next_proposal_knows_them(tmp_path):
    async with opened(tmp_path / "run", proposer="guided", iterations=9) as search:
        first, second, third = [await search.ask() for _ in range(3)]
        await search.tell(third, 80.0)
        await search.tell(first.id, 70.0)
        fourth = await search.ask()
        await search.tell(int(second.id), 75.0)
        await search.tell(fourth, 60.0)
        result = await search.result()
        assert await search.pending() == []
        assert "Expected to measure" in lines_of(tmp_path / "run", "calls.jsonl")[3]["reply"]["text"]
    assert [line["iteration"] for line in lines_of(tmp_path / "run")] == [3, 1, 2, 4]
    assert [candidate.value for candidate in result.candidates] == [70.0, 75.0, 80.0, 60.0]


async def test_tasks_may_ask_and_tell_at_once(tmp_path):
    async def worker(search):
        found = []
        while asked := await search.ask():
            await asyncio.sleep(accuracy(asked.architecture) % 1 / 50)
            await search.tell(asked, accuracy(asked.architecture))
            found.append(asked.id)
        return found

    async with opened(tmp_path / "run", iterations=20, workers=5) as search:
        shares = await asyncio.gather(*(worker(search) for _ in range(5)))
        result = await search.result()
    assert sorted(int(id) for share in shares for id in share) == list(range(1, 21))
    assert len({candidate.architecture for candidate in result.candidates}) == 20
    assert all(candidate.value == accuracy(candidate.architecture) for candidate in result.candidates)


async def test_as_many_pend_as_there_are_workers(tmp_path):
    async with opened(tmp_path / "run", workers=2) as search:
        first, second = await search.ask(), await search.ask()
        with pytest.raises(AllPending, match=r"^1, 2 are pending, as many as there are workers \(2\)"):
            await search.ask()
        assert await search.pending() == [first, second]
        await search.tell(second, 70.0)
        assert (await search.ask()).id == "3"
    async with opened(tmp_path / "run", workers=4) as search:  # more workers from now on; 1 and 3 were let go of
        assert [(await search.ask()).id for _ in range(4)] == ["1", "3", "4", "5"]


async def test_it_is_over_when_the_last_one_is_handed_out(tmp_path):
    async with opened(tmp_path / "run", iterations=3) as search:
        asked = [await search.ask() for _ in range(3)]
        assert await search.ask() is None
        assert not (await search.result()).finished
        for each in asked:
            await search.tell(each, 70.0)
        assert await search.ask() is None
        assert (await search.result()).finished


async def test_a_run_that_was_finished_makes_more_iterations(tmp_path):
    async with opened(tmp_path / "run") as search:
        assert len(await told(search)) == 6
    async with opened(tmp_path / "run", iterations=8) as search:
        assert [asked.id for asked in await told(search)] == ["7", "8"]


async def test_trials_take_turns_and_their_candidates_say_which_they_are_of(tmp_path):
    async with opened(tmp_path / "run", trials=2, iterations=3, workers=4) as search:
        asked = [await search.ask() for _ in range(4)]
        assert [each.id for each in asked] == ["1.1", "2.1", "1.2", "2.2"]
        for each in asked:
            await search.tell(each.id, accuracy(each.architecture))
        await told(search)
        result = await search.result()
    assert [len(trial.candidates) for trial in result.trials] == [3, 3]
    assert all(candidate.value == accuracy(candidate.architecture) for candidate in result.candidates)


async def test_a_search_in_disguise_hands_out_the_real_architecture(tmp_path):
    async with opened(tmp_path / "run", disguise=True, iterations=2) as search:
        asked = await told(search)
        result = await search.result()
    shown = [tuple(line["architecture"]) for line in lines_of(tmp_path / "run")]
    assert [each.architecture for each in asked] == [candidate.architecture for candidate in result.candidates] != shown
    assert list(asked[0].config) == [decision.name for decision in SPACE.decisions]


async def test_a_front_is_told_by_a_dict(tmp_path):
    options = {
        "objectives": ["accuracy", genius.Objective("latency", "ms", "lower", 0)],
        "limits": {"latency": (None, 9)},
    }
    async with opened(tmp_path / "run", proposer="guided", pareto=True, **options) as search:
        while asked := await search.ask():
            await search.tell(asked, {"accuracy": accuracy(asked.architecture), "latency": int(asked.id)})
        result = await search.result()
    assert [candidate.measurement.metrics["latency"] for candidate in result.candidates] == [1, 2, 3, 4, 5, 6]
    assert result.front


async def test_what_is_told_steers_by_the_objective_of_the_space(tmp_path):
    space = genius.SearchSpace("own", (genius.Decision("k", (1, 2, 3)),), objective=LOSS)
    async with opened(tmp_path / "run", space, iterations=3) as search:
        while asked := await search.ask():
            await search.tell(asked, genius.Measurement(asked.config["k"], sd=0.1, seconds=3.5))
        result = await search.result()
    assert result.best.value == 1
    assert result.goal.objective == LOSS
    assert result.spent.hours == pytest.approx(3 * 3.5 / 3600)


async def test_a_budget_ends_it(tmp_path):
    async with opened(tmp_path / "run", max_hours=1) as search:
        await search.tell(await search.ask(), genius.Measurement(70.0, seconds=3_600))
        assert await search.ask() is None
        assert "device-hours is spent" in (await search.result()).stopped


async def test_the_time_from_ask_to_tell_counts_where_no_other_is_told(tmp_path):
    async with opened(tmp_path / "run", iterations=1) as search:
        asked = await search.ask()
        await asyncio.sleep(0.2)
        await search.tell(asked, 70.0)
        assert 0.2 <= (await search.result()).candidates[0].evaluation_seconds < 100


async def test_what_is_measured_of_networks_limits_what_is_handed_out_and_joins_what_is_told(tmp_path):
    from torch import nn

    space = genius.SearchSpace(
        "networks",
        (genius.Decision("width", ("small", "large")), genius.Decision("kind", ("a", "b"))),
        build=lambda architecture: nn.Conv2d(1, (1, 4000)[architecture[0]], 3, padding=1),
        input_shape=(1, 64, 64),
    )
    options = {"measure": ("memory",), "limits": {"memory": (None, 30)}, "iterations": 2}
    async with opened(tmp_path / "run", space, proposer="largest", **options) as search:
        while asked := await search.ask():
            assert asked.config["width"] == "small"
            await search.tell(asked, {"accuracy": 70.0})
        result = await search.result()
    assert [candidate.value for candidate in result.candidates] == [70.0, 70.0]
    assert all(0 < candidate.measurement.metrics["memory"] < 30 for candidate in result.candidates)


# --- what is told


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("0.93", "expected a number"),
        ([70.0], "expected a number"),
        (True, "expected a number"),
        ({"latency": 3.0}, "gave no accuracy"),
        ({}, "gave no accuracy"),
        ({"accuracy": "high"}, "accuracy"),
        (9_300.0, "accuracy"),
        (-1.0, "accuracy"),
        (genius.Measurement(101.0), "accuracy"),
        (genius.Measurement(70.0, sd=-1.0), "sd"),
        (None, "tell either its value, or by error="),
    ],
)
async def test_what_cannot_be_its_value_is_refused_and_the_candidate_still_pends(tmp_path, value, words):
    async with opened(tmp_path / "run") as search:
        asked = await search.ask()
        with pytest.raises(genius.GeniusError, match=rf"^1 still pends.*{words}"):
            await search.tell(asked, value)
        assert await search.pending() == [asked]
        await search.tell(asked, 70.0)
    assert [line["measurement"]["value"] for line in lines_of(tmp_path / "run")] == [70.0]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, {"accuracy": math.nan}])
async def test_a_value_that_is_not_finite_is_a_failure(tmp_path, value):
    async with opened(tmp_path / "run") as search:
        await search.tell(await search.ask(), value)
        (candidate,) = (await search.result()).candidates
        assert candidate.value is None
        assert "accuracy is " in candidate.error
        assert candidate.measurement.failure == "diverged"
        assert (await search.ask()).id == "2"


@pytest.mark.parametrize(
    "failure", [{"error": "the node was lost"}, {"value": genius.Measurement(error="the node was lost")}]
)
async def test_failures_are_told_and_never_end_the_search(tmp_path, failure):
    async with opened(tmp_path / "run") as search:
        while asked := await search.ask():
            await search.tell(asked, **failure)
        result = await search.result()
    assert [candidate.error for candidate in result.candidates] == ["the node was lost"] * 6


async def test_a_missing_metric_is_refused(tmp_path):
    async with opened(tmp_path / "run", limits={"latency": (None, 5)}) as search:
        asked = await search.ask()
        for value in (70.0, {"accuracy": 70.0}, genius.Measurement(70.0)):
            with pytest.raises(genius.GeniusError, match=r"1 still pends.*gave no latency"):
                await search.tell(asked, value)
        await search.tell(asked, {"accuracy": 70.0, "latency": 4.0})


async def test_only_a_pending_candidate_can_be_told_once(tmp_path):
    async with opened(tmp_path / "run", iterations=2) as search:
        first, second = await search.ask(), await search.ask()
        await search.tell(first, 70.0)
        for again in (first, "1", 1):
            with pytest.raises(genius.GeniusError, match=r"^1 was told already: 2 is pending$"):
                await search.tell(again, 71.0)
        for other in ("3", "1.2", "x", "", "../1", -1):
            with pytest.raises(genius.GeniusError, match=r"^no candidate has the id '.*': 2 is pending$"):
                await search.tell(other, 71.0)
        await search.tell(second, 72.0)
        assert await search.ask() is None
        with pytest.raises(genius.GeniusError, match=r"^2 was told already: none is pending$"):
            await search.tell(second, 73.0)
    assert [line["measurement"]["value"] for line in lines_of(tmp_path / "run")] == [70.0, 72.0]


async def test_of_two_values_that_are_told_at_once_one_counts(tmp_path):
    async with opened(tmp_path / "run", iterations=2) as search:
        asked = await search.ask()
        told = await asyncio.gather(*(search.tell(asked, 70.0 + at) for at in range(3)), return_exceptions=True)
        assert [str(each) for each in told if each] == ["1 was told already: none is pending"] * 2
    assert [line["measurement"]["value"] for line in lines_of(tmp_path / "run")] == [70.0]


# --- crashes, other processes, other tasks


async def test_what_a_process_held_is_handed_out_again_and_what_another_holds_is_not(tmp_path):
    lost, other = opened(tmp_path / "run"), opened(tmp_path / "run")
    first = await lost.ask()
    assert (await other.ask()).id == "2"
    del lost  # as a process that dies lets go of its locks
    search = opened(tmp_path / "run")
    assert await search.ask() == first
    assert (await search.ask()).id == "3"
    assert [asked.id for asked in await search.pending()] == ["1", "2", "3"]
    await other.tell("1", 70.0)  # whoever knows the value tells it
    with pytest.raises(genius.GeniusError, match="1 was told already: 2, 3 are pending"):
        await search.tell(first, 71.0)
    for each in (search, other):
        await each.close()


async def test_what_is_left_to_others_is_not_handed_out_again(tmp_path):
    async with opened(tmp_path / "run", workers=2) as search:
        left = await search.ask()
        await search.leave(left)
        with pytest.raises(genius.GeniusError, match="no candidate has the id '7': 1 is pending"):
            await search.leave("7")
    async with opened(tmp_path / "run", workers=2) as search:
        assert (await search.ask()).id == "2"
        assert (await search.pending())[0] == left
        with pytest.raises(AllPending):
            await search.ask()
        await search.tell(left, 70.0)
        assert (await search.ask()).id == "3"


async def test_processes_that_begin_the_same_run_at_once_share_it(tmp_path):
    searches = [opened(tmp_path / "run", iterations=12, workers=4) for _ in range(4)]
    shares = await asyncio.gather(*map(told, searches))
    result = genius.read(tmp_path / "run")
    assert sorted(int(asked.id) for share in shares for asked in share) == list(range(1, 13))
    assert all(candidate.value == accuracy(candidate.architecture) for candidate in result.candidates)
    for search in searches:
        await search.close()


async def test_another_process_that_works_at_the_run_is_waited_for(tmp_path):
    async with opened(tmp_path / "run") as search:
        lock = FileLock(tmp_path / "run" / "lock", thread_local=False)
        lock.acquire(timeout=0)
        threading.Timer(0.3, lock.release).start()
        assert (await search.ask()).id == "1"


async def test_it_is_not_waited_for_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr("genius.graph.shared_run.WAIT", 0.1)
    async with opened(tmp_path / "run") as search:
        lock, refused = (
            FileLock(tmp_path / "run" / "lock"),
            pytest.raises(genius.GeniusError, match="is in use by another"),
        )
        with lock, refused:
            await search.ask()
        assert (await search.ask()).id == "1"


def test_each_call_may_have_an_event_loop_of_its_own(tmp_path):
    search = opened(tmp_path / "run", iterations=3)

    async def two():
        return await asyncio.gather(search.ask(), search.ask())

    first, second = asyncio.run(two())
    third = asyncio.run(search.ask())
    for asked in (third, first, second):
        asyncio.run(search.tell(asked, 70.0))
    assert asyncio.run(search.ask()) is None
    asyncio.run(search.close())
    assert [line["iteration"] for line in lines_of(tmp_path / "run")] == [3, 1, 2]


async def test_without_checkpoints_it_goes_on_from_its_journal(tmp_path):
    async with opened(tmp_path / "run", workers=2, iterations=9) as search:
        asked = {each.id: each for each in [await search.ask(), await search.ask()]}
        await search.tell("2", 70.0)
        asked["3"] = await search.ask()
        await search.tell("3", 71.0)
        asked["4"] = await search.ask()
    for file in (tmp_path / "run").glob("checkpoints*"):
        file.unlink()
    async with opened(tmp_path / "run", workers=2, iterations=9) as search:
        assert await search.ask() == asked["1"]
        await search.tell("1", 72.0)
        assert await search.ask() == asked["4"]
        await search.tell("4", 73.0)
        await told(search)
        result = await search.result()
    assert [candidate.value for candidate in result.candidates[:4]] == [72.0, 70.0, 71.0, 73.0]
    assert len({candidate.architecture for candidate in result.candidates}) == 9


async def test_a_line_that_a_kill_tore_is_told_again(tmp_path):
    async with opened(tmp_path / "run") as search:
        asked = await search.ask()
        with (tmp_path / "run" / "candidates.jsonl").open("a") as file:
            file.write('{"trial": 1, "iterat')  # by another process
        await search.tell(asked, 70.0)
        assert len(await told(search)) == 5
    assert len(lines_of(tmp_path / "run")) == 6


async def test_a_full_disk_loses_nothing(tmp_path, monkeypatch):
    full = []

    def append(path, records, **options):
        if full:
            raise OSError(28, "No space left on device", str(path))
        return append_records(path, records, **options)

    monkeypatch.setattr("genius.record.journal.append_records", append)
    async with opened(tmp_path / "run") as search:
        asked = await search.ask()
        full.append(True)
        with pytest.raises(genius.RunFailed, match=r"the disk of .* is full: .*go on with `genius ask"):
            await search.tell(asked, 70.0)
        with pytest.raises(genius.RunFailed, match=r"the disk of .* is full"):
            await search.ask()
        full.clear()
        assert await search.pending() == [asked]
        await search.tell(asked, 70.0)
        assert len(await told(search)) == 5


async def test_a_cancelled_ask_is_asked_again(tmp_path, openai_server):
    server = openai_server
    server.answer = lambda call: server.says("[0,0,0,0,0,0,0,1]", delay=0.5)
    async with opened(tmp_path / "run", proposer="model", llm="openai:m", base_url=server.url) as search:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(search.ask(), 0.2)
        asked = await search.ask()
        assert asked.architecture == (0, 0, 0, 0, 0, 0, 0, 1)
        assert await search.pending() == [asked]
    assert len(lines_of(tmp_path / "run", "calls.jsonl")) == 1


async def test_an_ask_that_is_cancelled_at_any_moment_holds_nothing(tmp_path):
    async with opened(tmp_path / "run", workers=1) as search:
        for at in range(1, 40):
            try:
                asked = await asyncio.wait_for(search.ask(), at / 500)
                break
            except TimeoutError:
                pass
        assert asked.id == "1"
        assert {asked: "a candidate may be a key"}[asked]
        await search.tell(asked, 70.0)
        assert len(await told(search)) == 5


# --- language models and persons


async def test_a_reply_is_paid_for_once_whatever_happens_behind_it(tmp_path, openai_server, monkeypatch):
    server = openai_server
    server.answer = lambda call: server.says(f"[0,0,0,0,0,0,1,{len(server.calls)}]", tokens=(100, 10))
    options = {"proposer": "model", "llm": "openai:m", "base_url": server.url, "iterations": 2, "trust": True}
    saver, broken = "langgraph.checkpoint.sqlite.aio.AsyncSqliteSaver.aput", [True]
    put = genius.graph.checkpoints.AsyncSqliteSaver.aput

    async def aput(*values, **named):
        if broken:
            raise OSError(5, "Input/output error")
        return await put(*values, **named)

    monkeypatch.setattr(saver, aput)
    search = opened(tmp_path / "run", **options)
    with pytest.raises(OSError, match="Input/output"):
        await search.ask()
    broken.clear()
    search = opened(tmp_path / "run", **options)
    asked = await search.ask()
    assert len(server.calls) == 1
    del search
    async with opened(tmp_path / "run", **options) as search:
        assert await search.ask() == asked
        await search.tell(asked, 70.0)
        assert len(server.calls) == 1  # telling asks for nothing
        await told(search)
        result = await search.result()
    assert len(server.calls) == result.trials[0].usage.llm_calls == 2
    assert result.spent.tokens == 220


async def test_a_value_is_told_while_the_next_proposal_is_awaited(tmp_path, openai_server):
    server, loop, called = openai_server, asyncio.get_running_loop(), asyncio.Event()

    def answer(call):
        if (count := len(server.calls)) == 2:
            loop.call_soon_threadsafe(called.set)
        return server.says(f"[0,0,0,0,0,0,0,{count - 1}]", delay=0.5 * (count == 2))

    server.answer = answer
    options = {"proposer": "model", "llm": "openai:m", "base_url": server.url, "iterations": 3}
    async with opened(tmp_path / "run", **options) as search:
        first = await search.ask()
        asking = asyncio.create_task(search.ask())
        await called.wait()
        await search.tell(first, 70.0)
        assert not asking.done()
        assert len(lines_of(tmp_path / "run")) == 1
        assert (await asking).id == "2"
        assert len(server.calls) == 2
        assert (await search.ask()).id == "3"
    assert "70.00%" in lines_of(tmp_path / "run", "calls.jsonl")[2]["prompt"][1]["content"]


async def test_an_iteration_without_a_valid_reply_is_skipped(tmp_path):
    replies = ("nonsense", "more of it", "[0,0,0,0,0,0,0,1]")
    model = GenericFakeChatModel(messages=iter([AIMessage(reply) for reply in replies]))
    options = {"llm": model, "proposer": "model", "max_replies": 2, "iterations": 2}
    async with opened(tmp_path / "run", **options) as search:
        asked = await search.ask()
        assert (asked.id, asked.architecture) == ("2", (0, 0, 0, 0, 0, 0, 0, 1))
        assert await search.ask() is None
        await search.tell(asked, 70.0)
        result = await search.result()
    assert [candidate.value for candidate in result.candidates] == [None, 70.0]


@pytest.mark.parametrize("workers", [1, 4])
async def test_a_space_in_which_all_was_tried_ends_it(tmp_path, workers):
    space = genius.SearchSpace("own", (genius.Decision("k", (1, 2, 3)),), objective=LOSS)
    async with opened(tmp_path / "run", space, iterations=9, workers=workers) as search:
        while asked := await search.ask():
            await search.tell(asked, asked.config["k"])
        result = await search.result()
    assert [candidate.value for candidate in result.candidates if candidate.value] != [1, 1, 1]
    assert result.finished
    assert "5 of 9 evaluations were not made" in result.stopped


async def test_a_person_approves_what_is_handed_out(tmp_path):
    async with opened(tmp_path / "run", approve=True) as search:
        with pytest.raises(genius.Paused, match="genius ask"):
            await search.ask()
    answers = ["no", "yes"]
    async with opened(tmp_path / "run", approve=True, ask=lambda question: {"answer": answers.pop(0)}) as search:
        asked = await search.ask()
        assert not answers
        await search.tell(asked, 70.0)
        assert len((await search.result()).candidates[0].refusals) == 1


# --- runs of other kinds


async def test_another_kind_of_run_is_refused(tmp_path):
    async def evaluate(architecture):
        return 70.0

    await genius.search(SPACE, proposer="random", evaluator=evaluate, iterations=1, run=tmp_path / "run", trace=False)
    with pytest.raises(genius.GeniusError, match="evaluates by itself: go on with it by `genius resume`"):
        await opened(tmp_path / "run").ask()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    with pytest.raises(genius.GeniusError, match="exists and is not empty"):
        await opened(tmp_path / "full").ask()
    with pytest.raises(genius.GeniusError, match="a search needs a space"):
        await genius.open(run=tmp_path / "none", proposer="random").ask()
    table = tmp_path / "table.json"
    table.write_text(json.dumps({SPACE.key((0,) * 8): 70.0}))
    with pytest.raises(genius.GeniusError, match="a table and an evaluator exclude each other"):
        await opened(tmp_path / "new", table=table).ask()
    assert not (tmp_path / "none").exists()
    assert not (tmp_path / "new").exists()


async def test_a_run_goes_on_with_its_own_space_and_goal(tmp_path):
    async with opened(tmp_path / "run") as search:
        asked = await search.ask()
    with pytest.raises(genius.GeniusError, match="another space: start a new search"):
        await opened(tmp_path / "run", "channel-bench-resnet").ask()
    with pytest.raises(genius.GeniusError, match="keeps the objectives and limits that it began with"):
        await opened(tmp_path / "run", limits={"latency": (None, 5)}).ask()
    async with genius.open(run=tmp_path / "run") as search:
        assert await search.ask() == asked
    async with opened(tmp_path / "run", objectives="accuracy") as search:
        assert await search.ask() == asked


async def test_only_another_evaluator_goes_on_by_itself(tmp_path):
    async with opened(tmp_path / "run", iterations=3) as search:
        await search.tell(await search.ask(), 70.0)
        await search.ask()
    for going_on in (genius.resume(tmp_path / "run"), genius.fork(tmp_path / "run", 1, to=tmp_path / "fork")):
        with pytest.raises(genius.GeniusError, match="the values of this search are told"):
            await going_on

    async def evaluate(architecture):
        return 71.0

    result = await genius.resume(tmp_path / "run", evaluator=evaluate)
    assert [candidate.value for candidate in result.candidates] == [70.0, 71.0, 71.0]


async def test_a_new_run_is_named_after_its_search(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    async with opened(None) as search:
        assert search.run.parent.name == "runs"
        assert (search.run / "search.json").is_file()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs links")
async def test_no_link_is_followed(tmp_path):
    async with opened(tmp_path / "run") as search:
        await search.ask()
    (tmp_path / "elsewhere").touch()
    (tmp_path / "run" / "asked" / "2").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(genius.GeniusError, match="is a link"):
        await opened(tmp_path / "run").ask()


async def test_the_journal_is_read_again_only_where_another_process_wrote(tmp_path, monkeypatch):
    from genius.graph import shared_run

    read, loads = shared_run.load, []
    monkeypatch.setattr("genius.graph.shared_run.load", lambda folder: loads.append(folder) or read(folder))
    async with opened(tmp_path / "run") as search:
        await told(search)
        assert len(loads) == 1
    more = {"iterations": 9, "workers": 2}
    async with opened(tmp_path / "run", **more) as search, opened(tmp_path / "run", **more) as other:
        asked = await search.ask()
        await other.tell(asked, 70.0)
        assert (await search.ask()).id == "8"
        assert len(loads) == 1 + 4
