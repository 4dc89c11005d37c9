"""The errors that users can mend, and the warnings that they may want to know of."""

import sys
import warnings

_PACKAGE = __name__.partition(".")[0]


class GeniusError(Exception):
    """What a user can mend: one sentence with the rule, the value and what to do next."""


class RunFailed(GeniusError):
    """A search that had to stop; everything up to there is kept and can be resumed."""


def is_pause(error: BaseException) -> bool:
    """Tell whether it is not an error, but LangGraph's way to pause: it passes through whatever catches errors."""
    return "GraphBubbleUp" in {cls.__name__ for cls in type(error).__mro__}


class GeniusWarning(UserWarning):
    """What a user may not expect, and what nothing ends by."""


def warn(sentence: str) -> None:
    """Warn the user, at the line of code outside this package that led here."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and str(frame.f_globals.get("__name__")).partition(".")[0] == _PACKAGE:
        level, frame = level + 1, frame.f_back
    warnings.warn(sentence, GeniusWarning, stacklevel=level)
