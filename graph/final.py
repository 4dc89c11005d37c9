"""From a search to a model: train an architecture by itself, and export what was trained."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ..evaluators.trained import folder_name
from ..evaluators.workers import read_answer
from ..spaces import get_space
from ..spaces.errors import GeniusError
from ..spaces.space import Architecture, SearchSpace
from ..tools.candidate import Measurement
from ..tools.naming import read_architecture
from ..training.data import find_data
from ..training.job import Epoch, Job
from ..training.recipes import Recipe, final_task_of, get_recipe, override, scaled
from .picture import as_label
from .result import read
from .settings import SETTINGS_FILE, Settings

CURVE_FILE = "curve.png"


@dataclass(frozen=True)
class Subject:
    """What is trained or exported: an architecture of a space, and the run that found it, if one did."""

    space: SearchSpace
    space_name: str
    architecture: Architecture
    settings: Settings | None = None


def find_subject(target: str, architecture: str | None) -> Subject:
    """Return the architecture of a space by its numbers or its name, or the best one of a run.

    Raises: GeniusError where the target is neither, or a run has measured nothing.
    """
    if (Path(target) / SETTINGS_FILE).is_file():
        if architecture is not None:
            raise GeniusError(f"{target} is a run, whose best architecture is taken: leave {architecture} out")
        return _best_of(Path(target))
    space = get_space(target)
    if architecture is None:
        raise GeniusError(f"name an architecture of {target}, as in [{', '.join('0' * 3)}, …], or a run folder")
    return Subject(space, target, read_architecture(architecture, space))


def _best_of(run: Path) -> Subject:
    result = read(run)
    if result.best is None or result.best.architecture is None:
        raise GeniusError(f"{run} has measured nothing yet: there is no best architecture")
    return Subject(get_space(result.settings.space), result.settings.space, result.best.architecture, result.settings)


def plan_training(
    subject: Subject,
    *,
    data: str | None = None,
    recipe: str | None = None,
    changes: Sequence[str] = (),
    batch: int | None = None,
    seed: int = 0,
    device: str = "cpu",
    threads: int = 1,
    out: Path | None = None,
    downloads: Path,
) -> tuple[Job, list[str]]:
    """Say what is to be trained, on what and how; the second value tells what was found and what was scaled.

    Data and recipe are the run's or the space's own unless they are named. `batch` scales the learning rate with it.
    Raises: GeniusError.
    """
    names = task_named(subject, data, recipe)
    split = find_data(names[0], downloads).split()
    chosen: Recipe = override(get_recipe(names[1]), changes)
    said = list(split.notes) if split else []
    if batch is not None:
        chosen, scaling = scaled(chosen, batch)
        said.append(scaling)
    named = folder_name(subject.architecture, seed)
    folder = out or Path("runs") / f"train-{_plain(subject.space_name)}-{named}-{_plain(names[0])}-{chosen.name}"
    job = Job(
        space=subject.space_name,
        architecture=subject.architecture,
        seed=seed,
        data=names[0],
        recipe=chosen,
        folder=folder,
        downloads=downloads,
        device=device,
        threads=threads,
        keep_weights=True,
        found=split.found if split else None,
    )
    _check_folder(job)
    return job, said


def task_named(subject: Subject, data: str | None, recipe: str | None) -> tuple[str, str]:
    """Return the names of a data set and a recipe: the run's or the space's own unless they are named.

    Raises: GeniusError where the space has none.
    """
    run = subject.settings
    if data is None and run is not None:
        data = run.train_on
    if data is None or recipe is None:
        own = final_task_of(subject.space_name)
        data, recipe = data or own[0], recipe or own[1]
    return data, recipe


def _plain(name: str) -> str:
    """Make a name fit for a file."""
    return "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in name).strip("-")[-60:]


def _check_folder(job: Job) -> None:
    if job.files.job.is_file():
        if Job.load(job.files.job).identity != job.identity:
            raise GeniusError(f"{job.folder} holds another training: name another folder with --out")
    elif job.folder.is_dir() and any(job.folder.iterdir()):
        raise GeniusError(f"{job.folder} exists and is not empty: name another folder with --out")


def finished_training(job: Job) -> Measurement | None:
    """Return what a training in this folder came to, if it is finished."""
    return read_answer(job.files.answer)


def read_epochs(path: Path) -> list[Epoch]:
    """Read the epochs of a training; of one that was made twice, after a kill, the later line counts."""
    if not path.is_file():
        return []
    epochs = [Epoch(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    return list({epoch.epoch: epoch for epoch in epochs}.values())


def draw_curve(job: Job, measurement: Measurement) -> Path:
    """Draw loss and accuracy against the epoch; returns the picture's path."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    epochs = read_epochs(job.files.epochs)
    figure = Figure(figsize=(7, 4), layout="constrained")
    FigureCanvasAgg(figure)
    loss = figure.add_subplot()
    loss.plot([e.epoch for e in epochs], [e.loss for e in epochs], color="tab:blue")
    loss.set_xlabel("epoch")
    loss.set_ylabel("training loss", color="tab:blue")
    loss.xaxis.set_major_locator(MaxNLocator(integer=True))
    seen = [(e.epoch, e.accuracy) for e in epochs if e.accuracy is not None]
    accuracy = loss.twinx()
    accuracy.plot(*zip(*seen, strict=True), "o-", color="tab:orange", markersize=3)
    accuracy.set_ylabel("held-out accuracy (%)", color="tab:orange")
    test = f", test {measurement.test_accuracy:.2f}%" if measurement.test_accuracy is not None else ""
    title = f"{job.space} on {job.data} by {job.recipe.name}: {measurement.accuracy or 0:.2f}%{test}"
    loss.set_title(as_label(title), fontsize=10)
    path = job.folder / CURVE_FILE
    figure.savefig(path, dpi=120)
    return path


def provenance(job: Job, measurement: Measurement | None) -> dict[str, object]:
    """Say where weights come from: data, recipe, seed, and what they reached."""
    found: dict[str, object] = {"data": job.data, "recipe": asdict(job.recipe), "seed": job.seed}
    if job.found is not None:
        found["images"] = {part: getattr(job.found, part) for part in ("train", "validation", "test")}
    if measurement is not None:
        found |= {"accuracy": measurement.accuracy, "test_accuracy": measurement.test_accuracy}
        found |= {"device": measurement.device, "device_seconds": round(measurement.seconds, 1)}
    return found
