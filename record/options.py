"""How a language model is asked: the parameters that a user gave, and those that its server refused."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

from pydantic import ConfigDict
from typing_extensions import TypedDict

from ..errors import GeniusError
from ..schema import Count, Flag, Name
from .secret_names import is_secret_name, secrets_in_urls
from .secrets import redact

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
"""What each parameter is called on the way to a server, by provider."""

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
    """Keep secrets out of the run folder, which holds what is given: of a URL nothing but server and path is.

    Raises: GeniusError, which does not quote it.
    """
    if _URL_WITH_MORE.search(text):
        raise GeniusError(
            f"{name} holds a URL with a user, a password, a query or a fragment, which may be a secret and would be "
            "written down: take it out and set the key in the environment, as in OPENAI_API_KEY"
        )


class Sent(TypedDict, total=False):
    """What was really sent to a language model, its parameters by name, and which of them its server refused."""

    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc]

    llm: Name
    left_out: Sequence[Name]
    max_tokens: Count | None
    structured: Flag


@dataclass(frozen=True)
class LLMOptions:
    """How a language model is asked. What is None is not sent: the provider's own default holds.

    - `timeout`: seconds for a whole reply. `max_tokens`: of a reply. `num_ctx`: of prompt and reply, for Ollama.
    - `extra`: further options of the provider's LangChain package, by name.
    - `price`: dollars for a million tokens of prompt, and of reply, where that is not to be looked up.
    - `left_out`: parameters that were given but that the server refused.
    """

    base_url: str | None = None
    temperature: float | None = None
    seed: int | None = None
    timeout: float = 600.0
    max_tokens: int | None = None
    reasoning_effort: str | None = None
    num_ctx: int | None = None
    extra: tuple[tuple[str, object], ...] = ()
    price: tuple[float, float] | None = None
    model_file: Path | None = None
    left_out: tuple[str, ...] = ()

    def wire_names(self) -> list[str]:
        """Return what the given parameters may be called by a server that refuses one of them."""
        given = [name for parameter, names in _WIRE.items() if getattr(self, parameter) is not None for name in names]
        return [*(name for name, _ in self.extra), *given]

    def parameter(self, wire_name: str) -> str:
        """Return the parameter that a server calls so."""
        return next((parameter for parameter, names in _WIRE.items() if wire_name in names), wire_name)

    def without(self, parameter: str) -> "LLMOptions":
        """Leave a parameter out."""
        left_out = tuple(dict.fromkeys((*self.left_out, parameter)))
        if parameter in _WIRE:
            return replace(self, left_out=left_out, **{parameter: None})  # type: ignore[arg-type]
        return replace(self, left_out=left_out, extra=tuple(one for one in self.extra if one[0] != parameter))

    def without_all(self, parameters: Sequence[str]) -> "LLMOptions":
        """Leave several parameters out."""
        options = self
        for parameter in parameters:
            options = options.without(parameter)
        return options

    def to_json(self) -> dict[str, object]:
        """Return what is sent, and what was refused."""
        hidden = {"model_file", "price", "extra", "timeout", "base_url"}
        given = {one.name: getattr(self, one.name) for one in fields(self) if one.name not in hidden}
        return {name: value for name, value in given.items() if value not in (None, ())} | dict(self.extra)


def read_extra(given: Sequence[str]) -> tuple[tuple[str, object], ...]:
    """Read options of the form NAME=VALUE; a value is JSON where it can be, else text.

    Raises: GeniusError for another form, for an option that has a flag of its own, and for a secret.
    """
    found: dict[str, object] = {}
    for option in given:
        name, equals, value = option.partition("=")
        if not equals or not name.isidentifier():
            raise GeniusError(f"an option of the language model has the form NAME=VALUE, got {name!r}")
        if name in _NOT_EXTRA:
            raise GeniusError(f"{name} cannot be given with --llm-option: it has an option of its own, or none")
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
        _refuse_secrets(name, found[name])
        refuse_url_with_secret(name, value)
    return tuple(found.items())


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
