"""Keys of providers: blanks and quotes around a key are removed, and a key that no header can carry is refused."""

import os
from collections.abc import Mapping, MutableMapping

from ..errors import GeniusError
from ..record.secret_names import is_secret_name

_BEGINNINGS = {
    "azure_openai": ("AZURE", "OPENAI"),
    "azure_ai": ("AZURE", "OPENAI"),
    "bedrock": ("AWS", "BEDROCK"),
    "bedrock_converse": ("AWS", "BEDROCK"),
    "anthropic_bedrock": ("AWS", "ANTHROPIC"),
    "google_genai": ("GOOGLE", "GEMINI"),
    "google_vertexai": ("GOOGLE", "GEMINI", "VERTEX"),
    "google_anthropic_vertex": ("GOOGLE", "ANTHROPIC", "VERTEX"),
    "huggingface": ("HF", "HUGGINGFACE", "HUGGINGFACEHUB", "HUGGING"),
    "cohere": ("COHERE", "CO"),
    "ibm": ("WATSONX", "IBM"),
    "mistralai": ("MISTRAL", "MISTRALAI"),
    "perplexity": ("PPLX", "PERPLEXITY"),
}
"""Beginnings of the variables that a provider's client reads, where not the first word of the provider's name."""

_TRACING = ("LANGSMITH", "LANGCHAIN")
_AROUND = " \t\r\n\v\f\ufeff\u200b\u00a0"
_QUOTES = ('"', "'", "`", "“”", "‘’")


class BadKey(GeniusError):
    """A key that cannot be used; the message names its variable, never its value."""


def clean_keys(provider: str, environment: MutableMapping[str, str] = os.environ) -> None:
    """Remove blanks and quotes around the keys that a provider's client reads from the environment.

    Raises: BadKey for a key that is empty then, or holds characters that no HTTP header can carry.
    """
    beginnings = _BEGINNINGS.get(provider, (provider.partition("_")[0].upper(),))
    for name in _keys_of(beginnings, environment):
        environment[name] = clean_key(name, environment[name])


def clean_tracing_keys(environment: MutableMapping[str, str] = os.environ) -> None:
    """Clean the keys of LangSmith in the same way, where traces are sent to it.

    Raises: BadKey.
    """
    words = ("LANGSMITH_TRACING", "LANGSMITH_TRACING_V2", "LANGCHAIN_TRACING", "LANGCHAIN_TRACING_V2")
    if any(environment.get(word, "").strip().lower() == "true" for word in words):
        for name in _keys_of(_TRACING, environment):
            environment[name] = clean_key(name, environment[name])


def _keys_of(beginnings: tuple[str, ...], environment: Mapping[str, str]) -> list[str]:
    """List the variables that are set and hold a key; those that end in CREDENTIALS hold the path of a file."""
    return [
        name
        for name, value in environment.items()
        if value and name.split("_")[0] in beginnings and is_secret_name(name) and not name.endswith("CREDENTIALS")
    ]


def clean_key(name: str, value: str) -> str:
    """Return a key without the blanks and quotes around it.

    Raises: BadKey.
    """
    key = value.strip(_AROUND)
    for quotes in _QUOTES:
        if len(key) > 1 and key[0] == quotes[0] and key[-1] == quotes[-1]:
            key = key[1:-1].strip(_AROUND)
    if not key:
        raise BadKey(f"{name} is set, but holds nothing: set it to the key, or unset it")
    if wrong := _wrong_with(key):
        raise BadKey(f"{name} holds {wrong}, which is part of no key: copy the key anew")
    return key


def _wrong_with(key: str) -> str:
    if any(letter.isspace() or not letter.isprintable() for letter in key if letter.isascii()):
        return "a blank or a control character inside"
    if not key.isascii():
        return "a character that is not ASCII"
    if key[0] in "\"'`" or key[-1] in "\"'`":
        return "a quotation mark at one end"
    return ""
