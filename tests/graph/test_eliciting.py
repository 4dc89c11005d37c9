"""Principles asked for after a search: the claims of a model beside the effects that the measurements show."""

import json
from dataclasses import replace

import genius
import pytest
from genius.agents.principles import judge_claim
from genius.errors import GeniusError, RunFailed
from genius.graph.eliciting import elicit
from genius.record.notebook import OptionEffect
from genius.spaces.objective import ACCURACY, Objective

SPACE = genius.get_space("digits")
FIRST = SPACE.decisions[0].name


async def evaluate(architecture):
    return 50.0 + 10 * architecture[0] + 0.1 * architecture[3]


async def searched(run, **options):
    asked = {"proposer": "random", "iterations": 16, "evaluator": evaluate} | options
    return await genius.search("digits", run=run, **asked)


def claimed(*options, text="Look at the first stage."):
    named = [{"decision": name, "option": option, "claim": claim} for name, option, claim in options]
    return json.dumps({"principles": [{"principle": text, "options": named}]})


def files(run, *, but=()):
    return {path.name: path.read_bytes() for path in run.iterdir() if path.is_file() and path.name not in but}


def lines_of(run):
    return (run / "calls.jsonl").read_text().splitlines()


@pytest.fixture
def model(openai_server):
    openai_server.answer = lambda call: openai_server.says(
        claimed((FIRST, 2, "better"), (FIRST, 0, "better"), (SPACE.decisions[5].name, 1, "worse"))
    )
    return {"llm": "openai:gpt-4o", "base_url": openai_server.url}


async def test_claims_stand_beside_what_the_measurements_show(model, openai_server, tmp_path):
    run = tmp_path / "run"
    await searched(run)
    before, calls = files(run, but=("calls.jsonl", "lock")), lines_of(run)
    (found,) = await elicit(run, **model)
    (principle,) = found.page.principles
    assert [found.verdict(option) for option in principle.options] == ["agreement", "contradiction", "not shown"]
    assert found.counts == {"agreement": 1, "contradiction": 1, "not shown": 1}
    assert all(option.sd > 0 for option in principle.options)
    assert (found.measurements, found.asked, found.page.author) == (16, True, "openai:gpt-4o")
    assert "iteration 16" in openai_server.calls[0]["messages"][-1]["content"]
    assert files(run, but=("calls.jsonl", "lock")) == before
    assert lines_of(run)[:-1] == calls
    assert json.loads(lines_of(run)[-1])["agent"] == "concluder"
    assert genius.read(run).spent.tokens == 120
    assert genius.read(run).finished


async def test_an_answer_that_is_there_is_not_asked_for_again(model, openai_server, tmp_path):
    run = tmp_path / "run"
    await searched(run)
    first = await elicit(run, **model)
    again = await elicit(run, **model)
    assert len(openai_server.calls) == 1
    assert [replace(each, asked=True) for each in again] == first
    other = await elicit(run, **model | {"llm": "openai:gpt-5"})
    assert len(openai_server.calls) == 2
    assert other[0].page.author == "openai:gpt-5"
    assert [json.loads(line)["attempt"] for line in lines_of(run)[-2:]] == [1, 2]
    assert (await elicit(run, **model))[0].page.author == "openai:gpt-4o"


async def test_a_line_that_a_kill_tore_is_cut_off_before_the_answer(model, openai_server, tmp_path):
    run = tmp_path / "run"
    await searched(run)
    with (run / "calls.jsonl").open("a") as file:
        file.write('{"trial": 1, "iter')
    await elicit(run, **model)
    assert all(json.loads(line) for line in lines_of(run))
    assert genius.read(run).spent.tokens == 120


async def test_a_table_that_was_changed_since_is_refused(model, tmp_path):
    """It narrows the space, so that effects over another one would be told."""
    table = tmp_path / "table.json"
    held = {SPACE.key(one): 50.0 + one[0] for one in list(SPACE.architectures())[::200]}
    table.write_text(json.dumps(held))
    await searched(tmp_path / "run", evaluator=None, table=str(table), iterations=5)
    (found,) = await elicit(tmp_path / "run", **model)
    assert found.measurements == 5
    table.write_text(json.dumps(held | {SPACE.key((0,) * 9): 1.0}))
    with pytest.raises(GeniusError, match="was changed since the run began"):
        await elicit(tmp_path / "run", **model)


async def test_effects_that_no_principle_names_are_told(model, openai_server, tmp_path):
    await searched(tmp_path / "run")
    openai_server.answer = lambda call: openai_server.says(claimed((SPACE.decisions[5].name, 1, "worse")))
    (found,) = await elicit(tmp_path / "run", **model)
    assert {each.decision for each in found.unnamed} == {0}
    assert all(abs(each.effect) > 1.96 * each.sd for each in found.unnamed)


async def test_a_recorded_reply_answers_offline(model, openai_server, tmp_path):
    await searched(tmp_path / "run")
    await searched(tmp_path / "other")
    openai_server.script = [openai_server.says("nothing of the form"), openai_server.answer({})]
    await elicit(tmp_path / "run", **model)
    assert len(openai_server.calls) == 2
    (found,) = await elicit(tmp_path / "other", llm=f"replay:{tmp_path / 'run'}")
    assert len(openai_server.calls) == 2
    assert found.counts["agreement"] == 1
    assert len(lines_of(tmp_path / "other")) == len(lines_of(tmp_path / "run"))


