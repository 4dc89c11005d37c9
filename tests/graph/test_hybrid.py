"""Hybrid searches: arms that each offer an architecture, and the choice among their offers."""

import json
import re
from collections import Counter
from pathlib import Path
from statistics import mean

import genius
import pytest
from genius.agents.arms import ARMS, START
from genius.graph import studio
from genius.graph.chooser import NO_ANSWER, RESTS
from genius.guide.shortlists import forecast
from genius.record.journal import Journal, read_calls
from genius.spaces.region import Region

from ..conftest import fails
from ..contracts import mine, scores
from ..spaces.rules import chain

SPACE = chain(layers=5)
FIRST, SECOND = [1, 1, 1, 1, 1], [2, 1, 1, 1, 1]
BELIEFS = f"start: {FIRST}\nstart: {SECOND}\noption: layer 1 = 2: +1 because it is larger"
PLAIN = {"llm": None, "base_url": None}
QUIET = {"reflect_every": 0, "principles": False}


async def evaluate(architecture):
    return genius.Measurement(50.0 + sum(architecture) + 3 * (architecture[3] == 1))


class Player:
    """A model that climbs from the best experiment that its prompt tells, one decision at a time."""

    def __init__(self, server):
        self.server, self.proposals, self.down, self.words, self.beliefs = server, 0, lambda: False, None, BELIEFS
        server.answer = self.answer

    def answer(self, call):
        text = call["messages"][-1]["content"]
        if "about to begin" in text:
            return self.server.says(self.beliefs)
        self.proposals += 1
        if self.down():
            return self.server.fails(503, "busy")
        if self.words is not None:
            return self.server.says(self.words)
        tried = [json.loads(found) for found in re.findall(r"\[[012](?:, [012]){4}\]", text)]
        best = tried[0] if tried else [0] * 5
        for at in range(5):
            for option in (2, 1, 0):
                if (near := [*best[:at], option, *best[at + 1 :]]) not in tried:
                    return self.server.says(f"Architecture: {near}")
        raise AssertionError(text)


@pytest.fixture
def player(openai_server):
    return Player(openai_server)


def asked(player, **more):
    options = {"llm": "openai:m", "base_url": player.server.url, "proposer": "hybrid", "evaluator": evaluate}
    return {**options, "iterations": 6, "tries": 1, **QUIET, **more}


def tried(result, trial=1):
    return [(c.arm, c.architecture, c.value) for c in result.trials[trial - 1].candidates]


async def test_guide_and_model_begin_then_every_arm_offers_and_one_is_chosen(player, tmp_path):
    result = await genius.search(SPACE, **asked(player), run=tmp_path / "run")
    pick, first, *others = result.trials[0].candidates
    assert [offer.arm for offer in pick.offers] == [pick.arm] == ["guided-without-beliefs"]
    assert (first.arm, list(first.architecture)) == (START, FIRST)
    assert [offer.arm for offer in first.offers] == [START]
    assert 0 < first.offers[0].probability < 1
    assert player.proposals == len(others)
    for candidate in others:
        assert {*ARMS} <= {offer.arm for offer in candidate.offers}
        chosen = [offer for offer in candidate.offers if offer.arm == candidate.arm]
        assert [offer.architecture for offer in chosen] == [candidate.architecture]
        assert all(offer.architecture is None or 0 <= offer.probability <= 1 for offer in candidate.offers)
        assert (candidate.llm is not None) == (candidate.arm == "model")
    told = result.to_json()
    assert told["iterations"][1]["arm"] == START
    assert {offer["arm"] for offer in told["iterations"][-1]["offers"]} >= {*ARMS}
    assert told["best"]["arm"] == result.best.arm


