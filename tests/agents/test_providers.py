"""Servers that behave as today's providers do: what they refuse, how their replies end, and how they fail."""

import json
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import genius
import pytest
from genius.record.settings import Settings

from ..conftest import Answer, fails, says

SPACE = genius.get_space("nas-bench-macro")
KEY = "sk-never-to-be-written-4711"


def reply(number: int = 1) -> str:
    digits = [number // 3**place % 3 for place in reversed(range(8))]
    return f"It is number {number}.\nArchitecture: {digits}"


async def evaluate(architecture: genius.Architecture) -> genius.Measurement:
    return genius.Measurement(50.0 + sum(architecture))


def calls(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line)["reply"] for line in (run / "calls.jsonl").read_text().splitlines()]


def in_order() -> Callable[[dict[str, Any]], Answer]:
    """Answer with one architecture after the other."""
    numbers = iter(range(1, 100))
    return lambda call: says(reply(next(numbers)))


@pytest.fixture
def run(tmp_path) -> Path:
    return tmp_path / "run"


@pytest.fixture
def search(openai_server, run, monkeypatch):
    """Search with the server as OpenAI's; `in_order` answers, unless the test sets something else."""
    monkeypatch.setattr("random.uniform", lambda low, high: low)
    openai_server.answer = in_order()

    async def start(llm: Any = "openai:m", **options: Any) -> genius.SearchResult:
        asked = {
            "base_url": openai_server.url,
            "timeout": 5.0,
            "tries": 1,
            "iterations": 2,
            "run": run,
            "proposer": "model",
        }
        return await genius.search(SPACE, llm=llm, evaluator=evaluate, **{**asked, **options})

    return start


def asks_in_text(call: dict[str, Any]) -> bool:
    return "response_format" not in call and "tools" not in call and "text" not in call


# --- what is sent


async def test_nothing_is_sent_that_was_not_asked_for(openai_server, search, run):
    await search()
    for call in openai_server.calls:
        assert set(call) == {"model", "messages", "response_format", "stream"}
        assert call["stream"] is False
    sent = Settings.load(run).run.sent
    assert list(sent) == [{"llm": "openai:m", "structured": True}]


async def test_what_was_asked_for_is_sent(openai_server, search):
    asked = {"temperature": 0.5, "seed": 3, "max_tokens": 900, "reasoning_effort": "low"}
    await search(**asked, llm_options=("top_p=0.9", 'extra_body={"top_k": 5}'))
    call = openai_server.calls[0]
    found = {"temperature": call["temperature"], "seed": call["seed"], "reasoning_effort": call["reasoning_effort"]}
    assert found | {"max_tokens": call.get("max_tokens") or call["max_completion_tokens"]} == asked
    assert (call["top_p"], call["top_k"]) == (0.9, 5)


@pytest.mark.parametrize(
    ("parameter", "error"),
    [
        ("temperature", fails(400, "Unsupported value: 'temperature' does not support 0.0 with this model.")),
        ("temperature", fails(400, "no", param="temperature")),
        ("seed", fails(400, "Unknown parameter: 'seed'.", param="seed")),
        ("reasoning_effort", fails(400, "Unrecognized request argument supplied: reasoning_effort")),
        ("top_p", fails(422, "top_p: extra fields not permitted")),
    ],
)
async def test_a_parameter_that_a_server_refuses_is_left_out_once_and_for_all(
    openai_server, search, run, parameter, error
):
    good = in_order()
    openai_server.answer = lambda call: error if parameter in call else good(call)
    notes = []
    asked = {"temperature": 0.0, "seed": 1, "reasoning_effort": "low", "llm_options": ("top_p=0.5",)}
    result = await search(**asked, progress=lambda step: notes.append(step.note) if step.stage == "note" else None)
    assert result.finished
    assert [parameter in call for call in openai_server.calls] == [True, False, False]
    others = {"temperature", "seed", "reasoning_effort", "top_p"} - {parameter}
    assert all(others <= set(call) for call in openai_server.calls)
    assert len(notes) == 1
    assert f"refuses {parameter}" in notes[0]
    assert calls(run)[0]["notes"] == notes
    (sent,) = Settings.load(run).run.sent
    assert sent["left_out"] == [parameter]
    assert parameter not in sent
    await genius.resume(run, trust=True, iterations=3, evaluator=evaluate)
    assert parameter not in openai_server.calls[-1]
    await genius.resume(
        run, trust=True, iterations=4, evaluator=evaluate, **{"temperature": 1.0, "seed": 2, "reasoning_effort": "high"}
    )
    if parameter in ("temperature", "seed", "reasoning_effort"):
        assert parameter in openai_server.calls[-2]  # asked for anew, it is tried anew


