"""No form of a key in any place: what a server, an evaluator or a proposer quotes of one is kept and sent nowhere."""

import base64
import html
import json
import logging
import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import genius
import pytest
from genius.cli import streams
from genius.cli.options import console
from genius.evaluators import process
from genius.evaluators.workers import LocalWorkers, places
from genius.record import secrets
from genius.record.secrets import keep_secret, redact
from langchain_openai import ChatOpenAI
from langsmith import run_trees, utils
from pydantic import SecretStr

from ..conftest import Answer, fails, says
from ..evaluators.stubs import command
from ..jobs import digits_job
from ..langsmith_receiver import langsmith_receiver

SPACE = genius.get_space("nas-bench-macro")
KEY = "sk-7Fq\"2/Zx+9\\QB'kM&4tRw%Yp8=Lc"
ORDINARY = "sk-proj-7Fq2Zx9vBkM4tRwYp8Lc"
_BYTES = KEY.encode()


def _wrapped(text: str, between: str, every: int = 7) -> str:
    return between.join(text[at : at + every] for at in range(0, len(text), every))


FORMS: dict[str, str] = {
    "plain": KEY,
    "with a line break behind it": f"{KEY}\n",
    "JSON": json.dumps(KEY)[1:-1],
    "JSON in JSON": json.dumps(json.dumps(KEY))[1:-1],
    "JSON by code points": "".join(f"\\u{ord(letter):04X}" for letter in KEY),
    "repr": repr(KEY)[1:-1],
    "repr of bytes": repr(_BYTES),
    "escaped bytes": "".join(f"\\x{letter:02x}" for letter in _BYTES),
    "URL": quote(KEY, ""),
    "URL in small letters": quote(KEY, "").replace("%2F", "%2f").replace("%2B", "%2b").replace("%3D", "%3d"),
    "URL in a URL": quote(quote(KEY, ""), ""),
    "HTML": html.escape(KEY),
    "HTML by numbers": "".join(f"&#x{letter:X};" for letter in _BYTES),
    "base64": base64.b64encode(_BYTES).decode(),
    "base64 for URLs": base64.urlsafe_b64encode(_BYTES).decode(),
    "hexadecimal": _BYTES.hex(),
    "hexadecimal in capitals": _BYTES.hex().upper(),
    "wrapped": _wrapped(KEY, "\n"),
    "wrapped base64": _wrapped(base64.b64encode(_BYTES).decode(), "\r\n    "),
    "coloured": _wrapped(KEY, "\x1b[1;31m"),
    "with invisible letters": _wrapped(KEY, "\u200b"),
    "in capitals": KEY.upper(),
} | {
    f"base64 of a user of {length}": base64.b64encode(b"u" * length + b":" + _BYTES).decode()[
        -(-(length + 1) * 8 // 6) :
    ]
    for length in (3, 4, 5)
}


def leaks(content: str | bytes, form: str, window: int = 9) -> list[str]:
    """Return the parts of a form that stand in a content, as they are or escaped for JSON, but for its edges."""
    text = content if isinstance(content, str) else content.decode(errors="replace")
    inner = form[3:-3]
    parts = {inner[at : at + window] for at in range(len(inner) - window + 1)}
    parts |= {json.dumps(part)[1:-1] for part in parts} | {KEY[3:]}
    return sorted(part for part in parts if part in text)


@pytest.fixture(autouse=True)
def _forget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "_kept", {})


@pytest.mark.parametrize("form", FORMS)
def test_the_test_would_see_a_leak(form):
    assert leaks(f"quoted: {FORMS[form]}!", FORMS[form])
    assert redact(f"quoted: {FORMS[form]}!") == f"quoted: {FORMS[form]}!"


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_cleared_and_nothing_else(form):
    known = redact(f"the key {FORMS[form]} is wrong", {"MY_API_KEY": f" {KEY}\r\n"})
    assert not leaks(known, FORMS[form])
    assert known.startswith("the key ")
    assert known.endswith(" is wrong")
    assert "<MY_API_KEY>" in known


def test_two_secrets_in_a_text_are_told_apart():
    known = {"A_TOKEN": "first-4711", "B_TOKEN": "second-0815", "C_TOKEN": "first-4711-and-more"}
    assert redact("first-4711, second-0815 & first-4711-and-more", known) == "<A_TOKEN>, <B_TOKEN> & <C_TOKEN>"


def _object(url: str) -> ChatOpenAI:
    return ChatOpenAI(model="m", base_url=url, api_key=SecretStr(KEY), max_retries=0)


