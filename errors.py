"""Errors and warnings for users."""


class GeniusError(Exception):
    """An error that the user can mend: one sentence with the rule, the value and the next step."""


class RunFailed(GeniusError):
    """A search that had to stop; its results are kept, and it can be resumed."""


def is_pause(error: BaseException) -> bool:
    """Tell whether an exception is LangGraph's pause, which code that catches errors must let pass."""
    return "GraphBubbleUp" in {cls.__name__ for cls in type(error).__mro__}


class GeniusWarning(UserWarning):
    """A warning of something that the user may not expect; the command goes on."""