def responds(block: dict[str, Any], incomplete: str | None = None) -> Answer:
    """Answer as OpenAI's Responses API does."""
    status = "incomplete" if incomplete else "completed"
    message = {"type": "message", "id": "msg_1", "status": status, "role": "assistant", "content": [block]}
    usage = {"input_tokens": 100, "output_tokens": 20, "total_tokens": 120}
    usage |= {"input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}}
    body = {"id": "resp_1", "object": "response", "created_at": 1, "status": status, "model": "gpt-5-pro"}
    body |= {"output": [message], "usage": usage, "parallel_tool_calls": True, "tool_choice": "auto", "tools": []}
    return Answer(json.dumps(body | {"incomplete_details": incomplete and {"reason": incomplete}}))


def output_text(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": []}


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (responds(output_text("Archi"), "max_output_tokens"), "cut off at the limit"),
        (responds(output_text(""), "content_filter"), "content filter"),
        (responds({"type": "refusal", "refusal": "I cannot."}), "refuses to answer: I cannot."),
    ],
)
async def test_the_responses_api_says_why_a_reply_ended(openai_server, search, broken, reason):
    openai_server.script = [broken]
    openai_server.answer = lambda call: responds(output_text(json.dumps(PROPOSAL)))
    result = await search("openai:gpt-5-pro", iterations=1)
    (found,) = result.trials[0].candidates
    assert list(found.architecture) == PROPOSAL["architecture"]
    assert [reason in refusal.reason for refusal in found.refusals] == [True]


async def test_the_responses_api_knows_no_seed(openai_server, search, run):
    openai_server.answer = lambda call: responds(output_text(reply(1)))
    result = await search("openai:gpt-5-pro", seed=5, iterations=1)
    assert result.best.architecture == (0, 0, 0, 0, 0, 0, 0, 1)
    assert openai_server.paths == ["/v1/responses"]
    assert Settings.load(run).run.sent[0]["left_out"] == ["seed"]
    assert calls(run)[0]["finish"] in ("", "completed", "stop")


async def test_what_a_model_object_sends_is_written_down(openai_server, search, run):
    from langchain_openai import ChatOpenAI

    options = {"temperature": 0.3, "max_tokens": 50, "max_retries": 0}
    model = ChatOpenAI(model="mine", base_url=openai_server.url, api_key="none", **options)
    await search(model, base_url=None)
    (sent,) = Settings.load(run).run.sent
    assert {"llm": "ChatOpenAI", "provider": "openai", "model": "mine", "temperature": 0.3}.items() <= sent.items()
    assert sent["max_tokens"] == 50
    with pytest.raises(genius.GeniusError, match="a model object has its own temperature"):
        await search(model, base_url=None, temperature=0.5, run=run.with_name("other"))
    with pytest.raises(genius.GeniusError, match="price of openai:mine is not known"):
        await search(model, base_url=None, max_cost=1.0, run=run.with_name("other"))