def _answers(form: str) -> Callable[[dict[str, Any]], Answer]:
    """Quote a key in a reply that is refused, in an error, in one that is read, and in all that comes with it."""
    first = says(f"[9, {form}]", refusal=f"no {form}", finish=form)
    broken = json.loads(says(f"Because of {form}.\nArchitecture: [0, 1, 2, 0, 1, 2, 0, 1]").body)
    broken |= {"model": f"m-{form}", "id": form, "system_fingerprint": form}
    headers = {"x-request-id": quote(form), "x-key": quote(form)}
    script = [first, Answer(json.dumps(broken), headers=headers)]
    return lambda call: script.pop(0) if script else fails(401, f"wrong key {form}", param=form)


async def _searched(llm: Any, run: Path, **options: Any) -> str:
    """Search until the model's server says that the key is wrong; returns what was raised, with its causes."""

    async def evaluate(architecture: genius.Architecture) -> genius.Measurement:
        return genius.Measurement(50.0 + sum(architecture))

    try:
        asked = {"proposer": "model", "iterations": 2, "tries": 1, "run": run}
        await genius.search(SPACE, llm=llm, evaluator=evaluate, **asked, **options)
    except genius.RunFailed as failure:
        error: BaseException | None = failure
        said = ""
        while error is not None:
            said, error = said + f"{error!r} {error}", error.__cause__ or error.__context__
        return said
    raise AssertionError("the server said that the key is wrong")


@pytest.mark.parametrize(
    ("form", "owner"), [*((form, "environment") for form in FORMS), ("plain", "object"), ("base64", "object")]
)
async def test_no_form_reaches_a_file_a_viewer_or_the_model(form, owner, openai_server, tmp_path, monkeypatch):
    openai_server.answer = _answers(FORMS[form])
    notes: list[str] = []
    with langsmith_receiver() as received:
        for name, value in {"TRACING": "true", "ENDPOINT": received.url, "API_KEY": "lsv2_pt_4711"}.items():
            monkeypatch.setenv(f"LANGSMITH_{name}", value)
        monkeypatch.setattr(run_trees, "_CLIENT", None)
        utils.get_env_var.cache_clear()
        asked: dict[str, Any] = {"progress": lambda step: notes.append(f"{step}")}
        if owner == "environment":
            monkeypatch.setenv("OPENAI_API_KEY", KEY)
            asked["base_url"] = openai_server.url
        said = await _searched("openai:m" if owner == "environment" else _object(openai_server.url), tmp_path, **asked)
        run_trees.get_cached_client().flush()
        run_trees.get_cached_client().cleanup()
    utils.get_env_var.cache_clear()
    there: dict[str, str | bytes] = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert {"search.json", "candidates.jsonl", "calls.jsonl", "trace.jsonl", "checkpoints.sqlite"} <= set(there)
    there |= {"LangSmith": received.content, "what was raised": said, "progress": "\n".join(notes)}
    there["prompts"] = json.dumps(openai_server.calls, ensure_ascii=False)
    assert not {place: found for place, content in there.items() if (found := leaks(content, FORMS[form]))}


@pytest.mark.parametrize("form", FORMS)
async def test_no_form_of_what_an_evaluator_says_is_kept(form, tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("MY_TOKEN", KEY)
    caplog.set_level(logging.DEBUG, "genius")
    said = iter([genius.Measurement(error=f"told: {FORMS[form]}"), ValueError(FORMS[form]), 50.0])

    def evaluate(architecture: genius.Architecture) -> object:
        answer = next(said)
        if isinstance(answer, Exception):
            raise answer
        return answer

    genius.draw(await genius.search(SPACE, proposer="random", evaluator=evaluate, iterations=3, run=tmp_path))
    there: dict[str, str | bytes] = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    there["log"] = caplog.text
    assert "search.png" in there
    assert not {place: found for place, content in there.items() if (found := leaks(content, FORMS[form]))}


@pytest.mark.parametrize("form", ["plain", "base64", "repr of bytes"])
async def test_what_a_proposer_raises_reaches_no_checkpoint(form, tmp_path, monkeypatch):
    monkeypatch.setenv("MY_TOKEN", KEY)

    async def propose(prompt: object, history: object) -> str:
        raise KeyError(FORMS[form])

    with pytest.raises(genius.RunFailed) as failure:
        await genius.search(SPACE, proposer=propose, evaluator=len, iterations=1, run=tmp_path)
    assert "<MY_TOKEN>" in str(failure.value)
    for path in tmp_path.iterdir():
        assert not leaks(path.read_bytes(), FORMS[form])


@pytest.mark.parametrize("form", FORMS)
def test_no_form_is_printed(form, monkeypatch, capsys):
    monkeypatch.setenv("MY_TOKEN", KEY)
    monkeypatch.setattr(sys, "stdout", sys.stdout)
    monkeypatch.setattr(sys, "stderr", sys.stderr)
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)
    streams.prepare_streams()
    text = FORMS[form]
    streams.say(f"said {text}")
    streams.print_text(f"printed {text}")
    console().print(f"shown {text}", soft_wrap=True)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn(f"warned {text}", stacklevel=1)
    logging.lastResort.emit(logging.makeLogRecord({"msg": f"logged {text}"}))
    sys.excepthook(ValueError, ValueError(text), None)
    printed = capsys.readouterr()
    assert all(word in printed.out + printed.err for word in ("said", "printed", "shown", "warned", "logged", "Value"))
    assert not leaks(printed.out + printed.err, text)