async def test_offers_are_weighed_by_the_forecasts_that_the_tools_of_the_iteration_tell(player, tmp_path):
    await genius.search(SPACE, **asked(player), run=tmp_path / "run")
    journal, told = Journal.load(tmp_path / "run"), 0
    beliefs = journal.page(1, 1, "beliefs").beliefs
    for done, candidate in enumerate(journal.finished(1)):
        offers = [offer for offer in candidate.offers if offer.probability is not None]
        known = journal.history(1, done, beliefs=beliefs)
        found = forecast(Region(SPACE), known, (0, 1), [offer.architecture for offer in offers]) if offers else []
        assert [each.improvement for each in found] == pytest.approx([offer.probability for offer in offers], abs=1e-9)
        told += len(found)
    assert told > 6


async def test_the_models_forecast_stays_where_another_arm_offers_the_same_architecture(player, tmp_path):
    largest = await genius.search(SPACE, proposer="largest", evaluator=evaluate, iterations=6, run=tmp_path / "largest")
    told = [f"It is large.\nExpected: 61.5 ± 0.5\nArchitecture: {list(c.architecture)}" for c in largest.candidates]
    player.beliefs, words, prompts = "option: layer 1 = 2: +1", iter(told), []

    def follow(call):
        prompts.append(call["messages"][-1]["content"])
        return player.server.says(player.beliefs if "about to begin" in prompts[-1] else next(words))

    player.server.answer = follow
    result = await genius.search(SPACE, **asked(player, arms=["model", "largest"]), run=tmp_path / "run")
    assert {candidate.arm for candidate in result.candidates} == {"model", "largest"}
    for candidate in Journal.load(tmp_path / "run").finished(1):
        assert (candidate.expected, candidate.expected_sd) == (61.5, 0.5)
        assert [offer.rationale for offer in candidate.offers] == ["It is large.", "The largest one left."]
        assert (candidate.llm is not None) == (candidate.arm == "model")
    assert prompts[-1].count("you expected 61.50 ± 0.50") == 5


@pytest.mark.parametrize("tools", [True, False])
@pytest.mark.parametrize("refuses", [True, False])
async def test_the_form_in_plain_text_is_shown_where_no_schema_is_sent(player, tmp_path, tools, refuses):
    def answer(call):
        if refuses and "response_format" in call:
            return fails(400, "response_format is not supported here")
        return player.answer(call)

    player.server.answer = answer
    arms = ["model", "centaur", "guided"]
    options = asked(player, arms=arms, iterations=4, principles=True, tools=tools)
    result = await genius.search(SPACE, **options, run=tmp_path / "run")
    assert len(result.candidates) == 4
    found = {"schema": 0, "text": 0}
    for call in player.server.calls:
        text, kind = "\n".join(message["content"] for message in call["messages"]), "text"
        if "response_format" in call:
            kind = "schema"
        assert ("In plain text" in text) == (kind == "text"), text
        found[kind] += 1
    assert found["schema"] >= 2
    assert found["text"] or not (tools or refuses)


async def test_the_probability_of_the_beliefs_stands_with_the_offers_also_after_a_resume_and_a_replay(player, tmp_path):
    whole = await genius.search(SPACE, **asked(player), run=tmp_path / "run")
    found = [candidate.belief for candidate in whole.candidates]
    assert found[0] is None
    assert all(0 < belief < 1 for belief in found[1:])
    assert [told["belief"] for told in whole.to_json()["iterations"]] == found
    await genius.search(SPACE, **asked(player, iterations=3), run=tmp_path / "parts")
    parts = await genius.resume(tmp_path / "parts", iterations=6, space=SPACE, evaluator=evaluate)
    replay = asked(player, llm=f"replay:{tmp_path / 'run'}", base_url=None)
    again = await genius.search(SPACE, **replay, run=tmp_path / "again")
    for result in (parts, again):
        assert [candidate.belief for candidate in result.candidates] == found


