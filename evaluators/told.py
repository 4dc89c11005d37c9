"""The evaluator of a search whose values are told by whoever asks for candidates."""

from ..errors import GeniusError
from ..record.measurement import Measurement
from ..spaces.space import Architecture


def told(architecture: Architecture) -> Measurement:
    """Raises GeniusError: such a search evaluates nothing by itself."""
    raise NotEvaluated


class NotEvaluated(GeniusError):
    """A search of told values where one is made that evaluates."""

    def __init__(self) -> None:
        super().__init__(
            "the values of this search are told, and it evaluates nothing by itself: go on with it by `genius ask` and "
            "`genius tell`, or by genius.open, or name an evaluator"
        )
