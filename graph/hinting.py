"""Hints: a person's words to the language model of a search, also while that runs in another process."""

from pathlib import Path

from ..agents.baselines import PROPOSERS
from ..errors import GeniusError
from ..record.hints import add_hint, read_hint
from ..record.result import load, read_result
from .run_folder import check_is_run, check_plain
from .trust import resume_command


def hint(run: Path | str, text: str) -> None:
    """Tell the language model of a run something, in a person's name: it is taken in at the next iteration.

    `text` has up to 500 printable characters, as one line. Raises: BrokenRun where the folder is no run; GeniusError
    where the run is finished, or its proposer reads no words, or the text cannot be told.
    """
    folder, words = Path(run), read_hint(text)
    check_is_run(folder)
    check_plain(folder)
    settings, journal = load(folder)
    if settings.proposer in PROPOSERS:
        raise GeniusError(f"{settings.proposer} reads no words: only a language model can be told something")
    if read_result(folder, settings, journal).finished:
        again = resume_command(folder, settings)
        raise GeniusError(
            f"{folder} is finished, and nothing more is proposed; `{again} --iterations N` goes on with it"
        )
    add_hint(folder, words)