async def test_a_journal_without_the_probability_of_beliefs_and_forecasts_goes_on(player, tmp_path):
    result = await genius.search(SPACE, **asked(player), run=tmp_path / "run")
    file = tmp_path / "run" / "candidates.jsonl"
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    for line in lines:
        line.pop("belief", None)
        line["offers"] = [{name: offer[name] for name in ("arm", "architecture", "fault")} for offer in line["offers"]]
    file.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    found = await genius.resume(tmp_path / "run", iterations=7, space=SPACE, evaluator=evaluate)
    assert tried(found)[:6] == tried(result)
    assert len(found.candidates) == 7


async def test_beliefs_that_the_measurements_refute_are_less_probable_than_those_that_hold(player, tmp_path):
    probable = {}
    for score in ("+2", "-2"):
        lines = [f"option: layer {layer} = 2: {score} because of its size" for layer in range(1, 6)]
        player.beliefs = "\n".join([f"start: {FIRST}", *lines])
        result = await genius.search(SPACE, **asked(player, iterations=5, trials=3), run=tmp_path / score)
        told = [candidate.belief for trial in result.trials for candidate in trial.candidates[2:]]
        probable[score] = mean(told)
    assert probable["-2"] < probable["+2"]


async def test_a_start_that_the_guide_would_pick_as_well_is_tried_once_and_the_arms_go_on(player, tmp_path):
    player.beliefs = f"start: {[2] * 5}\nstart: {SECOND}\noption: layer 1 = 2: +1"
    result = await genius.search(SPACE, **asked(player, iterations=2), run=tmp_path / "run")
    pick, after = result.candidates
    assert (list(pick.architecture), pick.arm) == ([2] * 5, "guided-without-beliefs")
    assert {*ARMS} <= {offer.arm for offer in after.offers}


async def test_where_no_guide_is_an_arm_the_start_is_the_first(player, tmp_path):
    result = await genius.search(SPACE, **asked(player, arms=["model", "random"], iterations=1), run=tmp_path / "run")
    assert (result.best.arm, list(result.best.architecture)) == (START, FIRST)


async def test_the_choice_is_a_function_of_history_and_seed(player, tmp_path):
    once, again = [await genius.search(SPACE, **asked(player), run=tmp_path / str(at)) for at in range(2)]
    assert tried(once) == tried(again)
    other = await genius.search(SPACE, **asked(player, seed=7, iterations=10), run=tmp_path / "other")
    assert len({arm for arm, _, _ in tried(other)}) > 2


async def test_a_run_goes_on_as_one_that_was_not_cut_off(player, tmp_path):
    whole = await genius.search(SPACE, **asked(player), run=tmp_path / "whole")
    await genius.search(SPACE, **asked(player, iterations=3), run=tmp_path / "parts")
    calls = player.proposals
    result = await genius.resume(tmp_path / "parts", iterations=6, space=SPACE, evaluator=evaluate)
    assert tried(result) == tried(whole)
    assert player.proposals == calls + 3


async def test_a_reply_that_is_logged_is_not_asked_for_again(player, tmp_path):
    await genius.search(SPACE, **asked(player, iterations=4), run=tmp_path / "run")
    whole = (tmp_path / "run" / "candidates.jsonl").read_text().splitlines(keepends=True)
    calls = player.proposals
    (tmp_path / "run" / "candidates.jsonl").write_text("".join(whole[:2]))
    for file in (tmp_path / "run").glob("checkpoints.sqlite*"):
        file.unlink()
    result = await genius.resume(tmp_path / "run", space=SPACE, evaluator=evaluate)
    assert player.proposals == calls
    assert [c.arm for c in result.trials[0].candidates] == [json.loads(line)["arm"] for line in whole]


async def test_a_replay_proposes_the_same(player, tmp_path):
    player.down = lambda: player.proposals == 3
    run = await genius.search(SPACE, **asked(player, iterations=8), run=tmp_path / "run")
    assert any(offer.fault.startswith(NO_ANSWER) for c in run.candidates for offer in c.offers)
    again = await genius.search(
        SPACE,
        llm=f"replay:{tmp_path / 'run'}",
        proposer="hybrid",
        evaluator=evaluate,
        iterations=8,
        **QUIET,
        run=tmp_path / "again",
    )
    assert tried(again) == tried(run)


