"""Python files of the user's own, as in `train.py:space`: how they are named, and how they are imported."""

import hashlib
import os
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from contextvars import ContextVar
from functools import reduce
from importlib import util
from pathlib import Path
from types import ModuleType

from .errors import GeniusError
from .printable import brief, one_line, place_of, reason

_NAMED = re.compile(r"((?:[^:/\\]*[/\\].*|[A-Za-z]:[/\\].*|[^:]*)\.py)(?::([^:/\\]*))?", re.DOTALL)
"""A path that ends in .py, and perhaps the name of an object in it. A colon before the first slash is that of a drive;
any other one there belongs to MODULE:NAME, or to a name such as folder:PATH."""

_LOCK = threading.RLock()
_importing: ContextVar[str] = ContextVar("importing", default="")
_siblings_first = False
_IMPORTED_BY = "GENIUS_IMPORTING"  # the variable that names the file which starts a process as it is imported
_SHOWN = 8  # names that a message lists


def split_file(name: str) -> tuple[str, str] | None:
    """Split `FILE.py:NAME` into the path and the name, empty where there is none; None for a name of another form."""
    found = _NAMED.fullmatch(name)
    return (found[1], found[2] or "") if found else None


def absolute_name(name: str) -> str:
    """Return a name as `search.json` holds it: a Python file by its full path, any other name as it is."""
    parts = split_file(name)
    if parts is None:
        return name
    path, attribute = parts
    return os.path.abspath(path) + (f":{attribute}" if attribute else "")


def find_siblings_first() -> None:
    """Have the folders of files come first on Python's path from now on, as they do for scripts.

    For a process that is there for the user's code alone. Elsewhere they come last, so that a `random.py` or a folder
    `datasets` beside a script takes the place of nothing that this package loads later.
    """
    global _siblings_first
    _siblings_first = True


@contextmanager
def importing(name: str) -> Iterator[None]:
    """Import one module of the user's: its output goes to standard error, and no search may begin in it."""
    token = _importing.set(name)
    try:
        with _LOCK, redirect_stdout(sys.stderr):
            yield
    finally:
        _importing.reset(token)


@contextmanager
def _alone(file: str) -> Iterator[None]:
    """Tell the processes that a file starts as it is imported that it is, so that they do not import it in turn.

    Raises: GeniusError in such a process.
    """
    if os.environ.get(_IMPORTED_BY) == file:
        raise GeniusError('it starts a program that imports it again: put that under `if __name__ == "__main__":`')
    os.environ[_IMPORTED_BY] = file
    try:
        yield
    finally:
        os.environ.pop(_IMPORTED_BY, None)


def refuse_while_importing() -> None:
    """Refuse a search that a module starts as it is imported, since the search would import it again.

    Raises: GeniusError.
    """
    if name := _importing.get():
        raise GeniusError(
            f"{brief(name)} starts a search while it is imported for one: put what only the script itself does under "
            '`if __name__ == "__main__":`'
        )


def import_file(path: str) -> ModuleType:
    """Import a Python file, under its stem where that is free; a file that is imported already stays as it is.

    Raises: GeniusError in one sentence, with the line of the file that fails.
    """
    file = os.path.realpath(path)
    if not os.path.isfile(file):
        raise GeniusError(f"{brief(path)} is no file" if os.path.exists(file) else f"there is no file {brief(path)}")
    with _LOCK:
        return _imported(file) or _import(file, path)


def object_of(module: ModuleType, attribute: str, path: str) -> object:
    """Return an object of a module by its name, which may have dots.

    Raises: GeniusError, which names the objects in the file.
    """
    try:
        return reduce(getattr, attribute.split("."), module)
    except AttributeError:
        held = [name for name, value in vars(module).items() if name[:1] != "_" and not isinstance(value, ModuleType)]
        known = f"it holds {', '.join(held[:_SHOWN])}{', …' * (len(held) > _SHOWN)}" if held else "it holds nothing"
        raise GeniusError(f"{brief(path)} holds no {brief(attribute)!r}: {brief(known)}") from None


def _imported(file: str) -> ModuleType | None:
    """Return the module that a file is already, under any name; a script that runs is none, since it may go on."""
    for name, module in list(sys.modules.items()):
        place = vars(module).get("__file__") if isinstance(module, ModuleType) and name != "__main__" else None
        same = isinstance(place, str) and os.path.basename(place) == os.path.basename(file)
        if same and os.path.realpath(str(place)) == file:
            return module
    return None


def _import(file: str, path: str) -> ModuleType:
    _add_folder(os.path.dirname(file))
    name = _free_name(file)
    spec = util.spec_from_file_location(name, file)
    assert spec is not None  # since its name ends in .py
    assert spec.loader is not None
    module = util.module_from_spec(spec)
    sys.modules[name] = module  # before it runs: dataclasses and pickle look there
    try:
        with importing(path), _alone(file):
            spec.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[name]
        if isinstance(error, Exception | SystemExit):
            raise GeniusError(f"{brief(path)} cannot be imported: {_why(error)}") from error
        raise
    return module


def _why(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return (
            f"it ends the program{place_of(error)}: put what only the script itself does under "
            '`if __name__ == "__main__":`'
        )
    return one_line(str(error)) + place_of(error) if isinstance(error, GeniusError) else reason(error)


def _add_folder(folder: str) -> None:
    if _siblings_first:
        sys.path[:] = [folder, *(each for each in sys.path if each != folder)]
    elif folder not in sys.path:
        sys.path.append(folder)


def _free_name(file: str) -> str:
    """Return the name of a file's module: its stem, or one of its own where the stem is another module or has dots.

    A process that multiprocessing spawns finds a module by its stem alone.
    """
    stem = Path(file).stem
    if "." not in stem and not _is_taken(stem, file):
        return stem
    return f"{stem.replace('.', '_')}_{hashlib.sha256(os.fsencode(file)).hexdigest()[:8]}"


def _is_taken(stem: str, file: str) -> bool:
    """Tell whether `import` of a stem gives another module than a file, which is not imported yet."""
    try:
        spec = None if stem in sys.modules else util.find_spec(stem)
    except (ImportError, ValueError):  # a finder that fails finds nothing
        return False
    if stem in sys.modules:
        return True
    return spec is not None and spec.origin is not None and os.path.realpath(spec.origin) != file
