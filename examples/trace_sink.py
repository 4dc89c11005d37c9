"""A sink of traces of one's own: each iteration's runs, as LangSmith would show them, become lines of a file.

python examples/trace_sink.py
genius search nas-bench-macro --proposer guided --callback examples.trace_sink:SINK
"""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import genius
from langchain_core.tracers.base import BaseTracer
from langchain_core.tracers.schemas import Run


class LinesOfRuns(BaseTracer):
    """Writes the name, the duration and the error of each run; a service would get them by a request instead."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path

    def _persist_run(self, run: Run) -> None:
        """Take one invocation of the graph with all that ran in it; LangChain calls this at its end."""
        with self.path.open("a") as file:
            file.writelines(json.dumps(line) + "\n" for line in lines_of(run))


def lines_of(run: Run, depth: int = 0) -> Iterator[dict[str, object]]:
    """Go through a run and the runs within."""
    seconds = (run.end_time - run.start_time).total_seconds() if run.end_time else None
    yield {"depth": depth, "name": run.name, "kind": run.run_type, "seconds": seconds, "error": run.error}
    for child in run.child_runs:
        yield from lines_of(child, depth + 1)


SINK = LinesOfRuns(Path("traces.jsonl"))


async def main() -> None:
    """Search three values, and keep the traces beside the run folders."""
    await genius.search({"x": (0, 10)}, evaluator=lambda v: -v["x"], proposer="random", iterations=3, callbacks=[SINK])
    print(f"traces: {SINK.path}")


if __name__ == "__main__":
    asyncio.run(main())
