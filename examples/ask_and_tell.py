"""Ask and tell in a loop: your own code evaluates, in its own time and order. Start it again after a crash: it goes on.

python examples/ask_and_tell.py
"""

import asyncio
from collections.abc import Mapping

import genius
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier

SPACE = {
    "n_neighbors": {"range": [1, 30], "log": True},
    "weights": ["uniform", "distance"],
    "metric": ["euclidean", "manhattan", "minkowski"],
    "p": {"range": [1.0, 4.0], "when": {"metric": "minkowski"}},
}


def evaluate(config: Mapping[str, object]) -> float:
    """Return the accuracy in percent on half of the digits; any other program may do this, on any machine."""
    images, others, labels, wanted = train_test_split(*load_digits(return_X_y=True), test_size=0.5, random_state=0)
    return 100 * KNeighborsClassifier(**config).fit(images, labels).score(others, wanted)


async def worker(search: genius.AskTell) -> None:
    """Evaluate candidates until the search hands out no more."""
    while asked := await search.ask():
        value = await asyncio.to_thread(evaluate, asked.config)
        await search.tell(asked, value)
        print(f"{asked.id}: {value:.2f}% with {dict(asked.config)}", flush=True)


async def main() -> None:
    """Search with two workers, each of which asks for its next candidate when it has told the last one."""
    options = {"proposer": "guided", "objectives": genius.ACCURACY, "iterations": 12, "workers": 2}
    async with genius.open(SPACE, run="runs/neighbours", **options) as search:
        await asyncio.gather(worker(search), worker(search))
        best = (await search.result()).best
        print(f"best: {best.value:.2f}% with {best.values}")


if __name__ == "__main__":
    asyncio.run(main())
