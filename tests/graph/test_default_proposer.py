"""The proposer of a search that names a language model and no proposer, and a model that cannot be reached at first."""

import json
import re
import socket
from itertools import count, product

import genius
import pytest
from genius.graph import studio
from genius.graph.proposers import name_proposer
from genius.record.settings import LLMSettings, LoopSettings, Settings
from langchain_core.language_models import GenericFakeChatModel

from ..spaces.rules import chain

SPACE = chain(layers=5)
START = [1, 1, 1, 1, 1]
ARCHITECTURES = [list(each) for each in product(range(3), repeat=5)]


async def evaluate(architecture):
    return genius.Measurement(50.0 + sum(architecture), metrics={"last": float(architecture[4])})


@pytest.fixture
def server(openai_server):
    """Give a server whose model believes in one start, and proposes one architecture after the other."""
    made = count(5)

    def answer(call):
        begins = "about to begin" in call["messages"][-1]["content"]
        words = f"start: {START}\noption: layer 1 = 2: +1" if begins else f"Architecture: {ARCHITECTURES[next(made)]}"
        return openai_server.says(words)

    openai_server.answer = answer
    return openai_server


@pytest.fixture
def asked(server, tmp_path):
    """Return the arguments of a search that names a model and no proposer."""
    quiet = {"reflect_every": 0, "principles": False}
    model = {"llm": "openai:m", "base_url": server.url, "tries": 1, "iterations": 4}
    return {**model, **quiet, "evaluator": evaluate, "run": tmp_path / "run"}


def tried(result):
    return [(c.arm, c.architecture) for c in result.candidates]


@pytest.mark.parametrize(
    ("llm", "loop", "proposer"),
    [
        ("openai:m", {}, "hybrid"),
        ("local", {}, "hybrid"),
        (GenericFakeChatModel(messages=iter([])), {}, "hybrid"),
        (["openai:m", "anthropic:n"], {}, "hybrid"),
        ("openai:m", {"advice": True, "disguise": True}, "hybrid"),
        ("human", {}, "model"),
        (["openai:m", "human"], {}, "model"),
        ("openai:m", {"memory": "conversation"}, "model"),
        ("openai:m", {"when_done": "stop"}, "model"),
        ("openai:m", {"memory": "conversation", "arms": ("model", "random")}, "hybrid"),
        ("human", {"arms": ("model", "guided")}, "hybrid"),
    ],
)
def test_it_is_hybrid_but_where_the_plain_loop_alone_is_meant(llm, loop, proposer):
    loop = LoopSettings(**loop)
    assert name_proposer(llm, None, Settings(loop=loop))[0]["proposer"] == proposer
    for named in ("model", "hybrid"):
        assert name_proposer(llm, named, Settings(loop=loop))[0]["proposer"] == named
    if isinstance(llm, str):
        in_a_file = Settings(llm=LLMSettings(models=(llm,)), loop=loop)
        assert name_proposer(None, None, in_a_file)[0] == {"proposer": proposer}


def test_the_model_of_the_environment_has_the_same_default(monkeypatch):
    for llm, proposer in (("openai:m", "hybrid"), ("human", "model")):
        monkeypatch.setenv("GENIUS_LLM", llm)
        assert name_proposer(None, None, Settings())[0] == {"proposer": proposer, "llm.models": (llm,)}


@pytest.mark.parametrize("before", ["model", "hybrid"])
def test_a_run_keeps_its_proposer_where_a_model_is_named_again(before):
    old = Settings(proposer=before, llm=LLMSettings(models=("openai:m",)), loop=LoopSettings(memory="conversation"))
    for llm in ("openai:n", "human"):
        assert name_proposer(llm, None, old)[0] == {"proposer": before, "llm.models": (llm,)}
    assert name_proposer(None, None, old)[0] == {}


async def test_a_run_of_the_plain_loop_goes_on_and_is_forked_as_it_was(asked, tmp_path):
    await genius.search(SPACE, **asked, proposer="model")
    own = {"space": SPACE, "evaluator": evaluate}
    for longer in ({}, {"llm": "openai:m", "base_url": asked["base_url"]}):
        result = await genius.resume(asked["run"], iterations=5 + len(longer), **longer, **own)
        assert result.settings.proposer == "model"
        assert {candidate.arm for candidate in result.candidates} == {None}
    fork = await genius.fork(asked["run"], 2, to=tmp_path / "fork", **own)
    assert (fork.settings.proposer, len(fork.candidates)) == ("model", 7)


async def test_a_run_without_a_model_goes_on_as_a_hybrid_one_where_a_model_is_named(asked, server):
    without = {name: asked[name] for name in ("evaluator", "run")}
    await genius.search(SPACE, proposer="random", iterations=2, **without)
    model = {"llm": "openai:m", "base_url": server.url}
    result = await genius.resume(asked["run"], space=SPACE, evaluator=evaluate, iterations=4, **model)
    assert [bool(candidate.arm) for candidate in result.candidates] == [False, False, True, True]