async def test_another_model_takes_over_in_a_fork(player, tmp_path):
    await genius.search(SPACE, **asked(player), run=tmp_path / "run")
    result = await genius.fork(
        tmp_path / "run", 3, to=tmp_path / "fork", llm="openai:n", space=SPACE, evaluator=evaluate
    )
    candidates = result.trials[0].candidates
    assert result.settings.proposer == "hybrid"
    assert len(candidates) == 6
    assert {c.llm for c in candidates[3:]} <= {"openai:n", None}
    assert player.server.calls[-1]["model"] == "n"


@pytest.mark.parametrize(
    ("words", "fault"), [("no idea", "no architecture found"), (f"Architecture: {FIRST}", "was tried in iteration 2")]
)
async def test_a_reply_that_cannot_be_used_is_an_offer_with_a_fault(player, tmp_path, words, fault):
    player.words = words
    result = await genius.search(SPACE, **asked(player, iterations=4), run=tmp_path / "run")
    candidates = result.trials[0].candidates
    assert all(c.architecture and not c.refusals for c in candidates)
    faults = [offer.fault for c in candidates for offer in c.offers if offer.arm == "model"]
    assert faults
    assert all(fault in each for each in faults)
    assert player.proposals == len(faults)


async def test_where_the_model_is_down_the_others_go_on_and_it_is_asked_again_later(player, tmp_path):
    player.down = lambda: True
    notes = []
    result = await genius.search(
        SPACE,
        **asked(player, iterations=12),
        run=tmp_path / "run",
        progress=lambda step: notes.append(step.note) if step.stage == "note" else None,
    )
    faults = [next(o.fault for o in c.offers if o.arm == "model") for c in result.candidates[2:]]
    how = ["no answer" if fault.startswith(NO_ANSWER) else fault for fault in faults]
    assert how[:8] == ["no answer", RESTS, "no answer", RESTS, RESTS, "no answer", RESTS, RESTS]
    assert sum("the other arms go on" in note for note in notes) == 1
    player.down = lambda: False
    result = await genius.resume(tmp_path / "run", iterations=18, space=SPACE, evaluator=evaluate)
    assert any(o.architecture for c in result.candidates[12:] for o in c.offers if o.arm == "model")


async def test_a_key_that_is_refused_at_the_start_ends_the_search(player, tmp_path):
    player.server.answer = lambda call: player.server.fails(401, "wrong key", code="invalid_api_key")
    with pytest.raises(genius.RunFailed, match=r"gave no answer: .*wrong key"):
        await genius.search(SPACE, **asked(player), run=tmp_path / "run")


async def test_where_no_other_arm_is_named_a_model_that_is_down_ends_the_search(player, tmp_path):
    player.down = lambda: True
    with pytest.raises(genius.RunFailed, match="gave no answer"):
        await genius.search(SPACE, **asked(player, arms=["model"]), run=tmp_path / "run")


async def test_where_its_budget_is_spent_the_others_go_on(player, tmp_path):
    notes = []
    result = await genius.search(
        SPACE,
        **asked(player, max_llm_tokens=300),
        run=tmp_path / "run",
        progress=lambda step: notes.append(step.note) if step.stage == "note" else None,
    )
    assert len(result.candidates) == 6
    assert result.stopped is None
    assert sum("the budget of 300 tokens is spent" in note for note in notes) == 1
    last = result.candidates[-1].offers
    assert "is spent" in next(offer.fault for offer in last if offer.arm == "model")
    assert player.proposals <= 3


async def test_a_budget_of_device_hours_ends_it(player, tmp_path):
    async def train(architecture):
        return genius.Measurement(50.0 + sum(architecture), seconds=3600.0)

    result = await genius.search(SPACE, **asked(player, evaluator=train, max_hours=2.5), run=tmp_path / "run")
    assert len(result.candidates) == 3
    assert "device-hours" in result.stopped


