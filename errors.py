"""Errors and warnings for users."""

import sys
import warnings

_PACKAGE = __name__.partition(".")[0]


class GeniusError(Exception):
    """An error that the user can mend: one sentence with the rule, the value and the next step."""


class RunFailed(GeniusError):
    """A search that had to stop; its results are kept, and it can be resumed."""


def is_pause(error: BaseException) -> bool:
    """Tell whether an exception is LangGraph's pause, which code that catches errors must let pass."""
    return "GraphBubbleUp" in {cls.__name__ for cls in type(error).__mro__}


class GeniusWarning(UserWarning):
    """A warning of something that the user may not expect; the command goes on."""


def warn(sentence: str) -> None:
    """Warn the user, at the line of code outside this package that led here."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and str(frame.f_globals.get("__name__")).partition(".")[0] == _PACKAGE:
        level, frame = level + 1, frame.f_back
    warnings.warn(sentence, GeniusWarning, stacklevel=level)