async def test_a_worker_gets_no_key(tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("MY_PROXY", f"http://me:{ORDINARY}@proxy:8080")
    monkeypatch.setenv("MY_SETTING", "kept")
    tell = "(folder / 'log.txt').write_text(repr(dict(os.environ))); answer()"
    monkeypatch.setattr(process, "worker_command", lambda: command(tell))
    async with LocalWorkers(places(1), ahead=None) as workers:
        await workers.train(digits_job(tmp_path))
    told = (tmp_path / "log.txt").read_text()
    assert "'MY_SETTING': 'kept'" in told
    assert not {path.name for path in tmp_path.iterdir() if "OPENAI_API_KEY" in path.read_text() or leaks(told, KEY)}
    assert ORDINARY not in told


def test_the_command_line_prints_no_key(openai_server, tmp_path):
    openai_server.answer = lambda call: fails(401, f"Incorrect API key provided: {ORDINARY}")
    asked = ["search", "digits", "--llm", "openai:m", "--base-url", openai_server.url, "--run", "r"]
    environment = os.environ | {"OPENAI_API_KEY": f'  "{ORDINARY}"\r\n'}
    done = subprocess.run(
        [sys.executable, "-m", "genius", *asked],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 1
    assert "Incorrect API key provided: <OPENAI_API_KEY>" in done.stderr
    assert ORDINARY not in done.stdout + done.stderr
    assert {call["authorization"] for call in openai_server.headers} == {f"Bearer {ORDINARY}"}
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or ORDINARY.encode() not in path.read_bytes()


class _Plain:
    """An object without pydantic, as clients are."""

    __slots__ = ("session_token",)

    def __init__(self, token: str) -> None:
        self.session_token = token


def _closure(key: str) -> Callable[[], str]:
    api_key = key
    return lambda: api_key


WHERE: dict[str, Callable[[str], object]] = {
    "field": lambda key: {"api_key": key},
    "camel case": lambda key: {"accessToken": key},
    "bytes": lambda key: {"secret": key.encode()},
    "SecretStr": lambda key: [{"anything": SecretStr(key)}],
    "header of its own name": lambda key: {"default_headers": {"X-Team": key}},
    "bearer": lambda key: {"default_headers": {"whatever": f"Bearer {key}"}},
    "basic": lambda key: {"auth": "Basic " + base64.b64encode(f"me:{key}".encode()).decode()},
    "cookie": lambda key: {"Cookie": f"a=b; session={key}"},
    "slots": _Plain,
    "closure": _closure,
    "password of a URL": lambda key: {"endpoint": f"https://me:{key}@host/v1"},
    "signature of a URL": lambda key: {"endpoint": f"https://host/v1?x=1&sig={key}"},
    "client of httpx": lambda key: __import__("httpx").Client(headers={"x-api-key": key}),
    "user and password of httpx": lambda key: __import__("httpx").Client(auth=("me", key)),
    "address of httpx": lambda key: __import__("httpx").Client(base_url=f"https://me:{key}@host/"),
    "client of a model": lambda key: _object("http://127.0.0.1:1/v1").copy(update={"default_query": {"token": key}}),
}


@pytest.mark.parametrize("where", WHERE)
def test_a_key_is_found_wherever_an_object_holds_it(where):
    keep_secret(WHERE[where](ORDINARY))
    assert ORDINARY not in redact(f"echoed: {ORDINARY}")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", f"postgres://me:{ORDINARY}@host/db"),
        ("PIP_EXTRA_INDEX_URL", f"https://a.example https://{ORDINARY}@b.example/simple"),
        ("OPENAI_BASE_URL", f"https://host/v1?api-key={ORDINARY}"),
        ("GOOGLE_CREDENTIALS", json.dumps({"private_key": ORDINARY})),
        ("OPENAI_DEFAULT_TOKEN", f"Bearer {ORDINARY}"),
    ],
)
def test_a_key_is_found_in_every_kind_of_variable(name, value):
    assert redact(f"echoed: {ORDINARY}", {name: value}) == f"echoed: <{name if 'CRED' not in name else 'private_key'}>"
