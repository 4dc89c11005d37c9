"""Errors and warnings for users."""

import sys
import warnings
from importlib.util import find_spec

_PACKAGE = __name__.partition(".")[0]


class GeniusError(Exception):
    """An error that the user can mend: one sentence with the rule, the value and the next step."""


class RunFailed(GeniusError):
    """A search that had to stop; its results are kept, and it can be resumed."""


_TORCH = ("torch", "torchvision")


class NeedsTorch(GeniusError):
    """A step that needs PyTorch where it is not installed; only training and building a network do."""

    def __init__(self, step: str) -> None:
        super().__init__(f"{step} needs PyTorch, which is not installed here: pip install {' '.join(_TORCH)}")


def need_torch(step: str) -> None:
    """Raises NeedsTorch where PyTorch is not installed; it is not loaded for that."""
    try:
        found = all(find_spec(name) for name in _TORCH)
    except ImportError as error:
        raise NeedsTorch(step) from error
    if not found:
        raise NeedsTorch(step)


def name_missing_torch(error: BaseException, step: str) -> None:
    """Raises NeedsTorch in the place of an import that failed since PyTorch is not installed."""
    if isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] in _TORCH:
        raise NeedsTorch(step) from error


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
