"""Errors of language model providers, classified by whether a later call may succeed, and redacted."""

import json
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from traceback import walk_tb
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from ..errors import GeniusError, is_pause
from ..record.secrets import redact

# Every provider's client has exception classes of its own; these names are common to them and the HTTP layers below.
_UNREACHABLE = {"APIConnectionError", "APITimeoutError", "TransportError", "ConnectionError", "TimeoutError"}
_PASSING = {408, 409, 425, 429}
_LONGEST_WAIT = 60.0  # seconds
_NEVER_PASSING = {"insufficient_quota"}
_OURS = (NameError, ImportError, NotImplementedError, AssertionError, MemoryError, RecursionError)
"""Exceptions of a fault in the code of a client or of a model object, which the next call would raise again."""

_LONGEST = 400  # characters of a message

_TOO_LONG = (
    "context_length",
    "context length",
    "context window",
    "context size",
    "prompt is too long",
    "input is too long",
)
"""The words of servers, in small letters, for messages that are longer than the model's context."""


class ProviderError(Exception):
    """A language model's server did not answer, or refused to.

    - `transient`: the same call may succeed later. `wait`: seconds that the server asked callers to wait.
    - `status`: the HTTP status, None without an answer. `code`, `parameter`: the server's words for the fault and for
      the parameter at fault, where it names them. `said`: its whole message.
    """

    def __init__(
        self,
        message: str,
        *,
        transient: bool,
        wait: float = 0.0,
        status: int | None = None,
        code: str = "",
        parameter: str = "",
    ) -> None:
        super().__init__(message)
        self.transient = transient
        self.wait = wait
        self.status = status
        self.code = code
        self.parameter = parameter
        self.said = message

    @property
    def is_too_long(self) -> bool:
        """Whether the messages are longer than the model's context."""
        said = f"{self.code} {self.said}".lower()
        return not self.transient and any(words in said for words in _TOO_LONG)

    def names(self, words: Collection[str]) -> str | None:
        """Return the first of these words that the error names; None where it names none."""
        for word in words:
            if word == self.parameter or re.search(rf"(?<!\w){re.escape(word)}(?!\w)", self.said):
                return word
        return None


def provider_error(error: Exception) -> ProviderError:
    """Convert an exception of a model's client, of any library, into a ProviderError."""
    known = _told_apart(error)
    known.said = redact(str(error))
    return known


def _told_apart(error: Exception) -> ProviderError:
    line, status = error_in_words(error), getattr(error, "status_code", None)
    if isinstance(status, int):
        code, parameter = (str(getattr(error, name, None) or "") for name in ("code", "param"))
        transient = (status in _PASSING or status >= 500) and code not in _NEVER_PASSING
        wait = _retry_after(error) if transient else 0.0
        return ProviderError(line, transient=transient, wait=wait, status=status, code=code, parameter=parameter)
    if _UNREACHABLE & {cls.__name__ for cls in type(error).__mro__}:
        return ProviderError(line, transient=True)
    if _is_unreadable(error):
        return ProviderError(f"its answer is no chat completion: {line}", transient=True)
    return ProviderError(line, transient=not isinstance(error, (*_OURS, TypeError, LookupError, ValueError)))


def _is_unreadable(error: Exception) -> bool:
    """Tell whether an answer was not JSON, or of a form that the client's code could not parse."""
    if isinstance(error, json.JSONDecodeError | UnicodeDecodeError):
        return True
    raised_in = [Path(frame.f_code.co_filename).parts for frame, _ in walk_tb(error.__traceback__)][-1:]
    of_a_library = any({"site-packages", "dist-packages"} & set(parts) for parts in raised_in)
    return of_a_library and not isinstance(error, _OURS)


@contextmanager
def provider_errors(url: str | None = None) -> Iterator[None]:
    """Convert every exception of a model's client into a ProviderError; `url` is the server's, if known.

    Raises: ProviderError; GeniusError unchanged.
    """
    try:
        yield
    except (ProviderError, GeniusError):
        raise
    except Exception as error:
        if is_pause(error):
            raise
        known = provider_error(error)
        known.args = (f"{known}{_proxy(url)}",)
        raise known from None  # the client's own exception may quote a key


def is_transient(error: Exception) -> bool:
    """Tell whether a later call may succeed."""
    return isinstance(error, ProviderError) and error.transient


def _proxy(url: str | None) -> str:
    """Name the proxy between this machine and a server that runs on it; empty where there is none."""
    parts = urlsplit(url or "")
    if parts.hostname not in ("localhost", "127.0.0.1", "::1") or proxy_bypass(parts.hostname):
        return ""
    proxies = getproxies()
    for name in (parts.scheme, "all"):
        if name in proxies:
            words = f"{name.upper()}_PROXY sends calls to this machine through a proxy"
            return f"; {words}: set NO_PROXY={parts.hostname}"
    return ""


def _retry_after(error: Exception) -> float:
    """Return the seconds of a Retry-After header; 0 for its rare other form, a date, which the backoff covers."""
    headers = getattr(getattr(error, "response", None), "headers", {})
    try:
        wait = float(headers.get("retry-after", 0))
    except ValueError:
        return 0.0
    return min(wait, _LONGEST_WAIT) if wait > 0 else 0.0


def error_in_words(error: Exception) -> str:
    """Describe an exception in one line, redacted and shortened."""
    text = " ".join(str(error).split()).rstrip(".")
    return redact(f"{type(error).__name__}: {text}" if text else type(error).__name__)[:_LONGEST]
