"""Keys of model objects: in no file, no trace, no error and no checkpoint, whoever quotes them."""

import base64
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import genius
import pytest
from genius.record import secrets
from genius.record.secrets import keep_secret, redact
from langchain_openai import ChatOpenAI
from langsmith import run_trees
from pydantic import BaseModel, SecretStr

from ..conftest import fails, says
from ..langsmith_receiver import langsmith_receiver

SPACE = genius.get_space("nas-bench-macro")
KEY = 'sk-object "4711"/ü+end'
HEADER = "header-secret-0815"


async def evaluate(architecture: genius.Architecture) -> genius.Measurement:
    return genius.Measurement(50.0 + sum(architecture))


@pytest.fixture(autouse=True)
def _forget(monkeypatch) -> None:
    monkeypatch.setattr(secrets, "_kept", {})


def _model(url: str, key: str = KEY) -> ChatOpenAI:
    headers = {"X-Api-Key": HEADER}
    return ChatOpenAI(model="m", base_url=url, api_key=SecretStr(key), max_retries=0, default_headers=headers)


def _forms(key: str) -> list[str]:
    return [key, json.dumps(key)[1:-1], quote(key, ""), base64.b64encode(key.encode()).decode(), repr(key)]


class Holder(BaseModel):
    inner: Any = None
    api_token: str = "a-plain-token"


def test_secrets_are_found_wherever_an_object_keeps_them():
    keep_secret(Holder(inner=[{"authorization": "Bearer in-a-header"}, Holder(inner=SecretStr("in-secretstr"))]))
    said = redact("a-plain-token, in-a-header, in-secretstr, Bearer of news")
    assert said == "<api_token>, <authorization>, <inner>, Bearer of news"


@pytest.mark.parametrize("form", range(len(_forms(KEY))))
def test_every_escaped_form_is_cleared(form):
    keep_secret(_model("http://127.0.0.1:1/v1"))
    written = _forms(KEY)[form]
    assert written not in redact(f"quoted: {written}!")
    assert redact("a harmless text") == "a harmless text"


@pytest.mark.parametrize("wrapped", ["alone", "with fallbacks", "bound"])
@pytest.mark.parametrize("how", ["in a reply", "in a refusal", "in an error"])
async def test_a_server_that_quotes_a_key_spreads_it_nowhere(openai_server, tmp_path, monkeypatch, how, wrapped):
    key = "sk-object-4711-0815"
    quoted = f"your key is {key}, your header {HEADER}"
    good = says(f"Architecture: [0, 0, 0, 0, 0, 0, 0, 1]. By the way, {quoted}")
    answers = {"in a reply": good, "in a refusal": says(None, refusal=quoted), "in an error": fails(401, quoted)}
    openai_server.answer = lambda call: answers[how]
    model: Any = _model(openai_server.url, key)
    model = {
        "alone": lambda: model,
        "with fallbacks": lambda: _model(openai_server.url, "sk-another-key").with_fallbacks([model]),
        "bound": lambda: model.bind(stop=["\n\n\n"]),
    }[wrapped]()
    with langsmith_receiver() as received:
        for name, value in {"TRACING": "true", "ENDPOINT": received.url, "API_KEY": "lsv2_pt_x"}.items():
            monkeypatch.setenv(f"LANGSMITH_{name}", value)
        monkeypatch.setattr(run_trees, "_CLIENT", None)
        from langsmith import utils

        utils.get_env_var.cache_clear()
        said = ""
        try:
            options = {"iterations": 1, "tries": 1, "max_replies": 2, "run": tmp_path / "run"}
            await genius.search(SPACE, llm=model, evaluator=evaluate, **options)
        except genius.RunFailed as failure:
            error: BaseException | None = failure
            while error is not None:
                said += repr(error)
                error = error.__cause__ or error.__context__
        run_trees.get_cached_client().flush()
        run_trees.get_cached_client().cleanup()
    utils.get_env_var.cache_clear()
    files = {path.name: path.read_bytes() for path in Path(tmp_path).rglob("*") if path.is_file()}
    assert {"calls.jsonl", "checkpoints.sqlite", "trace.jsonl", "search.json"} - set(files) <= {"calls.jsonl"}
    for secret in (key, HEADER, "sk-another-key"):
        assert secret not in said
        assert not [name for name, content in files.items() if secret.encode() in content]
        assert secret.encode() not in received.content
