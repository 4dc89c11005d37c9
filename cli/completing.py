"""Completion in a shell: names of spaces, proposers, recipes and data sets, choices, and run folders."""

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

Completer = Callable[[str], list[str]]


def completer(names: Callable[[], Iterable[str]]) -> Completer:
    """Complete one of some names, which are looked up only then."""

    def complete(incomplete: str) -> list[str]:
        return [name for name in names() if name.startswith(incomplete)]

    return complete


def _spaces() -> Iterable[str]:
    from ..spaces import SPACES

    return SPACES.names()


def _proposers() -> Iterable[str]:
    from ..agents.baselines import PROPOSERS
    from ..record.settings import HYBRID, MODEL

    return (*PROPOSERS.names(), MODEL, HYBRID)


def _arms() -> Iterable[str]:
    from ..agents.baselines import PROPOSERS
    from ..record.settings import MODEL

    return (MODEL, *PROPOSERS.names())


def _recipes() -> Iterable[str]:
    from ..training.recipes import RECIPES

    return RECIPES.names()


def _evaluators() -> Iterable[str]:
    from ..graph.measuring import EVALUATORS

    return EVALUATORS.names()


def _data_sets() -> Iterable[str]:
    from ..training.data import DATA
    from ..training.text import TEXT_PREFIX

    return [*(name.partition("[")[0] for name in DATA.names()), TEXT_PREFIX]


def _pools() -> Iterable[str]:
    from ..graph.pool import POOLS

    return (name.partition("[")[0] for name in POOLS.names())


spaces, proposers, arms, recipes, evaluators, data_sets, pools = map(
    completer, (_spaces, _proposers, _arms, _recipes, _evaluators, _data_sets, _pools)
)
llms = completer(lambda: ("openai:", "anthropic:", "ollama:", "local", "human", "replay:"))

BY_PATH = {
    "proposer": proposers,
    "loop.arms": arms,
    "evaluator": evaluators,
    "training.recipe": recipes,
    "llm.models": llms,
    "training.data": data_sets,
    "training.on": pools,
}
"""The completers of settings; those with a few choices are completed by them."""


def paths_of_settings(incomplete: str) -> list[str]:
    """Complete the path of a setting, or a field of the recipe, up to its equals sign."""
    from ..record.settings import OPTIONS
    from ..training.recipes import RECIPE_FIELDS

    names = (*RECIPE_FIELDS, *(path for path, option in OPTIONS.items() if option.group))
    return [f"{name}=" for name in names if name.startswith(incomplete)]


def runs(incomplete: str) -> list[str]:
    """Complete a run folder: those in `runs/`, and those where the typed path leads."""
    typed = Path(incomplete)
    parent = typed if incomplete.endswith("/") else typed.parent
    found = {str(folder) for folder in (*_run_folders(Path("runs")), *_run_folders(parent))}
    return sorted(folder for folder in found if folder.startswith(incomplete))


def _run_folders(parent: Path) -> Iterator[Path]:
    from ..record.settings import SETTINGS_FILE

    try:
        yield from (folder for folder in parent.iterdir() if (folder / SETTINGS_FILE).is_file())
    except OSError:  # a folder that is not there, or that may not be read, completes nothing
        return


def spaces_and_runs(incomplete: str) -> list[str]:
    """Complete a space or a run folder."""
    return [*spaces(incomplete), *runs(incomplete)]


def spaces_and_files(incomplete: str) -> list[str]:
    """Complete a space, a file that may hold one, or a folder on the way to one."""
    return [*spaces(incomplete), *files(incomplete)]


def files(incomplete: str) -> list[str]:
    """Complete the path of a script or of a file that describes a space; folders end in a slash."""
    head, name = os.path.split(incomplete)
    try:
        entries = sorted(os.scandir(os.path.expanduser(head) or "."), key=lambda entry: entry.name)
    except OSError:  # a folder that is not there, or that may not be read, completes nothing
        return []
    found = [entry for entry in entries if entry.name.startswith(name) and (name or entry.name[0] != ".")]
    ends = ["/" if entry.is_dir() else "" for entry in found]
    kept = [(entry, end) for entry, end in zip(found, ends, strict=True) if end or entry.name.endswith(_OF_SPACES)]
    return [os.path.join(head, entry.name) + end for entry, end in kept]


_OF_SPACES = (".py", ".yaml", ".yml", ".json", ".toml")