async def test_trials_share_what_is_learned_of_a_server(openai_server, search, run):
    good = in_order()
    openai_server.answer = lambda call: fails(400, "no temperature here") if "temperature" in call else good(call)
    notes = []
    tell = {"progress": lambda step: notes.append(step.note) if step.stage == "note" else None}
    result = await search(temperature=0.0, seed=3, trials=3, iterations=2, **tell)
    assert result.finished
    assert len(notes) == 1
    assert sum("temperature" in call for call in openai_server.calls) <= 3
    assert {call["seed"] for call in openai_server.calls} == {3, 4, 5}


async def test_resume_and_fork_change_how_a_model_is_asked(openai_server, search, run, tmp_path):
    await search()
    await genius.resume(run, trust=True, iterations=3, evaluator=evaluate, max_tokens=777, llm_options=("top_p=0.1",))
    call = openai_server.calls[-1]
    assert call["top_p"] == 0.1
    assert call.get("max_tokens", call.get("max_completion_tokens")) == 777
    await genius.fork(run, 1, trust=True, to=tmp_path / "fork", evaluator=evaluate, temperature=0.9)
    assert openai_server.calls[-1]["temperature"] == 0.9


@pytest.mark.parametrize(
    ("option", "says_what"),
    [
        ("top_p", "NAME=VALUE"),
        ("temperature=1", "option of its own"),
        ("api_key=sk-1", "is a secret"),
        ('default_headers={"Authorization": "Bearer x"}', "Authorization is a secret"),
    ],
)
async def test_an_option_that_cannot_be_taken_is_refused(search, run, option, says_what):
    with pytest.raises(genius.GeniusError, match=says_what):
        await search(llm_options=(option,))
    assert not run.exists()


# --- structured output


async def test_a_structured_reply_is_read_for_what_it_declares(openai_server, search):
    architecture = [0, 1, 2, 0, 1, 2, 0, 1]
    text = json.dumps({"rationale": "Not [2, 2, 2, 2, 2, 2, 2, 2].", "architecture": architecture})
    openai_server.answer = lambda call: says(text)
    result = await search(iterations=1)
    (found,) = result.trials[0].candidates
    assert list(found.architecture) == architecture
    assert found.rationale.startswith("Not [2")
    schema = openai_server.calls[0]["response_format"]["json_schema"]["schema"]
    assert schema["properties"]["architecture"]["minItems"] == 8


@pytest.mark.parametrize(
    "error",
    [
        fails(400, "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model."),
        fails(400, "bad request"),
        fails(422, "extra fields not permitted"),
        fails(500, "response_format is not implemented"),
        fails(501, "structured output is not there"),
    ],
)
async def test_a_server_without_structured_output_is_asked_for_text_from_then_on(openai_server, search, run, error):
    good = in_order()
    openai_server.answer = lambda call: good(call) if asks_in_text(call) else error
    assert (await search()).finished
    assert [asks_in_text(call) for call in openai_server.calls] == [False, True, True]
    assert Settings.load(run).run.sent[0]["structured"] is False
    assert len([note for one in calls(run) for note in one["notes"]]) == 1
    await genius.resume(run, trust=True, iterations=3, evaluator=evaluate)
    assert asks_in_text(openai_server.calls[-1])


async def test_a_model_that_is_silent_when_asked_for_json_is_asked_for_text(openai_server, search):
    good = in_order()
    openai_server.answer = lambda call: good(call) if asks_in_text(call) else says("")
    result = await search(iterations=1)
    assert result.best
    assert len(openai_server.calls) == 2


# --- why a reply ended


def limit_of(call: dict[str, Any]) -> int | None:
    return call.get("max_completion_tokens", call.get("max_tokens"))


