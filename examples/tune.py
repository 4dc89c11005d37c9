"""Values to tune, as a dict, with an objective of one's own and a limit on a second quantity that is measured.

python examples/tune.py
"""

import asyncio
from collections.abc import Mapping

import genius
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.svm import SVC

SPACE = {
    "C": (1e-2, 1e3),  # a tuple is a range
    "gamma": (1e-5, 1e-1),
    "kernel": ["rbf", "poly"],  # a list is the options
    "degree": {"range": [2, 5], "when": {"kernel": "poly"}},
}
ERROR = genius.Objective("error", "%", "lower", 0, 100)


class Evaluator:
    """Fits a support vector machine to half of scikit-learn's digits, and measures it on the other half."""

    objective = ERROR

    def __init__(self) -> None:
        self.parts = train_test_split(*load_digits(return_X_y=True), test_size=0.5, random_state=0)

    def __call__(self, values: Mapping[str, object]) -> genius.Measurement:
        """Measure the error in percent, and count the support vectors."""
        images, others, labels, wanted = self.parts
        machine = SVC(**values).fit(images, labels)
        error = 100 * (1 - machine.score(others, wanted))
        return genius.Measurement(error, metrics={"vectors": len(machine.support_)})


async def main() -> None:
    """Search with the guide for the lowest error of at most 600 support vectors."""
    limits = {"vectors": (None, 600)}
    result = await genius.search(SPACE, evaluator=Evaluator(), proposer="guided", limits=limits, iterations=15)
    if (best := result.best) and best.measurement:
        print(f"{best.value:.2f}% of errors, {best.measurement.metrics}, with {best.values}; run: {result.run}")


if __name__ == "__main__":
    asyncio.run(main())
