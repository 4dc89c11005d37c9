"""Connections to servers of language models: none outlives the call it was made for.

A connection belongs to the event loop that opened it. Clients are shared by a whole process, and a process may run one
loop after another, or several in threads: a connection that was kept for later would be found broken there.
"""

import os
import ssl
from collections.abc import Iterator
from functools import cache
from typing import Any

import httpx

CLOSING = {"Connection": "close"}
"""The header of a call after which its connection is closed."""

_TRUST = ("SSL_CERT_FILE", "SSL_CERT_DIR")  # variables that name other certificates to trust


def openai_clients() -> dict[str, Any]:
    """Return HTTP clients for a chat model of OpenAI's: they share the certificates, which take 25 ms to load."""
    from openai import DefaultAsyncHttpxClient, DefaultHttpxClient

    trusted = _certificates(*map(os.environ.get, _TRUST))
    return {
        "http_client": DefaultHttpxClient(verify=trusted),
        "http_async_client": DefaultAsyncHttpxClient(verify=trusted),
    }


@cache
def _certificates(*named: str | None) -> ssl.SSLContext:
    return httpx.create_ssl_context()


_TAKE_HEADERS = {"langchain_openai", "langchain_anthropic"}
"""Packages whose chat models, and those made from them, take `extra_headers` with a call."""


def without_kept_connections(model: Any) -> Any:
    """Return a chat model that closes its connection after each reply, where its provider can be asked to."""
    parts = list(_parts(model))
    if not all(_takes_headers(part) for part in parts if not _is_wrapper(part)):
        return model
    own: dict[str, str] = {}
    for part in parts:
        for options in (getattr(part, "model_kwargs", None), getattr(part, "kwargs", None)):
            own |= (options or {}).get("extra_headers") or {}
    return model.bind(extra_headers=own | CLOSING)


def _parts(model: Any) -> Iterator[Any]:
    """Go through a model and what it wraps, the innermost first: what is bound further out counts more."""
    for inner in (getattr(model, "bound", None), getattr(model, "runnable", None), *getattr(model, "fallbacks", ())):
        if inner is not None:
            yield from _parts(inner)
    yield model


def _is_wrapper(part: Any) -> bool:
    return hasattr(part, "bound") or hasattr(part, "fallbacks")


def _takes_headers(model: Any) -> bool:
    return any(cls.__module__.partition(".")[0] in _TAKE_HEADERS for cls in type(model).__mro__)