@pytest.mark.parametrize("limit", [None, 100])
async def test_a_reply_cut_off_is_asked_for_again_with_twice_the_limit(openai_server, search, run, limit):
    def answer(call: dict[str, Any]) -> Answer:
        allowed = limit_of(call) or 100
        if allowed < 400:
            return says("<think>I reject [2, 2, 2, 2, 2, 2, 2, 2]\n-", finish="length", tokens=(10, allowed))
        return says(reply(1))

    openai_server.answer = answer
    result = await search(iterations=1, **({} if limit is None else {"max_tokens": limit}))
    (found,) = result.trials[0].candidates
    assert found.architecture == (0, 0, 0, 0, 0, 0, 0, 1)
    assert [limit_of(call) for call in openai_server.calls] == [limit, 200, 400]
    assert [refusal.reason.split(":")[0] for refusal in found.refusals] == [
        "the reply was cut off at the limit of 100 tokens",
        "the reply was cut off at the limit of 200 tokens",
    ]
    assert [one["finish"] for one in calls(run)] == ["length", "length", "stop"]
    assert Settings.load(run).run.sent[0]["max_tokens"] == 400


async def test_replies_that_outgrow_every_limit_end_the_search_with_what_to_do(openai_server, search, run):
    openai_server.answer = lambda call: says("", finish="length", tokens=(10, limit_of(call) or 0))
    with pytest.raises(genius.RunFailed) as failure:
        await search(max_tokens=100)
    assert [limit_of(call) for call in openai_server.calls] == [100, 200, 400, 800]
    for part in ("cut off at 800 tokens", "--max-tokens 1600", "--reasoning-effort", f"genius resume {run}"):
        assert part in str(failure.value)
    openai_server.answer = in_order()
    result = await genius.resume(run, trust=True, evaluator=evaluate, max_tokens=1600)  # the advice works
    assert result.finished
    assert limit_of(openai_server.calls[-1]) == 1600


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (says("", finish="content_filter"), "content filter"),
        (says(None, refusal="I cannot help with that."), "refuses to answer: I cannot help with that."),
        (says("", tokens=(10, 0)), "the reply is empty"),
        (says("  \n "), "the reply is empty"),
        (says("", tokens=(10, 999)), "the reply is empty, after 999 tokens"),
        (
            says(
                None,
                finish="tool_calls",
                tool_calls=[{"id": "1", "type": "function", "function": {"name": "search_web", "arguments": "{}"}}],
            ),
            "search_web",
        ),
    ],
)
async def test_a_reply_without_an_answer_is_named_for_what_it_is(openai_server, search, run, broken, reason):
    good = in_order()
    openai_server.script = [says(reply(50)), broken]
    openai_server.answer = good
    result = await search()
    refusals = [refusal for c in result.trials[0].candidates for refusal in c.refusals]
    assert [reason in refusal.reason for refusal in refusals] == [True]
    for call in openai_server.calls:  # strict servers refuse an empty message
        assert all(message["content"].strip() for message in call["messages"])
        roles = [message["role"] for message in call["messages"]]
        assert all(first != second for first, second in pairwise(roles))


# --- others answer


async def test_another_model_answers_where_the_first_is_down(openai_server, search, run):
    good = in_order()
    openai_server.answer = lambda call: fails(503, "down") if call["model"] == "a" else good(call)
    result = await search(["openai:a", f"openai:b@{openai_server.url}"])
    assert result.finished
    assert [call["model"] for call in openai_server.calls] == ["a", "b", "b"]  # it is left alone for a while
    name = f"openai:b@{openai_server.url}"
    assert [c.llm for c in result.trials[0].candidates] == [name, name]
    assert "openai:a: " in calls(run)[0]["passed"][0]
    assert "down" in calls(run)[0]["passed"][0]
    assert result.settings.llm.models == ("openai:a", name)


async def test_another_model_answers_where_the_first_refuses(openai_server, search, run):
    good = in_order()
    openai_server.answer = lambda call: says(None, refusal="No.") if call["model"] == "a" else good(call)
    result = await search(["openai:a", f"openai:b@{openai_server.url}"], iterations=1)
    assert [call["model"] for call in openai_server.calls] == ["a", "b"]
    assert result.trials[0].usage.input_tokens == 200  # the refusal was paid for as well
    assert "No." in calls(run)[0]["passed"][0]


