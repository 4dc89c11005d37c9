"""Compare the guide with Optuna's TPE and random draws on mixed spaces: log ranges, whole numbers, options, conditions.

    python benchmarks/mixed_space.py [TASKS] [SEEDS] [CACHE] [PROCESSES]

TASKS are names with commas between: `boosting` is examples/boosting.py, `machine` a support vector machine on half of
the digits, `ridge` kernel regression on the diabetes table, `drawn` a random function for each seed. CACHE is a file
that keeps evaluations for the next call. Every proposer minimises the same function. The guide and random draws choose
among the levels of ranges, TPE anywhere in them, with the defaults of its authors. Prints the best loss after 5, 10
and 15 evaluations, and how much lower the guide's is with the same seed: means and 95% confidence intervals.
"""

import json
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import product
from math import inf, log10
from pathlib import Path

import genius
import numpy as np
from genius.guide.guide import suggest
from genius.record.goal import Goal
from genius.record.history import History
from genius.record.statistics import mean_of
from genius.spaces.region import Region

LOSS = genius.Objective("loss", "", "lower")
SHOWN = (5, 10, 15)

Values = Mapping[str, object]
Loss = Callable[[Values], float]


@dataclass(frozen=True)
class Task:
    """A space, the function that makes the loss of a seed, and whether that takes long enough to be kept."""

    space: genius.SearchSpace
    loss: Callable[[int], Loss]
    kept: bool = True


def boosting() -> Task:
    """Return the example that users see."""
    sys.path.append(str(Path(__file__).parents[1]))
    from examples.boosting import space, train

    return Task(genius.space_of(space, "boosting"), lambda seed: lambda values: train(values)["log_loss"])


def machine() -> Task:
    """Return a support vector machine, whose kernels have hyper-parameters of their own."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split
    from sklearn.svm import SVC

    images, others, labels, wanted = train_test_split(*load_digits(return_X_y=True), test_size=0.5, random_state=0)
    space = {
        "C": (1e-2, 1e3),
        "gamma": {"range": [1e-5, 1e-1], "log": True, "when": {"kernel": ["rbf", "poly"]}},
        "kernel": ["rbf", "poly", "linear"],
        "degree": {"range": [2, 5], "when": {"kernel": "poly"}},
    }
    loss = lambda values: 1 - SVC(**values).fit(images, labels).score(others, wanted)  # noqa: E731
    return Task(genius.space_of(space, "machine"), lambda seed: loss)


def ridge() -> Task:
    """Return kernel regression: the share of variance that is left, on five folds."""
    from sklearn.datasets import load_diabetes
    from sklearn.kernel_ridge import KernelRidge
    from sklearn.model_selection import KFold, cross_val_score

    table, target = load_diabetes(return_X_y=True, scaled=True)
    space = {
        "alpha": (1e-4, 1e2),
        "kernel": ["linear", "poly", "rbf", "laplacian"],
        "gamma": {"range": [1e-2, 1e3], "log": True, "when": {"kernel": ["poly", "rbf", "laplacian"]}},
        "degree": {"range": [2, 4], "when": {"kernel": "poly"}},
        "coef0": {"range": [0.0, 3.0], "when": {"kernel": "poly"}},
    }
    folds = KFold(5, shuffle=True, random_state=0)

    def loss(values: Values) -> float:
        return 1 - float(cross_val_score(KernelRidge(**values), table, target - target.mean(), cv=folds).mean())

    return Task(genius.space_of(space, "ridge"), lambda seed: loss)


def drawn() -> Task:
    """Return a random function for each seed: a valley in each range, options that shift it, and a hidden range."""
    space = {
        "rate": (1e-4, 1e-1),
        "layers": (1, 12),
        "share": {"range": [0.0, 1.0]},
        "decay": (1e-6, 1e-2),
        "kind": ["a", "b", "c"],
        "momentum": {"range": [0.0, 1.0], "when": {"kind": ["a", "b"]}},
        "width": [16, 32, 64, 128],
    }

    def loss(seed: int) -> Loss:
        rng = np.random.default_rng([seed, 7])
        best, steep = rng.random((3, 6)), rng.lognormal(1, 1, 6)
        shift, twist = 0.3 * rng.standard_normal(3), rng.standard_normal((6, 6))

        def of(values: Values) -> float:
            kind = "abc".index(str(values["kind"]))
            at = np.array(
                [
                    (log10(values["rate"]) + 4) / 3,
                    (values["layers"] - 1) / 11,
                    values["share"],
                    (log10(values["decay"]) + 6) / 4,
                    values.get("momentum", best[kind, 4]),
                    (log10(values["width"]) - log10(16)) / log10(8),
                ]
            )
            off = at - (0.7 * best[0] + 0.3 * best[kind])
            return float(steep @ off**2 + 0.5 * off @ (twist @ twist.T / 6) @ off + shift[kind])

        return of

    return Task(genius.space_of(space, "drawn"), loss, kept=False)


TASKS = {task.__name__: task for task in (boosting, machine, ridge, drawn)}


@dataclass
class Cache:
    """Losses by task and values, in a file of JSON lines where one is named."""

    file: Path | None

    def __post_init__(self) -> None:
        lines = self.file.read_text().splitlines() if self.file and self.file.exists() else []
        self.known = {json.dumps(key): loss for key, loss in map(json.loads, lines)}

    def of(self, task: str, loss: Loss, values: Values) -> float:
        """Look a loss up, or evaluate it."""
        key = json.dumps([task, dict(sorted(values.items()))])
        if key not in self.known:
            self.known[key] = float(loss(values))
            if self.file:
                with self.file.open("a") as file:
                    file.write(json.dumps([json.loads(key), self.known[key]]) + "\n")
        return self.known[key]


def by_guide(space: genius.SearchSpace, loss: Loss, seed: int, *, random: bool = False) -> list[float]:
    """Return the losses of a search by the guide, or of uniform draws."""
    history: list[genius.Candidate] = []
    region, goal = Region(space), Goal((LOSS,))
    for at in range(max(SHOWN)):
        rng = np.random.default_rng([seed, 1, at])
        found = region.sample(rng) if random else suggest(region, History.of(history, goal), rng)[0].architecture
        measured = genius.Measurement(loss(space.plain_values(found)))
        history.append(genius.Candidate(1, at + 1, architecture=found, measurement=measured))
    return [candidate.value for candidate in history if candidate.value is not None]


def by_tpe(space: genius.SearchSpace, loss: Loss, seed: int) -> list[float]:
    """Return the losses of a search by Optuna's tree-structured Parzen estimator."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    study.optimize(lambda trial: loss(_asked(space, trial)), n_trials=max(SHOWN))
    return [trial.value for trial in study.trials if trial.value is not None]


