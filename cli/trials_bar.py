"""The progress of a bench's trials: a bar on a terminal, and elsewhere a line for each tenth."""

from .options import console
from .streams import say


class TrialsBar:
    """Progress on standard error; called with the number of trials made, and of all trials."""

    def __init__(self, what: str = "trials", *, terminal_only: bool = False) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._what = what
        self._console = console()
        self._quiet = terminal_only
        columns = (TextColumn(what, markup=False), MofNCompleteColumn(), BarColumn(), TimeRemainingColumn())
        self._bars = Progress(*columns, console=self._console, transient=terminal_only)
        self._bar = self._bars.add_task("", total=None)
        self._told = -1

    def __enter__(self) -> "TrialsBar":
        return self

    def __exit__(self, *_: object) -> None:
        if self._console.is_interactive:
            self._bars.stop()

    def __call__(self, made: int, of: int) -> None:
        """Show the number of trials made."""
        if self._console.is_interactive:
            self._bars.start()
            self._bars.update(self._bar, completed=made, total=of)
        elif not self._quiet and (tenth := 10 * made // of) > self._told:
            self._told = tenth
            say(f"{made:,}/{of:,} {self._what}")
