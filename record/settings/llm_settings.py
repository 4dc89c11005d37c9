"""The group `llm`: which language models are asked, and how."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from pydantic import ConfigDict, Field, JsonValue
from typing_extensions import TypedDict

from ...errors import GeniusError
from ...schema import Count, Flag, Name, Whole
from ..secret_names import is_secret_name, secrets_in_urls
from ..secrets import redact
from .setting import Few, Names, Price, Seconds, Word, absolute, setting

OLLAMA_CONTEXT = 16_384
"""Tokens of prompt and reply together that Ollama is asked to hold: its own default cuts long prompts silently."""

_EFFORT = ("reasoning_effort", "reasoning.effort", "reasoning", "effort", "output_config.effort", "think")
_WIRE = {
    "temperature": ("temperature",),
    "seed": ("seed",),
    "max_tokens": ("max_tokens", "max_completion_tokens", "max_output_tokens", "num_predict"),
    "reasoning_effort": _EFFORT,
    "num_ctx": ("num_ctx",),
}
"""The name of each parameter on the way to a server, by provider."""

_NOT_EXTRA = {"model", "model_provider", "base_url", "timeout", "max_retries", "name", *_WIRE}


SAMPLING = {"top_p", "top_k", "min_p", "presence_penalty", "frequency_penalty", "repeat_penalty", "repeat_last_n"}
"""Options of a provider's that change which token comes next and nothing else."""

_HOSTED = {"anthropic", "cohere", "deepseek", "google_genai", "groq", "mistralai", "ollama", "openai", "xai"}
"""Providers of which each has one server, which its key or its address in the environment names, or this machine."""

_URL_WITH_MORE = re.compile(r"://[^/]*@|://.*[?#]", re.DOTALL)


def is_plain_llm(spec: str) -> bool:
    """Tell whether a language model's name leads to no server, file or code but the provider's own."""
    provider, colon, model = spec.partition(":")
    return spec in ("local", "human") or (provider in _HOSTED and bool(colon) and "@" not in model)


def refuse_url_with_secret(name: str, text: str) -> None:
    """Keep secrets out of the run folder, which holds every setting: a URL there is server and path alone.

    Raises: GeniusError, which does not quote it.
    """
    if _URL_WITH_MORE.search(text):
        raise GeniusError(
            f"{name} holds a URL with a user, a password, a query or a fragment, which may be a secret and would be "
            "written down: take it out and set the key in the environment, as in OPENAI_API_KEY"
        )


class Sent(TypedDict, total=False):
    """The parameters that were really sent to a language model, by name, and those of them that its server refused."""

    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc]

    llm: Name
    left_out: Sequence[Name]
    max_tokens: Count | None
    structured: Flag
    as_text: Sequence[Name]
    tools: Flag


