"""The notes of a search for people: the first beliefs of its model, its notebook, its principles, and hints."""

from collections.abc import Iterator, Sequence

from ..record.notebook import Page
from ..record.result import SearchResult, TrialResult

_TITLES = {
    "beliefs": "the beliefs of {author} before anything was measured:",
    "notebook": "the notebook of {author}, before iteration {iteration}:",
    "principles": "the design principles that {author} draws, with the effects of their options by the surrogate:",
}


def notes_in_lines(result: SearchResult) -> Iterator[str]:
    """Write the notes of each trial, line by line, each part under a title of its own."""
    for trial in result.trials:
        where = f"trial {trial.trial}, " if len(result.trials) > 1 else ""
        for title, lines in _parts(trial):
            yield ""
            yield f"{where}{title}"
            yield from lines


def _parts(trial: TrialResult) -> Iterator[tuple[str, Sequence[str]]]:
    latest: dict[str, Page] = {page.kind: page for page in trial.pages}
    hints = [page for page in trial.pages if page.kind == "hint"]
    if hints:
        told = [f"- {words} (before iteration {page.iteration})" for page in hints for words in page.text.splitlines()]
        yield "a person told the model:", told
    for kind, title in _TITLES.items():
        page = latest.get(kind)
        if page is not None and page.text:
            words = title.format(author=page.author or "the model", iteration=page.iteration)
            yield words, [line for line in page.text.splitlines() if line.strip()]
