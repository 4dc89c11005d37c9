"""Language models by name, such as `openai:gpt-4o`, `local`, `replay:FILE` and `human`, or as objects."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import GeniusError
from ..record.secrets import keep_secret
from ..record.settings.llm_settings import OLLAMA_CONTEXT, LLMSettings, Sent, refuse_url_with_secret
from ..spaces.space import SearchSpace
from ..tools.proposal import proposal_schema
from .chat import ChatModel, first_that_answers
from .connections import CLOSING, openai_clients
from .constrained import embedded_proposer
from .embedded import EmbeddedModel, find_model
from .human import human_proposer
from .pricing import look_up, priced_name
from .proposer import Proposer
from .provider import error_in_words
from .provider_keys import clean_keys
from .replay import load_calls, replay

if TYPE_CHECKING:
    from langchain_core.runnables import Runnable

LOCAL, HUMAN, REPLAY = "local", "human", "replay"
_DEFAULT = "openai:gpt-4o"
_KEYS = {"openai": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY"}
_EXTRAS = {"anthropic": "anthropic", "ollama": "ollama"}
_URLS = {"openai": ("OPENAI_BASE_URL", "OPENAI_API_BASE"), "ollama": ("OLLAMA_HOST",)}
_CONNECT = 20.0  # seconds to reach a server


class BadBackend(GeniusError):
    """A language model that cannot be reached as it was named: provider, extra or key."""


def default_llm(environment: Mapping[str, str] = os.environ) -> tuple[str, str]:
    """Choose a language model where none was named; returns its name and why it is that one."""
    if named := environment.get("GENIUS_LLM"):
        return named, "GENIUS_LLM names it"
    if environment.get("OPENAI_API_KEY"):
        return _DEFAULT, "OPENAI_API_KEY is set"
    return LOCAL, "no key is set; the embedded 135M model shows that the loop works, not how good a model can be"


def check_llm(spec: str, options: LLMSettings, environment: Mapping[str, str] = os.environ) -> None:
    """Refuse a language model that cannot work, before anything is written.

    Raises: BadBackend, BadKey, BadRecording.
    """
    _check_name(spec, options, environment)
    if _is_chat(spec):
        chat_model(spec, options)


def _check_name(spec: str, options: LLMSettings, environment: Mapping[str, str] = os.environ) -> None:
    refuse_url_with_secret("the language model's name", spec)
    kind, _, rest = spec.partition(":")
    if spec in (LOCAL, HUMAN):
        return
    if kind == REPLAY:
        load_calls(Path(rest))
        return
    if not rest:
        raise BadBackend(
            f"{spec!r} names no language model: write PROVIDER:MODEL (as in openai:gpt-4o), local, replay:FILE or human"
        )
    base_url = _at_url(spec)[1] or options.base_url
    refuse_url_with_secret("the base URL", base_url or "")
    if kind in _KEYS and not environment.get(_KEYS[kind]) and not base_url:
        raise BadBackend(f"{spec} needs a key: set {_KEYS[kind]}, or use --llm local, which needs none")
    if options.num_ctx is not None and kind != "ollama":
        raise BadBackend(f"--num-ctx is an option of Ollama's models; {spec} is none")


def check_price(llm: object, options: LLMSettings) -> None:
    """Refuse a language model, named or an object, whose replies cannot be priced where their cost is limited.

    Raises: BadBackend.
    """
    name = llm if isinstance(llm, str) else priced_name(_told(llm))
    if options.price is None and look_up(name) is None:
        raise BadBackend(f"the price of {name} is not known: give it in dollars per million tokens with --price IN OUT")


def _at_url(spec: str) -> tuple[str, str | None]:
    """Split PROVIDER:MODEL@URL, which names a server of one's own; most have no URL."""
    name, at, rest = spec.partition("@http")
    return name, f"http{rest}" if at else None


def chat_model(spec: str, options: LLMSettings) -> "Runnable[Any, Any]":
    """Make the LangChain chat model that `PROVIDER:MODEL` names.

    Raises: BadBackend where the provider is unknown, its package is not installed, or it takes the options for wrong;
    BadKey.
    """
    from langchain.chat_models import init_chat_model

    name, url = _at_url(spec)
    provider, _, model = name.partition(":")
    clean_keys(provider)
    options = replace(options, base_url=url or options.base_url)
    try:
        made: Any = init_chat_model(model, model_provider=provider, name=spec, **_settings(provider, options))
        keep_secret(made)  # it may have found a key in a file of its provider's
        return made  # type: ignore[no-any-return]
    except ImportError as error:
        extra = f"pip install 'genius-nas[{_EXTRAS[provider]}]'" if provider in _EXTRAS else error_in_words(error)
        raise BadBackend(f"{spec} needs a package that is not installed: {extra}") from None
    except Exception as error:  # each provider's client has errors of its own; none of them may quote a key
        raise BadBackend(f"{spec} cannot be used: {error_in_words(error)}") from None


def _settings(provider: str, options: LLMSettings) -> dict[str, Any]:
    """Name the options that are given as each provider's LangChain package does. Retries are the graph's, for all."""
    settings: dict[str, Any] = {"base_url": options.base_url, "temperature": options.temperature}
    settings |= {"seed": options.seed, **options.options}
    if provider == "ollama":
        settings |= {"num_predict": options.max_tokens, "reasoning": options.reasoning_effort}
        settings |= {"num_ctx": options.num_ctx}
        return _given(settings) | {"client_kwargs": {"timeout": options.timeout, "headers": CLOSING}}
    settings |= {"max_tokens": options.max_tokens, "reasoning_effort": options.reasoning_effort}
    settings |= {"timeout": options.timeout, "max_retries": 0}
    if provider == "openai":
        from openai import Timeout

        settings["timeout"] = Timeout(options.timeout, connect=min(_CONNECT, options.timeout))
        if not os.environ.get("OPENAI_PROXY") and "openai_proxy" not in settings:
            settings |= openai_clients()
        key = os.environ.get(_KEYS[provider])
        if key or options.base_url:
            settings["api_key"] = key or "none"  # servers of one's own ask for none, the client insists on one
    return _given(settings)


