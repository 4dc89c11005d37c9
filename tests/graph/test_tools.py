"""Calls of tools between proposer and validator: rounds, limits, servers without tools, replay, kills, disguise."""

import json
import subprocess
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import genius
import pytest
from genius.graph.tool_use import ROUNDS
from genius.record.journal import read_calls

from ..conftest import fails, says

SPACE = genius.get_space("nas-bench-macro")
TOOLS = ["cost", "allowed", "predict", "suggest", "neighbours", "history"]
TIMES = ("started", "seconds", "evaluation_seconds")


def proposes(number: int):
    """Propose the architecture whose last decisions spell a number to the base 3."""
    digits = [number // 3**place % 3 for place in reversed(range(8))]
    return says(f"It is number {number}.\nArchitecture: {digits}")


def calls(*named: tuple[str, Any], text: str | None = None, ids: Any = None):
    """Answer with calls of tools; arguments that are a text are sent as they are."""
    ids = ids or [f"id-{at}" for at in range(len(named))]
    made = [
        {
            "id": id_,
            "type": "function",
            "function": {"name": name, "arguments": args if isinstance(args, str) else json.dumps(args)},
        }
        for id_, (name, args) in zip(ids, named, strict=True)
    ]
    return says(text, finish="tool_calls", tool_calls=made)


async def evaluate(architecture: genius.Architecture) -> genius.Measurement:
    return genius.Measurement(50.0 + sum(architecture))


def found(result: genius.SearchResult) -> list[dict[str, object]]:
    """Return what a search found, without the times."""
    candidates = [candidate.to_json() for trial in result.trials for candidate in trial.candidates]
    return [{name: value for name, value in each.items() if name not in TIMES} for each in candidates]


@pytest.fixture
def search(openai_server, tmp_path) -> Callable[..., Awaitable[genius.SearchResult]]:
    async def start(**options: Any) -> genius.SearchResult:
        asked = {"llm": "openai:m", "base_url": openai_server.url, "timeout": 5.0, "tries": 1, "iterations": 2}
        asked |= {"proposer": "model", "tools": True, "run": tmp_path / "run", "evaluator": evaluate} | options
        return await genius.search(asked.pop("space", SPACE), **asked)

    return start


def tools_of(call: dict[str, Any]) -> list[str]:
    return [tool["function"]["name"] for tool in call.get("tools", ())]


async def test_a_model_calls_tools_before_it_settles(openai_server, search, tmp_path):
    predict = {"architectures": [[2] * 8, [1] * 8]}
    openai_server.script = [
        proposes(1),
        calls(("predict", predict), ("suggest", {"kind": "exploit", "n": 2}), text="Let me see."),
        calls(("history", {})),
        proposes(5),
    ]
    result = await search()
    first, second = result.trials[0].candidates
    assert (first.tools, first.rounds) == ((), 0)
    assert [(use.name, use.attempt) for use in second.tools] == [("predict", 1), ("suggest", 1), ("history", 2)]
    assert second.rounds == 2
    assert "to improve" in second.tools[0].answer
    assert second.tools[1].answer.count("\n- ") == 1
    assert "iteration 1: [0, 0, 0, 0, 0, 0, 0, 1], 51.00%" in second.tools[2].answer
    assert second.architecture == (0, 0, 0, 0, 0, 0, 1, 2)
    assert all(tools_of(call) == [*TOOLS, "proposal"] for call in openai_server.calls)
    sent = openai_server.calls[-1]["messages"]
    assert [message["role"] for message in sent] == ["system", "user", "assistant", "tool", "tool", "assistant", "tool"]
    assert [call["id"] for call in sent[2]["tool_calls"]] == [message["tool_call_id"] for message in sent[3:5]]
    assert sent[2]["content"] == "Let me see."
    assert sent[3]["content"] == second.tools[0].answer
    logged = [(place, prompt) for place, prompt, _ in read_calls(tmp_path / "run")]
    assert [place for place, _ in logged] == [("proposer", 1, 1, 1), *(("proposer", 1, 2, at) for at in (1, 2, 3))]
    assert [message["role"] for message in logged[-1][1]] == [message["role"] for message in sent]


async def test_the_tools_are_off_unless_they_are_asked_for(openai_server, search):
    openai_server.script = [proposes(1)]
    await search(tools=None, iterations=1)
    assert "tools" not in openai_server.calls[0]
    assert "response_format" in openai_server.calls[0]


async def test_a_proposal_may_be_a_call_too(openai_server, search):
    openai_server.script = [calls(("proposal", {"rationale": "wide", "architecture": [2] * 8}), ("cost", {}))]
    (candidate,) = (await search(iterations=1)).trials[0].candidates
    assert (candidate.architecture, candidate.rationale, candidate.tools) == ((2,) * 8, "wide", ())


async def test_after_so_many_rounds_the_model_is_asked_to_settle_without_tools(openai_server, search):
    def answer(call):
        return calls(("history", {})) if tools_of(call) else proposes(7)

    openai_server.answer = answer
    (candidate,) = (await search(iterations=1)).trials[0].candidates
    assert (candidate.rounds, len(candidate.tools)) == (ROUNDS, ROUNDS)
    assert candidate.architecture == (0, 0, 0, 0, 0, 0, 2, 1)
    last = openai_server.calls[-1]
    assert "response_format" in last
    assert [message["role"] for message in last["messages"]] == ["system", "user", *["assistant", "user"] * ROUNDS]
    assert "settle on one architecture" in last["messages"][-1]["content"]


async def test_long_answers_end_the_rounds_too(openai_server, search):
    many = {"architectures": [[2, 1] * 4] * 20}
    openai_server.answer = lambda call: calls(*[("predict", many)] * 16) if tools_of(call) else proposes(7)
    (candidate,) = (await search(iterations=1)).trials[0].candidates
    assert candidate.rounds < ROUNDS
    assert all(len(use.answer) <= 6_000 for use in candidate.tools)


HOSTILE = {
    "no JSON": ("cost", "{architectures: ["),
    "deep": ("cost", "[" * 5_000),
    "a huge number": ("suggest", '{"kind": "exploit", "n": 1' + "0" * 5_000 + "}"),
    "infinity": ("suggest", '{"kind": "exploit", "n": Infinity}'),
    "null": ("predict", '{"architectures": null}'),
    "names of Python": ("predict", {"self": 1, "func": 2, "config": 3, "run_manager": 4, "callbacks": 5}),
    "no such tool": ("os.system", {"command": "true"}),
    "an empty name": ("", {}),
    "terminal codes": ("neighbours", {"architecture": "\x1b[31m[9]"}),
    "too many": ("allowed", {"architectures": [[0] * 8] * 1_000}),
    "lone surrogate": ("history", '{"filter": {"\\ud800": 1}}'),
}


@pytest.mark.parametrize("kind", HOSTILE)
async def test_wrong_arguments_are_answered_by_a_sentence(openai_server, search, kind):
    openai_server.script = [proposes(1), calls(HOSTILE[kind], ("cost", {"architectures": [[1] * 8]})), proposes(2)]
    candidate = (await search()).trials[0].candidates[1]
    (wrong,) = [use for use in candidate.tools if "FLOPs" not in use.answer]
    assert len(candidate.tools) == 2
    assert len(wrong.answer) < 400
    assert wrong.answer.isprintable()
    assert candidate.architecture == (0, 0, 0, 0, 0, 0, 0, 2)
    asking, *answers = openai_server.calls[-1]["messages"][2:]
    assert len(asking["tool_calls"]) == len(answers) == 2
    assert {call["id"] for call in asking["tool_calls"]} == {message["tool_call_id"] for message in answers}


@pytest.mark.parametrize("arguments", ["[1, 2]", "7", '"text"', "true"])
async def test_arguments_that_are_json_but_no_object_are_refused(openai_server, search, arguments):
    openai_server.script = [calls(("cost", arguments)), calls(("history", {})), proposes(2)]
    (candidate,) = (await search(iterations=1)).trials[0].candidates
    assert [refusal.reason for refusal in candidate.refusals] == [
        "the arguments of a call of a tool are no JSON object: give one"
    ]
    assert [(use.name, use.attempt) for use in candidate.tools] == [("history", 2)]
    assert candidate.architecture == (0, 0, 0, 0, 0, 0, 0, 2)


def called(**function: Any):
    """A call of a tool as a server may send it."""
    return {"id": "id", "type": "function", "function": function}


UNREADABLE = {
    "a list, not a text": [called(name="cost", arguments=[1, 2])],
    "an object, not a text": [called(name="cost", arguments={"architectures": [[1] * 8]})],
    "a number, not a text": [called(name="cost", arguments=7)],
    "a name that is a number": [called(name=7, arguments="{}")],
    "one of two": [called(name="cost", arguments="{}"), called(name="cost", arguments="[1]") | {"id": "other"}],
    "the proposal itself": [called(name="proposal", arguments="[1, 2]")],
    "no function": [{"id": "id", "type": "function"}],
    "a function that is null": [{"id": "id", "type": "function", "function": None}],
    "a call that is null": [None],
    "a text for calls": "cost",
    "a call of another kind": [{"id": "id", "type": "custom", "custom": {"name": "cost", "input": "x"}}],
}


@pytest.mark.parametrize("kind", UNREADABLE)
async def test_calls_that_cannot_be_read_are_refused_and_written_down(openai_server, search, tmp_path, kind):
    unreadable = says("Let me see.", finish="tool_calls", tool_calls=UNREADABLE[kind])
    openai_server.script = [proposes(1), unreadable, proposes(5)]
    candidate = (await search()).trials[0].candidates[1]
    reason = "the arguments of a call of a tool are no JSON object: give one"
    assert [refusal.reason for refusal in candidate.refusals] == [reason]
    assert reason in openai_server.calls[-1]["messages"][-1]["content"]
    assert reason in (tmp_path / "run" / "candidates.jsonl").read_text()
    assert candidate.architecture == (0, 0, 0, 0, 0, 0, 1, 2)


@pytest.mark.parametrize("arguments", ["null", "", None])
@pytest.mark.parametrize("tool", ["predict", "proposal"])
async def test_a_call_without_arguments_is_answered(openai_server, search, tool, arguments):
    openai_server.script = [proposes(1), says(None, tool_calls=[called(name=tool, arguments=arguments)]), proposes(5)]
    candidate = (await search()).trials[0].candidates[1]
    (use,) = candidate.tools
    assert (use.name, use.arguments) == (tool, "{}")
    assert "and there is none" in use.answer or "no such tool" in use.answer
    assert use.answer in openai_server.calls[-1]["messages"][-1]["content"]
    assert candidate.architecture == (0, 0, 0, 0, 0, 0, 1, 2)


@pytest.mark.parametrize("arguments", ["[1, 2]", '"text"', "7", [1, 2]])
async def test_without_tools_a_call_with_other_arguments_is_refused_too(openai_server, search, arguments):
    unreadable = says(None, finish="tool_calls", tool_calls=[called(name="proposal", arguments=arguments)])
    openai_server.script = [proposes(1), unreadable, proposes(5)]
    candidate = (await search(tools=False)).trials[0].candidates[1]
    assert [refusal.reason for refusal in candidate.refusals] == [
        "the arguments of a call of a tool are no JSON object: give one"
    ]


@pytest.mark.parametrize("ids", [["same", "same"], [None, None], ["", ""]])
async def test_ids_may_be_missing_or_alike(openai_server, search, ids):
    one, two = {"architectures": [[1] * 8]}, {"architectures": [[2] * 8]}
    openai_server.script = [calls(("cost", one), ("cost", two), ids=ids), proposes(2)]
    (candidate,) = (await search(iterations=1)).trials[0].candidates
    assert "[1, 1, 1, 1, 1, 1, 1, 1]: 53.25 M" in candidate.tools[0].answer
    assert "[2, 2, 2, 2, 2, 2, 2, 2]: 105.66 M" in candidate.tools[1].answer
    assert candidate.architecture


REFUSALS = {
    "Ollama": fails(400, "registry.ollama.ai/library/m does not support tools"),
    "vLLM": fails(400, '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set'),
    "llama.cpp": fails(500, "tools param requires --jinja flag"),
    "OpenRouter": fails(404, "No endpoints found that support tool use."),
    "one that does not say why": fails(400, "bad request"),
}


@pytest.mark.parametrize("server", REFUSALS)
async def test_a_server_that_refuses_tools_gets_their_answers_in_the_prompt(openai_server, search, tmp_path, server):
    replies = iter(
        [
            proposes(1),
            says("I waver.\nCandidate: [2, 2, 2, 2, 2, 2, 2, 2]\nCandidate: [1, 1, 1, 1, 1, 1, 1, 1]"),
            proposes(5),
            proposes(7),
        ]
    )
    openai_server.answer = lambda call: REFUSALS[server] if tools_of(call) else next(replies)
    notes = []
    result = await search(iterations=3, progress=lambda step: notes.append(step.note) if step.stage == "note" else None)
    assert [bool(tools_of(call)) for call in openai_server.calls] == [True, False, False, False, False]
    assert notes == ["openai:m takes no tools: its prompts hold their answers"]
    second = result.trials[0].candidates[1]
    asked, settling = (openai_server.calls[at]["messages"] for at in (2, 3))
    for part in ("To exploit", "To explore", "To test the prior", "up to 3 candidates", "to improve"):
        assert part in asked[-1]["content"]
    assert [message["role"] for message in settling] == ["system", "user", "assistant", "user"]
    assert second.tools[0].answer in settling[-1]["content"]
    assert "[2, 2, 2, 2, 2, 2, 2, 2]" in second.tools[0].answer
    assert (second.rounds, second.architecture) == (1, (0, 0, 0, 0, 0, 0, 1, 2))
    assert json.loads((tmp_path / "run" / "search.json").read_text())["run"]["sent"][0]["tools"] is False


async def test_an_error_that_tools_do_not_explain_teaches_nothing_about_them(openai_server, search, tmp_path):
    openai_server.answer = lambda call: fails(400, "bad request")
    with pytest.raises(genius.RunFailed):
        await search()
    assert "tools" not in json.loads((tmp_path / "run" / "search.json").read_text())["run"]["sent"][0]
    openai_server.answer = lambda call: proposes(len(openai_server.calls))
    await genius.resume(tmp_path / "run", evaluator=evaluate, trust=True)
    assert tools_of(openai_server.calls[-1])


async def test_a_killed_search_asks_for_no_logged_reply_again(openai_server, search, tmp_path):
    script = [
        calls(("predict", {"architectures": [[2] * 8]})),
        says("no idea"),
        calls(("suggest", {"kind": "exploit"})),
        proposes(4),
        calls(("neighbours", {"architecture": [1] * 8})),
        proposes(9),
    ]
    openai_server.script = script[:]
    openai_server.answer = lambda call: fails(503, "overloaded")
    whole = await search(run=tmp_path / "whole")
    for cut in range(1, len(script)):
        run = tmp_path / f"cut-{cut}"
        openai_server.script, openai_server.calls = script[:cut], []
        with pytest.raises(genius.RunFailed):
            await search(run=run)
        openai_server.script = script[cut:]
        resumed = await genius.resume(run, evaluator=evaluate, trust=True)
        assert len(openai_server.calls) == len(script) + 1
        assert found(resumed) == found(whole)
        logged = [prompt for _, prompt, _ in read_calls(run)]
        assert logged == [prompt for _, prompt, _ in read_calls(tmp_path / "whole")]


async def test_a_run_is_replayed_with_its_calls(openai_server, search, tmp_path):
    def answer(call):
        asked = call["messages"][-1]["content"]
        if tools_of(call) and "role" in call["messages"][-1] and call["messages"][-1]["role"] == "user":
            return calls(("suggest", {"kind": "explore"}), ("history", {"order": "latest"}))
        return says("no") if "no" in asked else proposes(len(openai_server.calls) * 3)

    openai_server.answer = answer
    whole = await search(iterations=3)
    asked = len(openai_server.calls)
    for tools in (None, True):
        again = await genius.search(
            SPACE,
            llm=f"replay:{tmp_path / 'run'}",
            evaluator=evaluate,
            iterations=3,
            tools=tools,
            run=tmp_path / f"{tools}",
        )
        assert found(again) == found(whole)
    assert len(openai_server.calls) == asked
    assert all(candidate.rounds == 1 for candidate in whole.trials[0].candidates)


async def test_a_recording_cannot_call_tools_for_ever(tmp_path):
    call = {"id": "1", "name": "history", "arguments": "{}"}
    reply = {"text": "", "model": "m", "tool_calls": [call]}
    places = [{"trial": 1, "iteration": 1, "attempt": at, "prompt": [], "reply": reply} for at in range(1, 60)]
    (tmp_path / "calls.jsonl").write_text("".join(json.dumps(line) + "\n" for line in places))
    result = await genius.search(
        SPACE, llm=f"replay:{tmp_path / 'calls.jsonl'}", evaluator=evaluate, iterations=1, run=tmp_path / "run"
    )
    (candidate,) = result.trials[0].candidates
    assert candidate.rounds == ROUNDS
    assert "no further calls are answered" in (candidate.error or "")


async def test_a_fork_goes_on_with_the_calls_of_its_source(openai_server, search, tmp_path):
    script = [calls(("history", {})), proposes(1), calls(("cost", {"architectures": [[1] * 8]})), proposes(2)]
    openai_server.script = script[:]
    whole = await search()
    openai_server.script = script[2:]
    forked = await genius.fork(tmp_path / "run", at=1, evaluator=evaluate, trust=True, to=tmp_path / "fork")
    assert found(forked) == found(whole)


async def test_the_tools_speak_the_space_that_is_shown(openai_server, search):
    openai_server.answer = lambda call: (
        proposes(len(openai_server.calls))
        if call["messages"][-1]["role"] == "tool"
        else calls(
            ("history", {"filter": {"place 1": 0}}),
            ("neighbours", {"architecture": [0] * 8}),
            ("suggest", {"kind": "explore"}),
        )
    )
    result = await search(disguise=True, iterations=3)
    told = "\n".join(use.answer for candidate in result.trials[0].candidates for use in candidate.tools)
    assert "place 1" in told
    assert "layer" not in told
    seen = json.dumps([call["tools"] for call in openai_server.calls])
    assert "layer" not in seen
    assert "kernel" not in seen


async def test_a_space_by_value_is_asked_about_by_values(openai_server, search):
    space = {"lr": (1e-4, 1e-1), "width": [16, 32, 64], "activation": ["ReLU", "Tanh"]}
    first = {"lr": 0.01, "width": 32, "activation": "Tanh"}
    openai_server.script = [
        says(json.dumps({"rationale": "", "architecture": first})),
        calls(
            ("predict", {"architectures": [{"lr": 0.02, "width": 64, "activation": "ReLU"}]}),
            ("history", {"filter": {"activation": "Tanh"}}),
            ("history", {"filter": {"activation": "ReLU"}}),
        ),
        says(json.dumps({"rationale": "", "architecture": first | {"width": 64}})),
    ]

    async def measure(values):
        return values["width"] / 64

    result = await search(space=space, evaluator=measure)
    predicted, some, none = result.trials[0].candidates[1].tools
    assert "to improve" in predicted.answer
    assert some.answer.startswith("1 of 1 experiments")
    assert none.answer.startswith("0 of 1 experiments")


async def test_several_workers_see_what_is_pending(openai_server, search):
    openai_server.answer = lambda call: (
        proposes(len(openai_server.calls))
        if call["messages"][-1]["role"] == "tool"
        else calls(("history", {"order": "latest"}))
    )
    result = await search(iterations=3, workers=3)
    told = [candidate.tools[0].answer for candidate in sorted(result.trials[0].candidates, key=lambda c: c.iteration)]
    assert [answer.count("pending") for answer in told] == [0, 1, 2]


async def test_a_key_in_the_arguments_stays_out_of_every_file(openai_server, search, tmp_path, monkeypatch):
    key = "sk-never-to-be-written-4711"
    monkeypatch.setenv("OPENAI_API_KEY", key)
    openai_server.script = [calls(("history", {"filter": {key: key}}), (key, {})), proposes(2)]
    await search(iterations=1)
    for file in (tmp_path / "run").rglob("*"):
        assert not file.is_file() or key.encode() not in file.read_bytes(), file
    assert key not in json.dumps(openai_server.calls)


async def test_the_trace_shows_each_call_as_a_run_of_a_tool(openai_server, search, tmp_path):
    openai_server.script = [calls(("history", {}), ("cost", {"architectures": [[1] * 8]})), proposes(2)]
    await search(iterations=1)
    runs = [json.loads(line) for line in (tmp_path / "run" / "trace.jsonl").read_text().splitlines()]
    assert sorted(run["name"] for run in runs if run["run_type"] == "tool") == ["cost", "history"]


def test_a_search_that_is_killed_between_rounds_goes_on(openai_server, tmp_path, tables):
    script = [
        proposes(1),
        calls(("predict", {"architectures": [[2] * 8]})),
        calls(("suggest", {"kind": "explore"}), ("history", {})),
        proposes(5),
    ]
    words = [
        "search",
        "nas-bench-macro",
        "--llm",
        "openai:m",
        "--base-url",
        openai_server.url,
        "--tools",
        "--proposer",
        "model",
    ]
    words += ["--iterations", "2", "--downloads", str(tables), "--run"]

    def run(folder: str, answers: list[Any], then: Callable[[dict[str, Any]], Any], *words: str) -> int:
        openai_server.script, openai_server.answer = answers[:], then
        process.append(subprocess.Popen([sys.executable, "-m", "genius", *words, str(tmp_path / folder)]))
        return process[-1].wait(120)

    def kill(call: dict[str, Any]) -> Any:
        process[-1].kill()
        return script[0]

    process: list[subprocess.Popen[bytes]] = []
    assert run("whole", script, kill, *words) == 0
    whole = found(genius.read(tmp_path / "whole"))
    for cut in (2, 3):
        asked = len(openai_server.calls)
        assert run(str(cut), script[:cut], kill, *words) == -9
        assert run(str(cut), script[cut:], kill, "resume") == 0
        assert len(openai_server.calls) == asked + len(script) + 1  # one was on its way when the process died
        assert found(genius.read(tmp_path / str(cut))) == whole


async def test_a_hybrid_search_lets_its_model_call_tools(openai_server, search):
    def answer(call):
        if call["messages"][-1]["role"] == "tool":
            return proposes(7 * len(openai_server.calls))
        if tools_of(call):
            return calls(("suggest", {"kind": "exploit"}), ("neighbours", {"architecture": [2] * 8}))
        return says("I believe nothing.")

    openai_server.answer = answer
    result = await search(proposer="hybrid", tools=None, iterations=3)
    for candidate in result.trials[0].candidates:
        assert [use.name for use in candidate.tools] == ["suggest", "neighbours"]
        assert "model" in {offer.arm for offer in candidate.offers}
        assert all(not offer.fault for offer in candidate.offers)


async def test_tools_can_be_turned_off_in_a_hybrid_search(openai_server, search):
    openai_server.answer = lambda call: proposes(7 * len(openai_server.calls))
    await search(proposer="hybrid", tools=False, iterations=1)
    assert not any(tools_of(call) for call in openai_server.calls)
