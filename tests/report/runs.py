"""Run folders of a few lines, as a search leaves them."""

import json
from collections.abc import Sequence
from pathlib import Path

from genius.record.call import CALL, Call
from genius.record.candidate import Candidate
from genius.record.measurement import Measurement
from genius.record.notebook import PAGE, Page
from genius.record.settings import LLMSettings, LoopSettings, Settings
from genius.spaces import SPACES

MACRO = SPACES["nas-bench-macro"]


def write_run(
    folder: Path,
    candidates: Sequence[Candidate],
    calls: Sequence[Call] = (),
    pages: Sequence[Page] = (),
    settings: Settings | None = None,
) -> Path:
    """Write a run folder; return it."""
    folder.mkdir(parents=True, exist_ok=True)
    found = settings or Settings(
        space="nas-bench-macro",
        proposer="model",
        llm=LLMSettings(models=("openai:gpt-4o",)),
        loop=LoopSettings(iterations=max(len(candidates), 1), trials=max((c.trial for c in candidates), default=1)),
    )
    found.save(folder)
    _write(folder / "candidates.jsonl", [each.to_json() for each in candidates])
    _write(folder / "calls.jsonl", [CALL.plain(each) for each in calls])
    _write(folder / "notebook.jsonl", [PAGE.plain(each) for each in pages])
    return folder


def _write(path: Path, records: Sequence[object]) -> None:
    path.write_text("".join(f"{json.dumps(record)}\n" for record in records), "utf-8")


def tried(iteration: int, architecture: tuple[int, ...], value: float | None, trial: int = 1, **more) -> Candidate:
    """Return a candidate of NAS-Bench-Macro."""
    measurement = Measurement(value, rank=None if value is None else round(10_000 - 100 * value))
    return Candidate(
        trial, iteration, architecture=architecture, cost=MACRO.cost_of(architecture), measurement=measurement, **more
    )