async def test_a_run_in_the_folder_of_runs_is_named_after_it(asked, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = await genius.search(SPACE, **{**asked, "run": None, "iterations": 1})
    assert re.fullmatch(rf"{SPACE.name}-hybrid-\d+-\d+", result.run.name)


@pytest.mark.parametrize("proposer", ["hybrid", "model"])
async def test_a_recording_is_replayed_by_the_proposer_of_its_run(asked, tmp_path, proposer):
    run = await genius.search(SPACE, **asked, proposer=proposer)
    log = (asked["run"] / "calls.jsonl").read_bytes()
    (tmp_path / "alone").mkdir()
    (tmp_path / "alone" / "calls.jsonl").write_bytes(log)
    (tmp_path / "log.jsonl").write_bytes(log)
    for number, file in enumerate(("run", "run/calls.jsonl", "alone", "log.jsonl")):
        options = {**asked, "llm": f"replay:{tmp_path / file}", "base_url": None, "run": tmp_path / str(number)}
        again = await genius.search(SPACE, **options)
        assert (again.settings.proposer, tried(again)) == (proposer, tried(run))


async def test_the_journal_tells_a_hybrid_run_whose_model_was_asked_from_the_first_iteration_on(asked, tmp_path):
    run = await genius.search(SPACE, **asked, beliefs=False)
    options = {**asked, "llm": f"replay:{asked['run']}", "base_url": None, "run": tmp_path / "again"}
    again = await genius.search(SPACE, **options, beliefs=False)
    assert (again.settings.proposer, tried(again)) == ("hybrid", tried(run))


@pytest.mark.parametrize("file", ["search.json", "settings.json"])
async def test_a_recording_that_a_run_alone_names_is_not_read_to_find_its_proposer(asked, tmp_path, file):
    (tmp_path / file).write_text(json.dumps({"space": "digits", "llm": {"models": [f"replay:{tmp_path / 'none'}"]}}))
    options = {name: asked[name] for name in ("evaluator", "run")}
    said = "search.json names the .*replay:" if file == "search.json" else "there is no recording at"
    with pytest.raises(genius.GeniusError, match=said):
        await genius.search(settings=tmp_path / file, **options)


async def test_a_list_of_messages_is_replayed_by_the_plain_loop(asked, tmp_path):
    said = [{"role": "assistant", "content": f"Architecture: {each}"} for each in ARCHITECTURES[:2]]
    (tmp_path / "said.json").write_text(json.dumps(said))
    options = {**asked, "llm": f"replay:{tmp_path / 'said.json'}", "base_url": None, "iterations": 2}
    result = await genius.search(SPACE, **options)
    assert tried(result) == [(None, tuple(each)) for each in ARCHITECTURES[:2]]


@pytest.mark.parametrize("beliefs", [True, False])
@pytest.mark.parametrize("fault", ["a wrong key", "a server that is out of order", "nobody at the address"])
async def test_a_model_that_cannot_be_reached_at_first_ends_the_search(asked, server, fault, beliefs):
    if fault == "a wrong key":
        server.answer = lambda call: server.fails(401, "Incorrect API key provided", code="invalid_api_key")
        said = "Incorrect API key provided"
    elif fault == "a server that is out of order":
        server.answer = lambda call: server.fails(503, "out of order")
        said = "after 1 tries: .*out of order"
    else:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            asked["base_url"] = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
        said = "after 1 tries: .*Connection error"
    with pytest.raises(genius.RunFailed, match=rf"openai:m gave no answer.*{said}"):
        await genius.search(SPACE, **asked, beliefs=beliefs)
    assert genius.read(asked["run"]).settings.proposer == "hybrid"
    assert not genius.read(asked["run"]).candidates


async def test_after_its_first_answer_an_outage_is_lived_through(asked, server):
    answers = server.answer
    server.answer = lambda call: answers(call) if len(server.calls) == 1 else server.fails(503, "out of order")
    result = await genius.search(SPACE, **asked)
    assert len(result.candidates) == 4
    assert any("out of order" in offer.fault for c in result.candidates for offer in c.offers)


async def test_a_model_that_never_answers_ends_a_run_that_was_begun_without_one(asked, server):
    without = {name: asked[name] for name in ("evaluator", "run")}
    await genius.search(SPACE, proposer="guided", iterations=2, **without)
    server.answer = lambda call: server.fails(401, "Incorrect API key provided", code="invalid_api_key")
    model = {"llm": "openai:m", "base_url": server.url}
    with pytest.raises(genius.RunFailed, match="Incorrect API key provided"):
        await genius.resume(asked["run"], space=SPACE, evaluator=evaluate, iterations=4, **model)


async def test_a_form_that_names_a_model_alone_is_that_of_a_hybrid_search(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "key")
    for form, proposer in (({}, "hybrid"), ({"proposer": "model"}, "model")):
        filled = studio.read_form([None, None, None, {"space": "digits", "llm": "openai:m", **form}])
        assert studio._settings(filled)[0].proposer == proposer


async def test_candidates_that_are_handed_out_are_those_of_the_search(asked, tmp_path):
    whole = await genius.search(SPACE, **asked)
    options = {name: value for name, value in asked.items() if name != "evaluator"}
    async with genius.open(SPACE, **{**options, "run": tmp_path / "told"}, objectives="accuracy") as search:
        while (candidate := await search.ask()) is not None:
            await search.tell(candidate, await evaluate(candidate.architecture))
        result = await search.result()
    assert result.settings.proposer == "hybrid"
    assert tried(result) == tried(whole)


async def test_two_objectives_limits_workers_and_a_disguise(asked):
    goal = {"objectives": ["accuracy", "last:lower"], "pareto": True, "limits": {"last": (None, 1)}}
    result = await genius.search(SPACE, **asked, **goal, workers=2, disguise=True)
    assert result.settings.proposer == "hybrid"
    assert len({candidate.architecture for candidate in result.candidates}) == 4


async def test_a_proposer_beside_a_model_is_told_to_be_an_arm(asked):
    with pytest.raises(genius.GeniusError, match=r"exclude each other: leave one out; .*hybrid, .* named with --arm"):
        await genius.search(SPACE, **asked, proposer="guided")
    result = await genius.search(SPACE, **asked, arms=["model", "random"])
    assert [offer.arm for offer in result.candidates[-1].offers if offer.arm != "start"] == ["model", "random"]
