"""Handwritten digits in two halves, those of `benchmarks/transfer.py`."""

import importlib.util
from pathlib import Path

_FILE = Path(__file__).parents[2] / "benchmarks" / "transfer.py"
_SPEC = importlib.util.spec_from_file_location("transferred_digits", _FILE)
_MODULE = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_MODULE)

ARCHITECTURE, PRETRAINING, write_halves = _MODULE.ARCHITECTURE, _MODULE.PRETRAINING, _MODULE.write_halves
