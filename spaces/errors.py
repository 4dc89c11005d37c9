"""The errors that users can mend."""


class GeniusError(Exception):
    """What a user can mend: one sentence with the rule, the value and what to do next."""


class RunFailed(GeniusError):
    """A search that had to stop; everything up to there is kept and can be resumed."""


class GeniusWarning(UserWarning):
    """What a user may not expect, and what nothing ends by."""
