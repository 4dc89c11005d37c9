"""Strangers' text, escaped so that a terminal only shows it."""

import reprlib
import sysconfig
from linecache import getline
from pathlib import Path
from traceback import walk_tb
from types import FrameType, TracebackType

_LIBRARIES = ("<frozen ", *(sysconfig.get_path(kind) for kind in ("stdlib", "platstdlib", "purelib", "platlib")))
_BRIEF = 200  # characters
_PACKAGE = __name__.partition(".")[0]


def printable(text: str, length: int | None = None) -> str:
    """Escape a text for terminals, files and prompts.

    Control characters, terminal escapes, marks of writing direction, other invisible characters and lone surrogates are
    written as Python does, as in `\\x1b`. Line breaks stay; other white space becomes a space. The middle of a text
    longer than `length` characters is left out.
    """
    text = _shortened(text, length)
    return text if text.isprintable() else _shortened("".join(map(_shown, text)), length)


def one_line(text: str, length: int | None = None) -> str:
    """Escape a text as `printable` does, and join its lines into one."""
    lines = (line.strip() for line in text.splitlines())
    return printable(" ".join(line for line in lines if line), length)


def brief(text: str) -> str:
    """Escape a stranger's text into one line that is short enough for an error message."""
    return one_line(text, _BRIEF)


def named(value: object) -> str:
    """Describe a value by its type and its repr, shortened."""
    words = one_line(reprlib.repr(value), 80)
    return words if value is None or isinstance(value, float) else f"the {type(value).__name__} {words}"


def said_by(error: Exception) -> str:
    """Return the type of an exception and the last line of its message, shortened."""
    return brief(": ".join([type(error).__name__, *str(error).strip().splitlines()[-1:]]))


def reason(error: BaseException) -> str:
    """Describe an exception in one line, with the place in the user's code that raised it."""
    return _words(_first(error, None)[0]) + place_of(error)


def last_lines(error: BaseException) -> str:
    """Describe an exception by the last lines of its traceback, as one: its words, its place and the code."""
    places = (
        f" ({_file(frame)}:{line}, in {frame.f_code.co_name}{_code(frame, line)})" for frame, line in _place(error)
    )
    return _words(error) + "".join(places)


def place_of(error: BaseException) -> str:
    """Return the place in the user's code that raised an exception, as in ` (train.py:7)`, or nothing."""
    return "".join(f" ({_file(frame)}:{line})" for frame, line in _place(error))


def _place(error: BaseException) -> list[tuple[FrameType, int]]:
    """Return the frame of the user's code that raised an exception, and its line; nothing where none is known.

    The words of a SyntaxError name its place already.
    """
    error, trace = _first(error, error.__traceback__)
    frames = [] if isinstance(error, SyntaxError) else list(walk_tb(trace))
    return ([place for place in frames if _is_own(place[0])] or frames)[-1:]


def _first(error: BaseException, trace: TracebackType | None) -> tuple[BaseException, TracebackType | None]:
    """Return the first exception of a group, and its trace or that of the group."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
        trace = error.__traceback__ or trace
    return error, trace


def _file(frame: FrameType) -> str:
    return one_line(Path(frame.f_code.co_filename).name, 60)


def _code(frame: FrameType, line: int) -> str:
    code = getline(frame.f_code.co_filename, line, frame.f_globals)
    return f": {one_line(code, 100)}" if code.strip() else ""


def _words(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    kind = type(error).__name__
    try:
        said = str(error)
    except Exception:  # a stranger's exception may fail to print
        said = "it cannot be printed"
    return one_line(f"{kind}: {said}" if said else kind)


def _is_own(frame: FrameType) -> bool:
    """Tell whether a frame runs the user's code, neither this package's nor a library's."""
    package = str(frame.f_globals.get("__name__")).partition(".")[0]
    return package != _PACKAGE and not frame.f_code.co_filename.startswith(_LIBRARIES)


def _shown(letter: str) -> str:
    if letter == "\n" or letter.isprintable():
        return letter
    return " " if letter.isspace() else letter.encode("unicode_escape").decode()


def _shortened(text: str, length: int | None) -> str:
    if length is None or len(text) <= length:
        return text
    half = (length - 3) // 2
    return f"{text[: length - 3 - half]} … {text[len(text) - half :]}"
