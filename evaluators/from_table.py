"""The evaluator that looks values up in a table."""

from ..record.measurement import Measurement
from ..spaces.space import Architecture
from ..tables.published import Table
from .evaluator import Evaluator


def table_evaluator(table: Table) -> Evaluator:
    """Make an evaluator that returns the table's accuracy of an architecture."""

    async def evaluate(architecture: Architecture) -> Measurement:
        return table.measure(architecture)

    return evaluate
