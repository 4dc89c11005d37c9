"""Errors of language model providers, told apart by what a caller can do, and cleared of secrets."""

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

# Every provider's client has classes of its own; these names, of theirs and of the HTTP layers below, they share.
_UNREACHABLE = {"APIConnectionError", "APITimeoutError", "TransportError", "ConnectionError", "TimeoutError"}
_PASSING = {408, 409, 425, 429}
_LONGEST_WAIT = 60.0  # seconds
_NEVER_PASSING = {"insufficient_quota"}
_OURS = (NameError, ImportError, NotImplementedError, AssertionError, MemoryError, RecursionError)
"""What a client or a model object raises by a fault in its code: the next call would raise it again."""

_LONGEST = 400  # characters of a message


class ProviderError(Exception):
    """A language model's server did not answer, or would not.

    - `transient`: the same call may go through later. `wait`: seconds that the server asked to be left alone.
    - `status`: that of the HTTP answer, None where there was none. `code`, `parameter`: the server's own words for what
      is wrong and which parameter it is about, where it has such words. `said`: its whole message.
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

    def names(self, words: Collection[str]) -> str | None:
        """Return the first of the words that the error is about; None where it names none of them."""
        for word in words:
            if word == self.parameter or re.search(rf"(?<!\w){re.escape(word)}(?!\w)", self.said):
                return word
        return None


def provider_error(error: Exception) -> ProviderError:
    """Read the exception of a model's client, whatever library raised it."""
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
    """Tell whether an answer was not JSON, or of a form that the client's own code could not take apart."""
    if isinstance(error, json.JSONDecodeError | UnicodeDecodeError):
        return True
    raised_in = [Path(frame.f_code.co_filename).parts for frame, _ in walk_tb(error.__traceback__)][-1:]
    of_a_library = any({"site-packages", "dist-packages"} & set(parts) for parts in raised_in)
    return of_a_library and not isinstance(error, _OURS)


@contextmanager
def provider_errors(url: str | None = None) -> Iterator[None]:
    """Raise whatever a model's client raises as what it is for a caller; `url` is that of the server, if known.

    Raises: ProviderError; GeniusError as it is.
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
    """Tell whether a call is worth trying again."""
    return isinstance(error, ProviderError) and error.transient


def _proxy(url: str | None) -> str:
    """Name the proxy that stands between this machine and a server on it."""
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
    """Return the seconds of a Retry-After header; its other form, a date, is rare and left to the backoff."""
    headers = getattr(getattr(error, "response", None), "headers", {})
    try:
        wait = float(headers.get("retry-after", 0))
    except ValueError:
        return 0.0
    return min(wait, _LONGEST_WAIT) if wait > 0 else 0.0


def error_in_words(error: Exception) -> str:
    """Say in one line what was raised, cleared of secrets and shortened."""
    text = " ".join(str(error).split()).rstrip(".")
    return redact(f"{type(error).__name__}: {text}" if text else type(error).__name__)[:_LONGEST]