async def test_several_workers_and_trials(player, tmp_path):
    result = await genius.search(SPACE, **asked(player, workers=4, trials=2), run=tmp_path / "run")
    for trial in result.trials:
        architectures = [c.architecture for c in trial.candidates]
        assert len(set(architectures)) == 6
        assert list(architectures[1]) == FIRST


async def test_in_disguise_the_offers_are_told_as_they_are(player, tmp_path):
    result = await genius.search(SPACE, **asked(player, disguise=True), run=tmp_path / "run")
    for candidate in result.candidates:
        chosen = next(offer for offer in candidate.offers if offer.arm == candidate.arm)
        assert chosen.architecture == candidate.architecture


async def test_ask_and_tell(player, tmp_path):
    whole = await genius.search(SPACE, **asked(player, iterations=4), run=tmp_path / "whole")
    options = {name: each for name, each in asked(player, iterations=4).items() if name != "evaluator"}
    async with genius.open(SPACE, **options, run=tmp_path / "run", objectives="accuracy") as search:
        while (candidate := await search.ask()) is not None:
            await search.tell(candidate, (await evaluate(candidate.architecture)).value)
        result = await search.result()
    assert tried(result) == tried(whole)


async def test_arms_are_proposers_by_their_names(player, tmp_path):
    arms = ["model", "random", "cma-es", "optuna-tpe"]
    result = await genius.search(SPACE, **asked(player, arms=arms), run=tmp_path / "run")
    assert [offer.arm for offer in result.candidates[-1].offers if offer.arm != START] == arms
    again = await genius.resume(tmp_path / "run", iterations=7, space=SPACE, evaluator=evaluate)
    assert [offer.arm for offer in again.candidates[-1].offers if offer.arm != START] == arms


async def test_an_arm_of_ones_own_is_imported_where_the_call_names_it_alone(player, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(Path(mine.__file__).parent))
    options = asked(player, arms=["model", "mine:seeded"], evaluator=scores.evaluate)
    await genius.search("mine:SPACE", **options, run=tmp_path / "run")
    settings = json.loads((tmp_path / "run" / "search.json").read_text())
    settings["run"]["seal"] = ""
    (tmp_path / "run" / "search.json").write_text(json.dumps(settings))
    named = {"space": "mine:SPACE", "llm": "openai:m", "base_url": player.server.url, "evaluator": scores.evaluate}
    with pytest.raises(genius.GeniusError, match=r"names the module 'mine:seeded'.*--arm mine:seeded"):
        await genius.resume(tmp_path / "run", iterations=7, **named)
    result = await genius.resume(tmp_path / "run", iterations=7, arms=["model", "mine:seeded"], **named)
    assert len(result.candidates) == 7


async def test_a_further_arm_that_asks_the_model_is_logged_under_its_name(player, tmp_path):
    options = asked(player, arms=["model", "centaur", "guided"])
    run = await genius.search(SPACE, **options, run=tmp_path / "run")
    calls = {place[0]: prompt for place, prompt, _ in read_calls(tmp_path / "run")}
    assert "works CMA-ES" in calls["arm:centaur"][1]["content"]
    assert "works CMA-ES" not in calls["proposer"][1]["content"]
    player.words = "silence"
    replayed = asked(player, arms=["model", "centaur", "guided"], llm=f"replay:{tmp_path / 'run'}", base_url=None)
    again = await genius.search(SPACE, **replayed, run=tmp_path / "again")
    assert tried(again) == tried(run)


