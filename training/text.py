"""Texts to train language models on: their files, their characters, and their split. Does not load torch."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..errors import GeniusError
from ..printable import brief
from ..record.files import sha256_of
from .job import DataSummary

TEXT_PREFIX = "text:"
"""The beginning of a text's name among the data sets."""

UNKNOWN_CHARACTER = 0
"""The number of all characters that are not known."""

_KNOWN = 255  # characters at most, so that all numbers fit a byte
_HELD_OUT = 10  # the share of the text that steers, and that of the test: one part in so many
_MOST = 1 << 30  # bytes: a text lies in memory
_SUFFIX = ".txt"

Numbers8 = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class SplitText:
    """A text as the numbers of its characters, of shape (characters,).

    `parts` are the first places of the validation text, which steers the search, and of the test text, and the end of
    the text. The training text lies before them. The classes of `found` are the characters of the numbers from 1 on.
    """

    name: str
    numbers: Numbers8
    parts: tuple[int, int, int]
    found: DataSummary

    @property
    def vocabulary(self) -> int:
        """The number of characters, all unknown ones being one."""
        return 1 + len(self.found.classes)


def load_text(name: str, longest: int) -> SplitText:
    """Read the text of `text:PATH`, and split it by position, for contexts of up to `longest` characters.

    Raises: GeniusError where there is no text, or one that is too short or not UTF-8.
    """
    if not name.startswith(TEXT_PREFIX) or name == TEXT_PREFIX:
        raise GeniusError(f"a language model is trained on a text: name it as text:PATH, got {brief(repr(name))}")
    files = _files(Path(name.removeprefix(TEXT_PREFIX)).expanduser())
    if (length := sum(each.stat().st_size for each in files)) > _MOST:
        raise GeniusError(f"{brief(name)} holds {length:,} bytes, and a text at most {_MOST:,}: take a part of it")
    text = "".join(map(_read_file, files))
    held = len(text) // _HELD_OUT
    if held < longest:
        raise GeniusError(
            f"{brief(name)} has {len(text):,} characters, and contexts of up to {longest} take {_HELD_OUT * longest:,}:"
            f" the tenth that steers, and the one for the final test, hold a context each"
        )
    parts = len(text) - 2 * held, len(text) - held, len(text)
    known = _most_frequent(text[: parts[0]])
    numbers = _numbered(text, known)
    summary = DataSummary(known, parts[0], held, held, _notes(numbers, parts, known, len(files)), _digest(text))
    return SplitText(name, numbers, parts, summary)


def _digest(text: str) -> str:
    return sha256_of(text.encode())


def _files(path: Path) -> Sequence[Path]:
    """List the files of a text: a file itself, or those of a folder that end in .txt, in the order of their names.

    Raises: GeniusError where there are none.
    """
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise GeniusError(f"there is no text at {brief(str(path))}: name a file, or a folder of {_SUFFIX} files")
    if not (found := sorted(each for each in path.rglob(f"*{_SUFFIX}") if each.is_file())):
        raise GeniusError(f"the folder {brief(str(path))} holds no {_SUFFIX} file")
    return found


def _read_file(path: Path) -> str:
    """Read a file; line ends become one character, and a byte order mark is left out.

    Raises: GeniusError where it cannot be read, or is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise GeniusError(
            f"{brief(str(path))} is not UTF-8: the byte {error.object[error.start]:#04x} at place {error.start:,} is "
            "none of it; convert the file, as in iconv -f latin1 -t utf-8"
        ) from None
    except OSError as error:
        raise GeniusError(f"{brief(str(path))} cannot be read: {error.strerror or error}") from None


def _most_frequent(text: str) -> tuple[str, ...]:
    """Return the characters of a text, the most frequent ones first, as many as have a number."""
    counted = sorted(Counter(text).items(), key=lambda each: (-each[1], each[0]))
    return tuple(character for character, _ in counted[:_KNOWN])


def _numbered(text: str, known: Sequence[str]) -> Numbers8:
    """Number the characters of a text, of shape (characters,)."""
    codes = np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)
    number_of = np.full(int(codes.max()) + 1, UNKNOWN_CHARACTER, dtype=np.uint8)
    for number, character in enumerate(known, start=1):
        number_of[ord(character)] = number
    return number_of[codes]


def _notes(numbers: Numbers8, parts: tuple[int, int, int], known: Sequence[str], files: int) -> tuple[str, ...]:
    """Say in sentences how the text was read and split."""
    train, validation, end = parts
    held = numbers[train:]
    others = int((held == UNKNOWN_CHARACTER).sum())
    said = [
        f"text: {end:,} characters" + f" of {files:,} files in the order of their names" * (files > 1),
        f"split by position: {train:,} to train on; the {validation - train:,} behind them steer the search; the last "
        f"{end - validation:,} are for the final test",
        f"{len(known)} characters are known, the most frequent of the training text",
    ]
    if others:
        said.append(
            f"{others:,} of the {len(held):,} characters that are measured are others: which one of them comes is not "
            "predicted, and costs no bits"
        )
    return tuple(said)
