"""The paper's comparison on published tables, made again: the best rank that each proposer reaches in ten evaluations.

    python examples/paper_tables.py --trials 30
    python examples/paper_tables.py --trials 5 --llm local

Prints a Markdown table: mean ± standard deviation over the trials of the best candidate's rank; on NAS-Bench-201 the
best by validation accuracy, and its rank by test accuracy, as in the paper. Needs the tables: `genius fetch all`.
"""

import argparse
import asyncio
import tempfile
from pathlib import Path
from statistics import fmean, stdev

import genius
from genius.tools.fetch import data_folder
from genius.tools.sampling import random_baseline
from genius.tools.tables import SOURCES, load_table

# Mean over the trials that Zheng et al. (2023) publish for GPT-4 at temperature 0, ten evaluations each.
PAPER = (38, 26, 16, 148, 380, 448)


async def ranks(space: str, trials: int, iterations: int, **proposer: str) -> list[int]:
    """Return the test rank of each trial's best candidate."""
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        result = await genius.search(space, iterations=iterations, trials=trials, run=run, trace=False, **proposer)
    return [trial.best.measurement.test_rank for trial in result.trials]


def cell(found: list[int]) -> str:
    """Write mean ± standard deviation; a single number where there is one trial."""
    return f"{fmean(found):,.0f} ± {stdev(found):,.0f}" if len(found) > 1 else f"{found[0]:,}"


def uniform(space: str, samples: int) -> str:
    """Write the paper's baseline: the best of uniform samples, over 10,000 repetitions."""
    table = load_table(genius.get_space(space), data_folder())
    spread = random_baseline(table, samples, 10_000, seed=0)["test_rank"]
    return f"{spread['mean']:,.0f} ± {spread['std']:,.0f}"


async def main() -> None:
    """Run every proposer on every table and print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=30)
    parser.add_argument("--iterations", type=int, default=10)
    parser.add_argument("--llm", help="only this language model, instead of the baselines")
    options = parser.parse_args()

    print("| proposer | " + " | ".join(SOURCES) + " |\n|" + "---|" * (len(SOURCES) + 1))
    if options.llm:
        rows = {f"{options.llm}, {options.trials} trials": {"llm": options.llm, "temperature": 1.0}}
    else:
        print("| GPT-4, the paper's trials | " + " | ".join(map(str, PAPER)) + " |")
        print("| uniform, 10,000 repetitions | " + " | ".join(uniform(s, options.iterations) for s in SOURCES) + " |")
        rows = {f"{p}, {options.trials} trials": {"proposer": p} for p in ("random", "evolution", "local-search")}
        rows["largest, deterministic"] = {"proposer": "largest"}
    for title, proposer in rows.items():
        trials = 1 if "deterministic" in title else options.trials
        found = [await ranks(space, trials, options.iterations, **proposer) for space in SOURCES]
        print(f"| {title} | " + " | ".join(map(cell, found)) + " |", flush=True)


if __name__ == "__main__":
    asyncio.run(main())
