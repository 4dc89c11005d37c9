"""The evaluators that look values up in a table: the mean of an architecture's trainings, or one of them."""

from ..record.measurement import Measurement
from ..spaces.space import Architecture
from ..tables.published import Table
from .evaluator import Evaluator


def table_evaluator(table: Table) -> Evaluator:
    """Make an evaluator that returns the table's value of an architecture."""

    async def evaluate(architecture: Architecture) -> Measurement:
        return table.measure(architecture)

    return evaluate


def run_evaluator(table: Table, seed: int, repeat: int = 0) -> Evaluator:
    """Make an evaluator that returns the value of one of an architecture's trainings: see `Table.measure_run`."""

    async def evaluate(architecture: Architecture) -> Measurement:
        return table.measure_run(architecture, seed, repeat)

    return evaluate