async def test_where_all_are_down_each_is_named(openai_server, search, run):
    openai_server.answer = lambda call: fails(503, f"{call['model']} is down")
    with pytest.raises(genius.RunFailed, match=r"a is down.*b is down.*genius resume"):
        await search(["openai:a", f"openai:b@{openai_server.url}"])


# --- faults of servers and clients


FAULTS = {
    "no choices": Answer(json.dumps(json.loads(says("").body) | {"choices": []})),
    "not UTF-8": Answer(b'{"choices": "\xff\xfe"}'),
    "a list": Answer("[]"),
    "null": Answer("null"),
    "no message": Answer(json.dumps(json.loads(says("").body) | {"choices": [{"index": 0}]})),
    "an error with status 200": Answer(json.dumps({"error": {"message": "upstream [/v1] down", "code": 500}})),
    "HTML": Answer("<html>", headers={"Content-Type": "text/html"}),
    "a redirect to nowhere": Answer("", 307, {"Location": "http://127.0.0.1:9/v1/chat/completions"}),
    "teapot": Answer("", 418),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_any_fault_becomes_one_sentence_and_the_run_goes_on_later(openai_server, search, run, fault):
    openai_server.script = [says(reply(50))]
    openai_server.answer = lambda call: FAULTS[fault]
    with pytest.raises(genius.RunFailed) as failure:
        await search()
    assert "openai:m gave no answer" in str(failure.value)
    assert "\n" not in str(failure.value)
    openai_server.answer = in_order()
    assert (await genius.resume(run, trust=True, evaluator=evaluate)).finished


async def test_a_body_that_drips_is_cut_off(openai_server, search):
    openai_server.answer = lambda call: says(reply(1), drip=0.05)
    started = time.monotonic()
    with pytest.raises(genius.RunFailed, match=r"timed out: no whole answer within 0\.5 s"):
        await search(timeout=0.5)
    assert time.monotonic() - started < 5


async def test_a_proxy_before_a_server_of_this_machine_is_named(openai_server, search, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with pytest.raises(genius.RunFailed, match="HTTP_PROXY sends calls to this machine through a proxy"):
        await search()


@pytest.mark.parametrize("proxy", ["nonsense://x", "socks5h://127.0.0.1:9"])
async def test_a_proxy_that_no_client_takes_is_refused_before_anything_is_written(search, run, monkeypatch, proxy):
    for name in ("ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, proxy)
    with pytest.raises(genius.GeniusError) as failure:
        await search()
    assert "\n" not in str(failure.value)


@pytest.mark.parametrize("spec", ["groq:m", "mistralai:m", "google_genai:m", "nonsense:m"])
async def test_a_client_that_cannot_be_made_is_one_sentence(search, run, monkeypatch, spec):
    for name in ("GROQ_API_KEY", "MISTRAL_API_KEY", "GOOGLE_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(genius.GeniusError) as failure:
        await search(spec, base_url=None)
    assert "\n" not in str(failure.value)
    assert not run.exists()


def events(*chunks: object) -> Answer:
    """Answer with a stream of server-sent events."""
    body = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks)
    return Answer(body, headers={"Content-Type": "text/event-stream"})


STREAMED = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
STREAMED |= {"choices": [{"index": 0, "delta": {"role": "assistant", "content": "Archi"}, "finish_reason": None}]}


@pytest.mark.parametrize(
    "broken",
    [
        events(STREAMED, {"error": {"message": "upstream [/v1] down", "type": "server_error", "code": None}}),
        Answer(f"{events(STREAMED).body}data: {{oops\n\n", headers={"Content-Type": "text/event-stream"}),
        Answer(events(STREAMED, STREAMED).body, headers={"Content-Type": "text/event-stream"}, cut_off=True),
        events(),
    ],
)
async def test_an_error_in_the_middle_of_a_stream_is_one_sentence(openai_server, search, broken):
    from langchain_openai import ChatOpenAI

    model = ChatOpenAI(model="m", base_url=openai_server.url, api_key="none", streaming=True, max_retries=0)
    openai_server.answer = lambda call: broken
    with pytest.raises(genius.RunFailed, match="ChatOpenAI gave no answer") as failure:
        await search(model, base_url=None)
    assert "\n" not in str(failure.value)


# --- the budget


async def test_a_budget_of_tokens_ends_the_search_well(openai_server, search, run):
    result = await search(iterations=5, max_llm_tokens=300)  # each call takes 120
    assert len(openai_server.calls) == 3
    assert result.best
    assert not result.finished
    assert "budget of 300 tokens is spent (360" in (result.stopped or "")
    again = await genius.resume(run, trust=True, evaluator=evaluate)
    assert len(openai_server.calls) == 3  # it is kept over resume
    assert len(again.trials[0].candidates) == 3
    whole = await genius.resume(run, trust=True, evaluator=evaluate, max_llm_tokens=10_000)
    assert whole.finished
    assert len(openai_server.calls) == 5


async def test_a_budget_of_dollars_needs_a_price(openai_server, search, run):
    with pytest.raises(genius.GeniusError, match=r"price of openai:m is not known.*--price"):
        await search(max_cost=1.0)
    assert not run.exists()
    spent = []
    result = await search(
        iterations=5, max_cost=0.0003, price=(1.0, 1.0), progress=lambda step: spent.append(step.spent.cost)
    )  # each call takes 120 tokens, $0.00012
    assert len(openai_server.calls) == 3
    assert "budget of $0.0003 is spent" in (result.stopped or "")
    assert max(spent) == pytest.approx(0.00036)
    assert [one["cost"] for one in calls(run)] == pytest.approx([0.00012] * 3)


async def test_a_known_model_has_a_price(openai_server, search, run):
    await search("openai:gpt-4o", iterations=1, max_cost=5.0)
    assert calls(run)[0]["cost"] == pytest.approx((100 * 2.5 + 20 * 10) / 1e6)


async def test_a_budget_is_checked_between_refused_replies(openai_server, search, run):
    openai_server.answer = lambda call: says("I cannot decide.")
    result = await search(iterations=2, max_llm_tokens=350)
    assert len(openai_server.calls) == 3
    assert result.best is None
    assert "350 tokens" in (result.stopped or "")
    openai_server.answer = in_order()
    assert (await genius.resume(run, trust=True, evaluator=evaluate, max_llm_tokens=10_000)).finished


async def test_a_budget_of_hours_counts_evaluations(search, run):
    async def slow(architecture):
        return genius.Measurement(50.0 + sum(architecture), seconds=3600.0)

    result = await genius.search(SPACE, proposer="random", evaluator=slow, iterations=5, max_hours=2.0, run=run)
    assert len(result.trials[0].candidates) == 2
    assert "2 device-hours" in (result.stopped or "")
    result = await genius.resume(run, trust=True, evaluator=slow, max_hours=4.0, workers=2)
    assert len(result.trials[0].candidates) == 4


# --- other providers' protocols


def claude(content: list[dict[str, Any]], stop_reason: str = "end_turn") -> Answer:
    """Answer as Anthropic's API does."""
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x", "content": content}
    usage = {"input_tokens": 100, "output_tokens": 20}
    return Answer(json.dumps(message | {"stop_reason": stop_reason, "stop_sequence": None, "usage": usage}))


def claude_fails(status: int, message: str) -> Answer:
    error = {"type": "invalid_request_error", "message": message}
    return Answer(json.dumps({"type": "error", "error": error}), status)


@pytest.fixture
def anthropic(openai_server, monkeypatch) -> dict[str, Any]:
    """The options with which Anthropic's client asks the server."""
    pytest.importorskip("langchain_anthropic")
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    return {"llm": "anthropic:claude-opus-4-7", "base_url": openai_server.url.removesuffix("/v1")}


PROPOSAL = {"rationale": "Because.", "architecture": [0, 1, 2, 0, 1, 2, 0, 1]}
TOOL_CALL = {"type": "tool_use", "id": "toolu_1", "name": "proposal", "input": PROPOSAL}


async def test_claude_proposes_by_a_tool_call(openai_server, search, run, anthropic):
    openai_server.answer = lambda call: claude([{"type": "text", "text": "So:"}, TOOL_CALL], "tool_use")
    result = await search(**anthropic, iterations=1)
    assert list(result.best.architecture) == PROPOSAL["architecture"]
    assert result.trials[0].candidates[0].rationale == "Because."
    (call,) = openai_server.calls
    assert not {"temperature", "seed", "top_p"} & set(call)
    assert call["tools"][0]["name"] == "proposal"
    assert calls(run)[0]["finish"] == "tool_use"


async def test_claude_takes_no_temperature(openai_server, search, run, anthropic):
    text = [{"type": "text", "text": reply(1)}]
    error = claude_fails(400, "`temperature` is deprecated for this model.")
    openai_server.answer = lambda call: error if "temperature" in call else claude(text)
    assert (await search(**anthropic, temperature=0.0, reasoning_effort="low", iterations=1)).finished
    assert openai_server.calls[-1]["output_config"]["effort"] == "low"
    assert Settings.load(run).run.sent[0]["left_out"] == ["temperature"]


@pytest.mark.parametrize(
    ("stop_reason", "reason"),
    [("max_tokens", "was cut off at the limit of 20 tokens"), ("refusal", "refuses to answer")],
)
async def test_claudes_reasons_to_stop_are_known(openai_server, search, anthropic, stop_reason, reason):
    openai_server.script = [claude([], stop_reason)]
    openai_server.answer = lambda call: claude([TOOL_CALL], "tool_use")
    result = await search(**anthropic, iterations=1)
    assert [reason in refusal.reason for refusal in result.trials[0].candidates[0].refusals] == [True]


def llama(text: str, done_reason: str = "stop") -> Answer:
    """Answer as Ollama does: a line of JSON."""
    line = {"model": "llama3", "created_at": "2026-01-01T00:00:00Z", "message": {"role": "assistant", "content": text}}
    line |= {"done": True, "done_reason": done_reason, "prompt_eval_count": 100, "eval_count": 20}
    return Answer(json.dumps(line) + "\n", headers={"Content-Type": "application/x-ndjson"})


async def test_ollama_is_asked_for_a_context_that_holds_our_prompts(openai_server, search, run):
    pytest.importorskip("langchain_ollama")
    openai_server.script = [llama("", "length")]
    openai_server.answer = lambda call: llama(json.dumps(PROPOSAL))
    server = {"llm": "ollama:llama3", "base_url": openai_server.url.removesuffix("/v1"), "iterations": 1}
    result = await search(**server, temperature=0.5, seed=3, max_tokens=500)
    assert list(result.best.architecture) == PROPOSAL["architecture"]
    first, second = (call["options"] for call in openai_server.calls)
    assert first == {"temperature": 0.5, "seed": 3, "num_predict": 500, "num_ctx": 16_384}
    assert second["num_predict"] == 1000
    assert "cut off" in result.trials[0].candidates[0].refusals[0].reason
    await search(**server | {"run": run.with_name("other")}, num_ctx=32_768)
    assert openai_server.calls[-1]["options"] == {"num_ctx": 32_768}


async def test_a_context_is_an_option_of_ollamas_alone(search, run):
    with pytest.raises(genius.GeniusError, match="num-ctx is an option of Ollama"):
        await search(num_ctx=4096)
    assert not run.exists()
