"""The errors that users can mend."""


class GeniusError(Exception):
    """What a user can mend: one sentence with the rule, the value and what to do next."""


class RunFailed(GeniusError):
    """A search that had to stop; everything up to there is kept and can be resumed."""


def is_pause(error: BaseException) -> bool:
    """Tell whether it is not an error, but LangGraph's way to pause: it passes through whatever catches errors."""
    return "GraphBubbleUp" in {cls.__name__ for cls in type(error).__mro__}


class GeniusWarning(UserWarning):
    """What a user may not expect, and what nothing ends by."""
