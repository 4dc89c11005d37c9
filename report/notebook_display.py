"""A search in a notebook while it runs: one output cell that is updated, as HTML."""

import sys
import time
from io import StringIO
from typing import Any

from rich.console import Console, Group

from ..graph.progress import Progress
from .display import Display

_WIDTH = 120  # columns
_PAUSE = 0.25  # seconds between two updates
_ENDS = ("finished", "confirmed", "note")  # stages that are shown at once
_PAGE = '<pre style="white-space: pre; overflow-x: auto; line-height: 1.3; font-family: monospace">{code}</pre>'


class NotebookDisplay(Display):
    """A display of HTML below a cell, called with each step."""

    def __init__(self, *, model: str = "", quiet: bool = False) -> None:
        super().__init__(_silent(), 0, live=False, model=model, quiet=quiet)
        self._handle: Any = None
        self._shown = 0.0

    def __call__(self, step: Progress) -> None:
        """Take in a step, and show it."""
        super().__call__(step)
        if step.stage in _ENDS or time.monotonic() - self._shown > _PAUSE:
            self._shown = time.monotonic()
            self._show()

    def _show(self) -> None:
        from IPython.display import HTML, display

        page = HTML(as_html(self._view()))
        if self._handle is None:
            self._handle = display(page, display_id=True)
        else:
            self._handle.update(page)


def as_html(view: Group) -> str:
    """Return what rich shows as HTML, in which all text is escaped."""
    console = _silent(record=True)
    console.print(view)
    return console.export_html(inline_styles=True, code_format=_PAGE)


def _silent(*, record: bool = False) -> Console:
    return Console(
        file=StringIO(), record=record, width=_WIDTH, markup=False, highlight=False, emoji=False, force_jupyter=False
    )


def in_notebook() -> bool:
    """Tell whether this process is the kernel of a notebook."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return hasattr(shell, "kernel")


def live(*, model: str = "", quiet: bool = False) -> Display:
    """Return the progress of a search, for `progress=`: in a notebook a view below the cell that is updated; elsewhere
    lines on standard error.

    `model` names the language model that is waited for; its reasons are shown unless it is `quiet`.
    """
    if in_notebook():
        return NotebookDisplay(model=model, quiet=quiet)
    console = Console(stderr=True, markup=False, highlight=False, emoji=False)
    return Display(console, 0, live=False, model=model, quiet=quiet)
