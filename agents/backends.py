"""Language model backends by name: `openai:gpt-4o`, `anthropic:…`, `ollama:…`, `local`, `replay:FILE`, `human`."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from ..spaces.errors import GeniusError
from ..spaces.space import SearchSpace
from .embedded import EmbeddedModel, find_model
from .human import human_proposer
from .proposer import Proposer, chat_proposer, constrained_proposer
from .replay import load_recording, replay

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_openai import ChatOpenAI

LOCAL = "local"
_DEFAULT = "openai:gpt-4o"
_KEYS = {"openai": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY"}
_EXTRAS = {"anthropic": "anthropic", "ollama": "ollama"}


class BadBackend(GeniusError):
    """A language model that cannot be reached as it was named: provider, extra or key."""


@dataclass(frozen=True)
class LLMOptions:
    """How a language model is asked. `timeout` in seconds; `max_tokens` bounds the length of one reply."""

    base_url: str | None = None
    temperature: float = 0.0
    seed: int = 0
    timeout: float = 120.0
    max_tokens: int = 2048
    model_file: Path | None = None


def default_llm(environment: Mapping[str, str] = os.environ) -> tuple[str, str]:
    """Choose a language model where none was named; returns its name and why it is that one."""
    if named := environment.get("GENIUS_LLM"):
        return named, "GENIUS_LLM names it"
    if environment.get("OPENAI_API_KEY"):
        return _DEFAULT, "OPENAI_API_KEY is set"
    return LOCAL, "no key is set; the embedded 135M model shows that the loop works, not how good a model can be"


def check_llm(spec: str, options: LLMOptions, environment: Mapping[str, str] = os.environ) -> None:
    """Refuse a language model that cannot work, before anything is written.

    Raises: BadBackend, BadRecording.
    """
    kind, _, rest = spec.partition(":")
    if spec in (LOCAL, "human"):
        return
    if kind == "replay":
        load_recording(Path(rest))
        return
    if not rest:
        raise BadBackend(
            f"{spec!r} names no language model: write PROVIDER:MODEL (as in openai:gpt-4o), local, replay:FILE or human"
        )
    _check_base_url(options.base_url)
    if kind in _KEYS and not environment.get(_KEYS[kind]) and not options.base_url:
        raise BadBackend(f"{spec} needs a key: set {_KEYS[kind]}, or use --llm local, which needs none")
    chat_model(spec, options)


def _check_base_url(base_url: str | None) -> None:
    """Keep secrets out of the run folder, which holds the URL."""
    url = urlsplit(base_url or "")
    secret_fields = [name for name, _ in parse_qsl(url.query) if "key" in name.lower() or "token" in name.lower()]
    if url.username or url.password or secret_fields:
        raise BadBackend("the base URL holds a secret: take it out and set it as OPENAI_API_KEY")


def chat_model(spec: str, options: LLMOptions) -> "BaseChatModel":
    """Make the LangChain chat model that `PROVIDER:MODEL` names.

    Raises: BadBackend where the provider is unknown or its package is not installed.
    """
    from langchain.chat_models import init_chat_model

    provider, _, model = spec.partition(":")
    try:
        settings: Any = _settings(provider, options)
        made: BaseChatModel = init_chat_model(model, model_provider=provider, **settings)
        return made
    except ImportError as error:
        extra = f"pip install 'genius-nas[{_EXTRAS[provider]}]'" if provider in _EXTRAS else str(error)
        raise BadBackend(f"{spec} needs a package that is not installed: {extra}") from error
    except ValueError as error:
        reason = str(error).splitlines()[0]
        raise BadBackend(f"{spec} cannot be used: {reason}") from error


def _settings(provider: str, options: LLMOptions) -> dict[str, object]:
    """Name the options as each provider's LangChain package does. Retries are the graph's, the same for all."""
    settings: dict[str, object] = {"temperature": options.temperature}
    if options.base_url:
        settings["base_url"] = options.base_url
    if provider == "ollama":
        timeout = {"timeout": options.timeout}
        return settings | {"seed": options.seed, "num_predict": options.max_tokens, "client_kwargs": timeout}
    settings |= {"timeout": options.timeout, "max_tokens": options.max_tokens, "max_retries": 0}
    if provider == "openai":
        from openai import Timeout

        # As a number it would get connections shared by the whole process, and those die with their event loop.
        settings |= {"seed": options.seed, "timeout": Timeout(options.timeout)}
        if options.base_url and not os.environ.get(_KEYS[provider]):
            settings["api_key"] = "none"  # servers of one's own ask for none, the client insists on one
    return settings


def _of_trial(options: LLMOptions, trial: int) -> LLMOptions:
    """Give each trial a seed of its own, so that sampling at a temperature differs between trials."""
    return replace(options, seed=options.seed + trial - 1)


def _embedded_chat(server: EmbeddedModel, options: LLMOptions) -> "ChatOpenAI":
    return server.chat_model(
        temperature=options.temperature, seed=options.seed, max_tokens=options.max_tokens, timeout=options.timeout
    )


ProposerOfTrial = Callable[[int], Proposer]


@asynccontextmanager
async def open_llm(spec: str, space: SearchSpace, options: LLMOptions, data: Path) -> AsyncIterator[ProposerOfTrial]:
    """Open a language model for the length of a search; gives the proposer of each trial, counted from 1.

    Raises: BadBackend, BadRecording.
    """
    check_llm(spec, options)
    kind, _, rest = spec.partition(":")
    if kind == "replay":
        yield lambda trial: replay(load_recording(Path(rest), trial))
    elif spec == "human":
        person = human_proposer()
        yield lambda trial: person
    elif spec == LOCAL:
        file = await asyncio.to_thread(find_model, data, options.model_file)
        with await asyncio.to_thread(EmbeddedModel, file) as server:
            yield lambda trial: constrained_proposer(_embedded_chat(server, _of_trial(options, trial)), space)
    else:
        yield lambda trial: chat_proposer(chat_model(spec, _of_trial(options, trial)), spec)