@dataclass(frozen=True)
class LLMSettings:
    """Which language models are asked, and how. A parameter that is None is not sent: the provider's default holds.

    Of several `models` the next one answers where one is down or refuses; `base_url` is the server of the first.
    """

    models: Names = setting(
        (),
        "openai:gpt-4o, anthropic:MODEL, ollama:MODEL, any PROVIDER:MODEL of LangChain, replay:FILE, human, or local: "
        "an embedded 135M model that shows that the loop works, not search quality. Given several times, the next one "
        "answers where one is down or refuses; PROVIDER:MODEL@URL names a server of its own.",
        name="llm",
        claim="the language model",
        rank=1,
    )
    reflector_llm: Name | None = setting(
        None,
        "The language model that writes the notebook and the design principles; default: the one that proposes.",
        claim="the language model",
    )
    base_url: Name | None = setting(
        None, "An OpenAI-compatible server, with --llm openai:MODEL.", claim="the server", metavar="URL"
    )
    temperature: Annotated[float, Field(strict=True, ge=0, le=2)] | None = setting(
        None, "Sampling temperature; default: the provider's own."
    )
    seed: Whole | None = setting(None, "The model's own seed; default: that of the search.", hidden=True)
    max_tokens: Count | None = setting(None, "Longest reply, in tokens; default: the provider's own.")
    reasoning_effort: Word | None = setting(None, "How much a reasoning model thinks, as in low, medium, high.")
    num_ctx: Count | None = setting(None, f"Tokens of context, for --llm ollama:MODEL; default: {OLLAMA_CONTEXT}.")
    options: Mapping[Name, JsonValue] = setting(
        {},
        "Another option of the provider's, as in top_p=0.9.",
        name="llm_options",
        flag="--llm-option",
        claim="the option",
        metavar="NAME=VALUE",
    )
    price: tuple[Price, Price] | None = setting(
        None, "Dollars per million tokens of prompt and of reply; default: looked up.", metavar="IN OUT"
    )
    model_file: Name | None = setting(None, "A GGUF file for --llm local.", claim="the file", metavar="FILE")
    timeout: Seconds = setting(600.0, "Seconds to wait for a whole reply.")
    tries: Few = setting(6, "Calls for one reply while the model's server is in trouble.")

    def __post_init__(self) -> None:
        object.__setattr__(self, "model_file", absolute(self.model_file))

    def check(self) -> None:
        """Raises GeniusError for a possible secret, and for an option that has a field of its own."""
        for spec in (*self.models, self.reflector_llm or ""):
            refuse_url_with_secret("the language model's name", spec)
        refuse_url_with_secret("the base URL", self.base_url or "")
        check_options(self.options)

    @property
    def first(self) -> str | None:
        """The language model that is asked first; None where the proposer is none."""
        return self.models[0] if self.models else None

    def _given(self) -> dict[str, object]:
        return {name: value for name in _WIRE if (value := getattr(self, name)) is not None}

    def wire_names(self) -> list[str]:
        """Return the names that a server which refuses one of the given parameters may call it by."""
        return [*self.options, *(name for parameter in self._given() for name in _WIRE[parameter])]

    def parameter(self, wire_name: str) -> str:
        """Return the parameter that a server calls so."""
        return next((parameter for parameter, names in _WIRE.items() if wire_name in names), wire_name)

    def without(self, parameters: Iterable[str]) -> "LLMSettings":
        """Leave parameters out."""
        out = set(parameters)
        kept = {name: value for name, value in self.options.items() if name not in out}
        return replace(self, options=kept, **dict.fromkeys(out & _WIRE.keys()))  # type: ignore[arg-type]

    def to_json(self) -> dict[str, object]:
        """Return the parameters that are sent."""
        return self._given() | dict(self.options)


def read_options(given: Sequence[str]) -> dict[str, JsonValue]:
    """Read options of the form NAME=VALUE; a value is JSON where it can be, else text.

    Raises: GeniusError for another form.
    """
    found: dict[str, JsonValue] = {}
    for option in given:
        name, equals, value = option.partition("=")
        if not equals or not name.isidentifier():
            raise GeniusError(f"an option of the language model has the form NAME=VALUE, got {name!r}")
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found


def check_options(options: Mapping[str, JsonValue]) -> None:
    """Raises GeniusError for an option of the provider's that has a field of its own, or that holds a secret."""
    for name, value in options.items():
        if not name.isidentifier():
            raise GeniusError(f"an option of the language model has the form NAME=VALUE, got {name!r}")
        if name in _NOT_EXTRA:
            raise GeniusError(f"{name} cannot be given with --llm-option: it has an option of its own, or none")
        _refuse_secrets(name, value)
        refuse_url_with_secret(name, value if isinstance(value, str) else json.dumps(value))


def _refuse_secrets(name: str, value: object) -> None:
    """Keep secrets out of the run folder, which holds the options."""
    if is_secret_name(name):
        raise GeniusError(f"{name} is a secret, and --llm-option is written down: set it in the environment")
    if isinstance(value, str) and (redact(value) != value or next(secrets_in_urls(value), None)):
        raise GeniusError(f"{name} holds a secret, and --llm-option is written down: set it in the environment")
    if isinstance(value, dict):
        for key, inner in value.items():
            _refuse_secrets(str(key), inner)
    if isinstance(value, list):
        for inner in value:
            _refuse_secrets(name, inner)
