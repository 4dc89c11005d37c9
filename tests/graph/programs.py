"""Programs that tests write: other processes import them, run them, and are killed in them."""

import importlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pytest


@contextmanager
def importable(folder: Path, name: str, program: str) -> Iterator[ModuleType]:
    """Write a program that may import `dying`, and give it as a module, which other processes can import too."""
    (folder / f"{name}.py").write_text(program)
    shutil.copy(Path(__file__).with_name("dying.py"), folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        patch.setenv("PYTHONPATH", str(folder), prepend=os.pathsep)
        yield importlib.import_module(name)
