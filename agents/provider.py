"""Errors of language model providers, told apart by what a caller can do, and cleared of secrets."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from traceback import walk_tb

_SECRET_NAMES = ("KEY", "TOKEN", "SECRET", "PASSWORD")
_SHORTEST_SECRET = 6  # shorter values are placeholders such as "none", and words of prose; numbers are no keys either
# Every provider's client has classes of its own; these names, of theirs and of the HTTP layers below, they share.
_UNREACHABLE = {"APIConnectionError", "APITimeoutError", "TransportError", "ConnectionError", "TimeoutError"}
_PASSING = {408, 409, 425, 429}
_LONGEST_WAIT = 60.0  # seconds
_NEVER_PASSING = {"insufficient_quota"}


class ProviderError(Exception):
    """A language model's server did not answer, or would not.

    `transient`: the same call may go through later. `wait`: seconds that the server asked to be left alone, if it did.
    """

    def __init__(self, message: str, *, transient: bool, wait: float = 0.0) -> None:
        super().__init__(message)
        self.transient = transient
        self.wait = wait


def provider_error(error: Exception) -> ProviderError | None:
    """Read a client's exception as the provider's error; None where it is something else, such as a fault of ours."""
    status = getattr(error, "status_code", None)
    if isinstance(status, int):
        passing = status in _PASSING or status >= 500
        transient = passing and getattr(error, "code", None) not in _NEVER_PASSING
        return ProviderError(_one_line(error), transient=transient, wait=_retry_after(error) if transient else 0.0)
    if _UNREACHABLE & {cls.__name__ for cls in type(error).__mro__}:
        return ProviderError(_one_line(error), transient=True)
    if _is_unreadable(error):
        return ProviderError(f"its answer is no chat completion: {_one_line(error)}", transient=True)
    return None


def _is_unreadable(error: Exception) -> bool:
    """Tell whether an answer was not JSON, or of a form that the provider's LangChain package itself refused."""
    if isinstance(error, json.JSONDecodeError):
        return True
    raised_in = [frame.f_globals.get("__name__", "") for frame, _ in walk_tb(error.__traceback__)][-1:]
    package = "".join(raised_in).partition(".")[0]
    return (
        isinstance(error, ValueError | TypeError) and package.startswith("langchain_") and package != "langchain_core"
    )


@contextmanager
def provider_errors() -> Iterator[None]:
    """Raise a client's exceptions as what they are for a caller.

    Raises: ProviderError where a server does not answer, or will not; everything else as it is.
    """
    try:
        yield
    except Exception as error:
        if (known := provider_error(error)) is None:
            raise
        raise known from None  # the client's own exception may quote a key


def is_transient(error: Exception) -> bool:
    """Tell whether a call is worth trying again."""
    return isinstance(error, ProviderError) and error.transient


def redact(text: str, environment: Mapping[str, str] = os.environ) -> str:
    """Replace every secret of the environment that stands in a text by the name of its variable."""
    for name, value in environment.items():
        if _is_secret(name, value):
            text = text.replace(value, f"<{name}>")
    return text


def _is_secret(name: str, value: str) -> bool:
    if len(value) < _SHORTEST_SECRET or value.isdigit():
        return False
    return any(word in name.upper().split("_") for word in _SECRET_NAMES)


def _retry_after(error: Exception) -> float:
    """Return the seconds of a Retry-After header; its other form, a date, is rare and left to the backoff."""
    headers = getattr(getattr(error, "response", None), "headers", {})
    try:
        wait = float(headers.get("retry-after", 0))
    except ValueError:
        return 0.0
    return min(wait, _LONGEST_WAIT) if wait > 0 else 0.0


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split()).rstrip(".")
    return redact(f"{type(error).__name__}: {text}" if text else type(error).__name__)[:400]
