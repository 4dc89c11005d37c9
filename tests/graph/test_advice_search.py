"""Searches with advice, and in disguise."""

import json

import genius
import pytest
from genius.graph import request
from genius.spaces.disguise import Disguise
from genius.tables.published import load_table

SPACE = genius.get_space("nas-bench-macro")
NAMES = ("cifar", "inverted", "depthwise", "nas-bench", "stride", "identity")


def lines(run, file):
    return [json.loads(line) for line in (run / file).read_text().splitlines()]


def taking(place):
    """Make a proposer that takes so-and-so many of the shortlist, or (0, ...) which is never on it."""
    from genius.agents.advice import shortlist_of

    async def propose(prompt, history):
        shortlist = shortlist_of(prompt, SPACE)
        own = [0, 0, 0, 0, 0, 0, len(history) // 3, len(history) % 3]
        return f"Architecture: {list(shortlist[place]) if place is not None else own}"

    return propose


async def test_the_journal_says_what_was_advised_and_what_was_taken(tables, tmp_path):
    run = tmp_path / "run"
    result = await genius.search(
        "nas-bench-macro", proposer=taking(1), advice=True, iterations=4, downloads=tables, run=run
    )
    assert [candidate.taken for candidate in result.trials[0].candidates] == [2, 2, 2, 2]
    for line in lines(run, "candidates.jsonl"):
        assert len(line["shortlist"]) == 5
        assert line["shortlist"][1]["architecture"] == line["architecture"]
    own = await genius.search(
        "nas-bench-macro", proposer=taking(None), advice=True, iterations=3, downloads=tables, run=tmp_path / "own"
    )
    assert [candidate.taken for candidate in own.trials[0].candidates] == [None] * 3
    found = own.to_json()["iterations"][0]
    assert found["taken"] is None
    assert len(found["advised"]) == 5


async def test_who_takes_the_first_always_stays_near_the_best(tables, tmp_path):
    """The guide explores; what it advises is by expected value, within two changes of the best."""
    result = await genius.search(
        "nas-bench-macro", proposer=taking(0), advice=True, downloads=tables, iterations=6, run=tmp_path / "run"
    )
    first, *others = result.trials[0].candidates
    best = first
    for candidate in others:
        assert sum(a != b for a, b in zip(candidate.architecture, best.architecture, strict=True)) <= 2
        assert all(each.improvement is not None for each in candidate.shortlist)
        best = max(best, candidate, key=lambda c: c.value)


async def test_advice_goes_on_after_a_break_as_it_would_have(tables, tmp_path):
    asked = {"proposer": taking(0), "advice": True, "downloads": tables}
    whole = await genius.search("nas-bench-macro", iterations=6, run=tmp_path / "whole", **asked)
    await genius.search("nas-bench-macro", iterations=3, run=tmp_path / "parts", **asked)
    parts = await genius.resume(tmp_path / "parts", iterations=6, proposer=taking(0), downloads=tables)
    found = [[c.architecture for c in result.trials[0].candidates] for result in (whole, parts)]
    assert found[0] == found[1]


async def test_with_several_workers_the_advice_knows_what_is_in_training(tables, tmp_path):
    result = await genius.search(
        "nas-bench-macro",
        proposer=taking(0),
        advice=True,
        workers=3,
        iterations=9,
        downloads=tables,
        run=tmp_path / "run",
    )
    assert len({c.architecture for c in result.trials[0].candidates}) == 9
    assert not any(c.refusals for c in result.trials[0].candidates)


async def test_guided_keeps_several_workers_busy_with_different_architectures(tables, tmp_path):
    result = await genius.search(
        "nas-bench-macro", proposer="guided", workers=4, iterations=12, downloads=tables, run=tmp_path / "run"
    )
    assert len({c.architecture for c in result.trials[0].candidates}) == 12


async def test_no_test_accuracy_is_in_any_prompt(tables, tmp_path):
    run = tmp_path / "run"
    space = genius.get_space("nas-bench-201-cifar10")
    await genius.search(space.name, proposer=first_of_201, advice=True, iterations=6, downloads=tables, run=run)
    table = load_table(space, tables)
    prompts = "".join(call["prompt"][1]["content"] for call in lines(run, "calls.jsonl"))
    for line in lines(run, "candidates.jsonl"):
        m = table.measure(tuple(line["architecture"]))
        assert f"{m.accuracy:.2f}%" in prompts or line["iteration"] == 6
        assert f"{m.test_accuracy:.2f}%" not in prompts


async def first_of_201(prompt, history):
    from genius.agents.advice import shortlist_of

    return f"Architecture: {list(shortlist_of(prompt, SPACE)[0])}"


async def test_in_disguise_the_model_sees_other_names_and_the_result_is_real(tables, tmp_path):
    run = tmp_path / "run"
    result = await genius.search(
        "nas-bench-macro",
        proposer=taking(0),
        advice=True,
        disguise=True,
        seed=4,
        iterations=5,
        downloads=tables,
        run=run,
    )
    prompts = json.dumps([call["prompt"] for call in lines(run, "calls.jsonl")]).lower()
    assert not [name for name in NAMES if name in prompts]
    table = load_table(SPACE, tables)
    for candidate, line in zip(result.trials[0].candidates, lines(run, "candidates.jsonl"), strict=True):
        assert candidate.accuracy == table.measure(candidate.architecture).accuracy
        assert candidate.cost == SPACE.cost_of(candidate.architecture)
        shown = result.settings.disguise.conceal(candidate.architecture)
        assert list(shown) == line["architecture"]
    assert result.trials[0].candidates[0].architecture == (2,) * 8
    assert genius.read(run).best.architecture == result.best.architecture


async def test_a_disguise_survives_a_break_and_a_fork_and_cannot_be_put_on_later(tables, tmp_path):
    run, asked = tmp_path / "run", {"proposer": "guided", "downloads": tables}
    whole = await genius.search("nas-bench-macro", disguise=True, iterations=6, run=tmp_path / "whole", **asked)
    await genius.search("nas-bench-macro", disguise=True, iterations=3, run=run, **asked)
    parts = await genius.resume(run, iterations=6, downloads=tables)
    assert [c.architecture for c in parts.trials[0].candidates] == [c.architecture for c in whole.trials[0].candidates]
    forked = await genius.fork(run, 3, to=tmp_path / "fork", iterations=4, seed=9, downloads=tables)
    assert forked.trials[0].candidates[2].architecture == parts.trials[0].candidates[2].architecture
    table = load_table(SPACE, tables)
    assert all(c.accuracy == table.measure(c.architecture).accuracy for c in forked.trials[0].candidates)
    with pytest.raises(genius.GeniusError, match="in disguise from its beginning or not at all"):
        await genius.resume(run, disguise=False, iterations=8, downloads=tables)


async def test_a_run_in_a_disguise_of_earlier_versions_goes_on(tables, tmp_path, monkeypatch):
    """They shuffled the options alone, and their `search.json` holds neither places nor units."""
    run, asked = tmp_path / "run", {"proposer": "guided", "downloads": tables}
    monkeypatch.setattr(request, "draw_disguise", lambda space, seed: Disguise([[2, 0, 1]] * 8))
    await genius.search("nas-bench-macro", disguise=True, iterations=2, run=run, **asked)
    held = json.loads((run / "search.json").read_text())
    assert held["run"].pop("places") == held["run"].pop("units") == []
    (run / "search.json").write_text(json.dumps(held))
    result = await genius.resume(run, iterations=4, downloads=tables)
    table = load_table(SPACE, tables)
    assert [c.accuracy for c in result.candidates] == [
        table.measure(c.architecture).accuracy for c in result.candidates
    ]
    shown = [tuple(line["architecture"]) for line in lines(run, "candidates.jsonl")]
    assert shown == [tuple([2, 0, 1].index(option) for option in c.architecture) for c in result.candidates]


async def test_a_key_that_a_stranger_wrote_is_refused(tables, tmp_path):
    run = tmp_path / "run"
    await genius.search("nas-bench-macro", proposer="random", disguise=True, iterations=2, downloads=tables, run=run)
    held = json.loads((run / "search.json").read_text())
    for wrong in ({"places": [0] * 8}, {"places": [9] * 8}, {"units": [0.0, 1.0]}, {"meanings": [[0, 1, 1]] * 8}):
        (run / "search.json").write_text(json.dumps(held | {"run": held["run"] | wrong}))
        with pytest.raises(genius.GeniusError):
            genius.read(run)


async def test_the_guide_finds_the_same_with_and_without_names(tables, tmp_path):
    """It knows options by their costs and their numbers' equality alone."""
    asked = {"proposer": "guided", "downloads": tables, "iterations": 4}
    plain = await genius.search("nas-bench-macro", run=tmp_path / "plain", **asked)
    shown = await genius.search("nas-bench-macro", run=tmp_path / "shown", disguise=True, **asked)
    assert plain.best.accuracy == pytest.approx(shown.best.accuracy, abs=1.0)


async def test_a_proposer_that_reads_no_prompt_gets_no_advice(tables, tmp_path):
    with pytest.raises(genius.GeniusError, match="guided reads no prompt: only a language model can be given advice"):
        await genius.search("nas-bench-macro", proposer="guided", advice=True, downloads=tables, run=tmp_path / "run")
    assert not (tmp_path / "run").exists()
