"""The commands under `paper`: one for each benchmark with a table, and `imagenet`."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any

from .paper_imagenet import imagenet
from .papering import paper

_TABLES = {"macro": "Tables 7 and 8", "channel": "Tables 9 and 10", "nas-bench-201": "Tables 11 to 13"}


def _of(benchmark: str) -> Callable[..., None]:
    """Return the command of a benchmark: `paper` without the argument that names it."""
    signature = inspect.signature(paper)
    kept = [each for each in signature.parameters.values() if each.name != "benchmark"]

    @wraps(paper)
    def command(**options: Any) -> None:
        paper(benchmark=benchmark, **options)

    command.__signature__ = signature.replace(parameters=kept)  # type: ignore[attr-defined]
    command.__annotations__ = {each.name: each.annotation for each in kept}
    command.__doc__ = f"Make {_TABLES[benchmark]} again with a language model, beside the paper's own numbers."
    return command


COMMANDS = {**{benchmark: _of(benchmark) for benchmark in _TABLES}, "imagenet": imagenet}
"""The commands by their names."""