async def test_in_lines_of_text_too(model, openai_server, tmp_path):
    await searched(tmp_path / "run")
    openai_server.answer = lambda call: openai_server.says(
        f"principle: wide first [{FIRST} = 2: better; {FIRST} = 0: worse]\nprinciple: be bold"
    )
    (found,) = await elicit(tmp_path / "run", **model)
    assert [option.claim for option in found.page.principles[0].options] == ["better", "worse"]
    assert found.counts == {"agreement": 2, "contradiction": 0, "not shown": 0}
    assert found.page.principles[1].options == ()


async def test_those_that_a_search_ended_with_are_shown(model, openai_server, tmp_path):
    proposals = iter([[0] * 9, [1] * 9, [2] * 9])
    openai_server.answer = lambda call: openai_server.says(
        claimed((FIRST, 2, "better"))
        if "design principles" in call["messages"][-1]["content"]
        else f"Architecture: {next(proposals)}"
    )
    asked = {"proposer": "model", "iterations": 3, "principles": True} | model
    await searched(tmp_path / "run", **asked)
    calls = len(openai_server.calls)
    (found,) = await elicit(tmp_path / "run")
    assert len(openai_server.calls) == calls
    assert found.page.principles[0].options[0].claim == "better"
    assert not found.asked


async def test_of_a_search_in_disguise_the_real_options_are_told(model, openai_server, tmp_path):
    await searched(tmp_path / "run", disguise=True)
    disguise = genius.read(tmp_path / "run").settings.disguise
    place, best = disguise.shown(0), disguise.meanings[disguise.shown(0)].index(2)
    openai_server.answer = lambda call: openai_server.says(claimed((f"place {place + 1}", best, "better")))
    (found,) = await elicit(tmp_path / "run", **model)
    assert "kernel" not in openai_server.calls[0]["messages"][-1]["content"]
    (option,) = found.page.principles[0].options
    assert (option.decision, option.option) == (0, 2)
    assert found.words(option).startswith(f"agreement: said to be better; {FIRST} = ")


async def test_a_search_that_goes_on_takes_the_answer_over(model, openai_server, tmp_path):
    """It is logged at the place where the search itself would ask."""
    openai_server.answer = lambda call: openai_server.says(
        claimed((FIRST, 2, "better"))
        if "design principles" in call["messages"][-1]["content"]
        else f"Architecture: {[len(openai_server.calls) % 3] * 9}"
    )
    run = tmp_path / "run"
    await searched(run, proposer="model", iterations=2, **model)
    await elicit(run)
    calls = len(openai_server.calls)
    result = await genius.resume(run, principles=True, evaluator=evaluate)
    assert len(openai_server.calls) == calls
    assert result.trials[0].pages[-1].kind == "principles"


@pytest.mark.parametrize(
    ("options", "error", "why"),
    [
        ({}, GeniusError, "was searched without a language model: name one with --llm"),
        ({"llm": "openai:gpt-4o"}, GeniusError, "needs a key"),
        ({"llm": "human"}, GeniusError, "human proposes and states no principles: name a chat model with --llm"),
    ],
)
async def test_without_a_model_that_can_say_it_is_refused(tmp_path, monkeypatch, options, error, why):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    await searched(tmp_path / "run")
    calls = lines_of(tmp_path / "run")
    with pytest.raises(error, match=why):
        await elicit(tmp_path / "run", **options)
    assert lines_of(tmp_path / "run") == calls


async def test_what_cannot_be_read_and_a_dead_server_are_errors(model, openai_server, tmp_path, monkeypatch):
    await searched(tmp_path / "run")
    openai_server.answer = lambda call: openai_server.says("I have nothing to state.")
    with pytest.raises(RunFailed, match="the answer of openai:gpt-4o holds no principle that can be read"):
        await elicit(tmp_path / "run", **model)
    openai_server.answer = lambda call: openai_server.fails(401, "no")
    with pytest.raises(RunFailed, match="openai:gpt-5 gave no answer: "):
        await elicit(tmp_path / "run", **model | {"llm": "openai:gpt-5"})


async def test_the_budget_counts_what_the_run_has_spent(model, openai_server, tmp_path):
    openai_server.answer = lambda call: openai_server.says(f"Architecture: {[len(openai_server.calls) % 3] * 9}")
    await searched(tmp_path / "run", proposer="model", iterations=2, **model)
    with pytest.raises(RunFailed, match=r"the budget of 200 tokens is spent .* the model was not asked"):
        await elicit(tmp_path / "run", max_llm_tokens=200)
    assert len(openai_server.calls) == 2


async def test_a_strangers_run_sends_nothing_to_the_server_that_it_names(model, openai_server, tmp_path):
    openai_server.answer = lambda call: openai_server.says(f"Architecture: {[len(openai_server.calls) % 3] * 9}")
    run = tmp_path / "run"
    await searched(run, proposer="model", iterations=2, **model)
    held = json.loads((run / "search.json").read_text())
    (run / "search.json").write_text(json.dumps(held | {"run": held["run"] | {"seal": ""}}))
    with pytest.raises(GeniusError, match="names the server"):
        await elicit(run)
    assert len(openai_server.calls) == 2


@pytest.mark.parametrize(
    ("effect", "claim", "better", "verdict"),
    [
        (1.0, "better", "higher", "agreement"),
        (1.0, "better", "lower", "contradiction"),
        (-1.0, "better", "lower", "agreement"),
        (-1.0, "worse", "higher", "agreement"),
        (0.9, "better", "higher", "not shown"),
        (1.0, None, "higher", "not shown"),
        (None, "better", "higher", "not shown"),
    ],
)
def test_a_claim_is_judged_beyond_the_interval_of_the_effect(effect, claim, better, verdict):
    objective = ACCURACY if better == "higher" else Objective("loss", better="lower")
    option = OptionEffect(0, 1, effect, None if effect is None else 0.5, claim)
    assert judge_claim(option, objective) == verdict
