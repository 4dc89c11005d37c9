"""Connections to servers of language models, each closed at the end of its call.

A connection belongs to the event loop that opened it. Clients are shared by a whole process, which may run one loop
after another, or several in threads: a connection that was kept open would be broken in another loop.
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
    """Make HTTP clients for a chat model of OpenAI's, which share the certificates: loading these takes 25 ms."""
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
"""Packages whose chat models, and subclasses of them, take `extra_headers` with a call."""


def without_kept_connections(model: Any) -> Any:
    """Bind a chat model to close its connection after each reply, where its client can do so."""
    parts = list(_parts(model))
    if not all(_takes_headers(part) for part in parts if not _is_wrapper(part)):
        return model
    own: dict[str, str] = {}
    for part in parts:
        for options in (getattr(part, "model_kwargs", None), getattr(part, "kwargs", None)):
            own |= (options or {}).get("extra_headers") or {}
    return model.bind(extra_headers=own | CLOSING)


def _parts(model: Any) -> Iterator[Any]:
    """Yield the models that a model wraps, the innermost first, and itself last: outer bindings take precedence."""
    for inner in (getattr(model, "bound", None), getattr(model, "runnable", None), *getattr(model, "fallbacks", ())):
        if inner is not None:
            yield from _parts(inner)
    yield model


def _is_wrapper(part: Any) -> bool:
    return hasattr(part, "bound") or hasattr(part, "fallbacks")


def _takes_headers(model: Any) -> bool:
    return any(cls.__module__.partition(".")[0] in _TAKE_HEADERS for cls in type(model).__mro__)