async def test_a_network_that_is_beyond_a_measured_limit_is_offered_by_nobody_again(player, tmp_path):
    async def told(architecture):
        return genius.Measurement(50.0 + sum(architecture), metrics={"score": float(architecture[0])})

    options = asked(player, evaluator=told, limits={"score": (None, 1.0)}, iterations=8)
    result = await genius.search(SPACE, **options, run=tmp_path / "run")
    assert result.best.architecture[0] < 2
    assert Counter(c.architecture for c in result.candidates).most_common(1)[0][1] == 1


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (
            {"proposer": "guided", "llm": None, "base_url": None, "arms": ["guided"]},
            "arms are those of a hybrid search",
        ),
        ({"arms": ["nobody"]}, "there is no proposer 'nobody'"),
        ({"arms": [START]}, "the arm 'start' is in every hybrid search"),
        (
            {"proposer": "llm", "llm": None, "base_url": None},
            "earlier versions called the proposer 'model' by the name",
        ),
        ({"proposer": "guided"}, "an llm and a proposer exclude each other: .* --proposer hybrid, .* with --arm"),
        ({**PLAIN, "proposer": "centaur"}, "centaur asks a language model: name it as an arm"),
    ],
)
async def test_what_cannot_be_meant_is_said_before_anything_is_written(player, tmp_path, options, expected):
    with pytest.raises(genius.GeniusError, match=expected):
        await genius.search(SPACE, **asked(player, **options), run=tmp_path / "run")
    assert not (tmp_path / "run" / "candidates.jsonl").exists()


async def test_a_run_of_the_older_name_says_what_to_do(player, tmp_path):
    await genius.search(SPACE, **asked(player, proposer="model", iterations=1), run=tmp_path / "run")
    file = tmp_path / "run" / "search.json"
    file.write_text(file.read_text().replace('"proposer": "model"', '"proposer": "llm"'))
    with pytest.raises(genius.GeniusError, match="earlier versions called the proposer 'model' by the name 'llm'"):
        genius.read(tmp_path / "run")


async def test_a_run_that_goes_on_may_change_between_model_and_hybrid(player, tmp_path):
    await genius.search(SPACE, **asked(player, arms=["model", "random"], iterations=3), run=tmp_path / "run")
    result = await genius.resume(tmp_path / "run", proposer="model", iterations=5, space=SPACE, evaluator=evaluate)
    assert [c.arm for c in result.candidates[3:]] == [None, None]
    assert result.settings.loop.arms == ()
    result = await genius.resume(tmp_path / "run", proposer="hybrid", iterations=7, space=SPACE, evaluator=evaluate)
    assert all(c.arm for c in result.candidates[5:])


async def test_who_proposed_what_is_shown(player, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    from genius.cli.looking import print_result
    from genius.record.search_picture import draw
    from genius.report.display import Display
    from rich.console import Console

    lines = Console(record=True, width=200)
    with Display(lines, 6, live=False) as display:
        result = await genius.search(SPACE, **asked(player), run=tmp_path / "run", progress=display)
    assert f"by {result.candidates[-1].arm}, best" in lines.export_text()
    print_result(result, as_json=False)
    out = capsys.readouterr().out
    assert re.search(r"^iteration +accuracy .* arm +architecture *$", out, re.M)
    counts = Counter(candidate.arm for candidate in result.candidates)
    flat = " ".join(out.split())
    assert f"proposed by {result.best.arm}" in flat
    for arm, count in counts.items():
        assert re.search(rf"proposed by: .*{arm} {count} \(\d improved\)", flat)
    assert f"; the model's beliefs in the end {100 * result.candidates[-1].belief:.0f}% probable" in flat
    assert draw(result)


async def test_a_form_of_studio_names_a_hybrid_search(player, monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", player.server.url)
    monkeypatch.setenv("OPENAI_API_KEY", "key")
    form = {"space": "digits", "llm": "openai:m", "proposer": "hybrid"}
    settings, _ = studio._settings(studio.read_form([None, None, None, form]))
    assert (settings.proposer, settings.llm.models) == ("hybrid", ("openai:m",))
    later = studio.read_form([None, {"proposer": "hybrid"}, None, {"llm": "openai:m"}])
    assert later == {"proposer": "hybrid", "llm": "openai:m"}
    assert "llm" not in studio.read_form([None, {"llm": "openai:m"}, None, {"proposer": "random"}])