def _given(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if value is not None}


def servers_named(environment: Mapping[str, str] = os.environ) -> set[str]:
    """Return the servers that the environment names."""
    return {environment[name] for names in _URLS.values() for name in names if environment.get(name)}


def _url_of(spec: str, options: LLMSettings) -> str | None:
    """Return where a model's server is, as far as that is said here or in the environment."""
    name, url = _at_url(spec)
    provider = name.partition(":")[0]
    told = (os.environ.get(variable) for variable in _URLS.get(provider, ()))
    found = url or options.base_url or next(filter(None, told), None)
    return found or ("http://127.0.0.1:11434" if provider == "ollama" else None)


ProposerOfTrial = Callable[[int], Proposer]


@dataclass(frozen=True)
class Opened:
    """Open language models: the proposer of each trial, counted from 1, and the parameters sent to each model."""

    proposer: ProposerOfTrial
    sent: Callable[[], list[Sent]]


@asynccontextmanager
async def open_llms(
    llms: Sequence[Any],
    space: SearchSpace,
    options: LLMSettings,
    data: Path,
    *,
    may_stop: bool = False,
    taught: Sequence[Sent] = (),
) -> AsyncIterator[Opened]:
    """Open language models, named or given as objects, for the length of a search; a later one replaces an earlier.

    `taught` holds the parameters that an earlier part of the search has sent, and those that the servers refused. The
    base URL is the first model's. Raises: BadBackend, BadKey, BadRecording.
    """
    schema = proposal_schema(space, may_stop=may_stop)
    proposers: dict[str, ProposerOfTrial] = {}
    chats: list[ChatModel] = []
    async with AsyncExitStack() as stack:
        for at, llm in enumerate(llms):
            name = llm if isinstance(llm, str) else _name_of(llm)
            name = f"{name} ({at + 1})" if name in proposers else name
            asked = options if at == 0 else replace(options, base_url=None)
            if isinstance(llm, str):
                _check_name(llm, asked)
            if _is_chat(llm):
                chats.append(_chat(llm, name, schema, asked, taught))
                await asyncio.to_thread(chats[-1].model, 1)  # which names its fault, before anything is written
                proposers[name] = chats[-1].proposer
            else:
                proposers[name] = await stack.enter_async_context(_open_special(llm, space, asked, data))

        def of_trial(trial: int) -> Proposer:
            return first_that_answers({name: make(trial) for name, make in proposers.items()})

        yield Opened(of_trial, lambda: [chat.sent() for chat in chats])


def _is_chat(llm: object) -> bool:
    return not isinstance(llm, str) or (llm not in (LOCAL, HUMAN) and llm.partition(":")[0] != REPLAY)


def _name_of(model: object) -> str:
    return str(getattr(model, "name", None) or type(model).__name__)


def _chat(llm: Any, name: str, schema: Mapping[str, Any], options: LLMSettings, taught: Sequence[Sent]) -> ChatModel:
    """Make the chat model of a name or of an object; the parameters that its server refused are not sent again."""
    known = next((one for one in taught if one.get("llm") == name), Sent())
    if isinstance(llm, str):
        make, url, told = partial(chat_model, llm), _url_of(llm, options), {}
        if llm.startswith("ollama:"):
            options = replace(options, num_ctx=options.num_ctx or OLLAMA_CONTEXT)
        left_out = list(known.get("left_out", ()))
        options = options.without(left_out)
    else:
        keep_secret(llm)
        make, url, told, left_out = partial(_bound, llm), None, _told(llm), []
        options = LLMSettings(timeout=options.timeout, max_tokens=options.max_tokens, price=options.price)
    options = replace(options, max_tokens=known.get("max_tokens") or options.max_tokens)
    return ChatModel(
        name=name,
        make=make,
        schema=schema,
        options=options,
        url=url,
        told=told,
        as_text={*known.get("as_text", ()), *(() if known.get("structured", True) else ("proposal",))},
        takes_tools=known.get("tools", True),
        left_out=left_out,
    )


def _bound(model: Any, options: LLMSettings) -> Any:
    """Give a model object its limit on tokens; all else is its own."""
    return model if options.max_tokens is None else model.bind(max_tokens=options.max_tokens)


def _told(model: object) -> dict[str, object]:
    """Return the parameters of a model object: its provider, its name, its temperature and its limit on tokens."""
    tell = getattr(model, "_get_ls_params", None)
    told: Mapping[str, object] = tell() if callable(tell) else {}
    names = {"ls_provider": "provider", "ls_model_name": "model", "ls_temperature": "temperature"}
    names["ls_max_tokens"] = "max_tokens"
    return {name: told[field] for field, name in names.items() if told.get(field) is not None}


@asynccontextmanager
async def _open_special(
    spec: str, space: SearchSpace, options: LLMSettings, data: Path
) -> AsyncIterator[ProposerOfTrial]:
    """Open a proposer that is no chat model on a server: the embedded model, a recording, a person."""
    if spec == HUMAN:
        person = human_proposer()
        yield lambda trial: person
    elif spec == LOCAL:
        file = await asyncio.to_thread(find_model, data, Path(options.model_file) if options.model_file else None)
        with await asyncio.to_thread(EmbeddedModel, file) as server:
            yield lambda trial: embedded_proposer(server, space, options, trial)
    else:
        recording = Path(spec.partition(":")[2])
        yield lambda trial: replay(load_calls(recording, trial))