def _asked(space: genius.SearchSpace, trial: "object") -> Values:
    """Ask a trial of Optuna's for each value that counts."""
    values: dict[str, object] = {}
    for at in space.conditions.order:
        decision = space.decisions[at]
        if decision.when is None or values.get(decision.when[0]) in decision.when[1]:
            values[decision.name] = _value(decision, trial)
    return values


def _value(decision: genius.Decision, trial: "object") -> object:
    if decision.scale is None:
        return trial.suggest_categorical(decision.name, decision.options)
    low, high = decision.options[0], decision.options[-1]
    suggest_one = trial.suggest_int if isinstance(low, int) else trial.suggest_float
    return suggest_one(decision.name, low, high, log=decision.scale == "logarithmic")


PROPOSERS = {"guided": by_guide, "TPE": by_tpe, "random": partial(by_guide, random=True)}


def search(cache: Path | None, name: str, proposer: str, seed: int) -> list[float]:
    """Return the best loss after each of the numbers of evaluations that are shown."""
    task = TASKS[name]()
    loss = task.loss(seed)
    known = partial(Cache(cache).of, name, loss) if task.kept else loss
    losses = PROPOSERS[proposer](task.space, known, seed)
    return [min(losses[:count], default=inf) for count in SHOWN]


def table(name: str, found: Mapping[str, np.ndarray]) -> str:
    """Write the losses of each proposer, of shape (seeds, shown), as a table in Markdown."""
    heads = [f"{name}, {len(found['guided'])} seeds", *(f"best of {count}" for count in SHOWN)]
    rows = [heads, ["---"] * len(heads)]
    for proposer, losses in found.items():
        rows.append([proposer, *map(_mean, losses.T)])
    for other in list(found)[1:]:
        rows.append([f"{other} minus guided", *map(_mean, (found[other] - found["guided"]).T)])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _mean(numbers: np.ndarray) -> str:
    found = mean_of(numbers)
    return f"{found.mean:.4f}" + ("" if found.low is None else f" ± {found.mean - found.low:.4f}")


def main(names: str = ",".join(TASKS), seeds: int = 20, cache: Path | None = None, processes: int = 1) -> None:
    """Search, and print a table for each task."""
    with ProcessPoolExecutor(processes) as pool:
        for name in names.split(","):
            work = list(product(PROPOSERS, range(seeds)))
            bests = pool.map(partial(search, cache, name), *zip(*work, strict=True))
            losses = np.array(list(bests)).reshape(len(PROPOSERS), seeds, len(SHOWN))
            print(table(name, dict(zip(PROPOSERS, losses, strict=True))), end="\n\n", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:2], *map(int, sys.argv[2:3]), *map(Path, sys.argv[3:4]), *map(int, sys.argv[4:5]))
