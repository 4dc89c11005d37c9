"""Drawn shapes with boxes and a small network for them, those of `benchmarks/shapes.py`."""

import importlib.util
import sys
from pathlib import Path

FILE = Path(__file__).parents[2] / "benchmarks" / "shapes.py"
_SPEC = importlib.util.spec_from_file_location("drawn_shapes", FILE)
_MODULE = importlib.util.module_from_spec(_SPEC)
sys.modules["drawn_shapes"] = _MODULE
_SPEC.loader.exec_module(_MODULE)

SPACE, RECIPE, write_shapes = _MODULE.SPACE, _MODULE.RECIPE, _MODULE.write_shapes
NAME = f"{FILE}:SPACE"
