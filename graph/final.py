"""The final training of a single architecture, such as the best of a search, before its export."""

import os
from dataclasses import asdict, dataclass
from pathlib import Path

from ..errors import GeniusError
from ..evaluators.from_training import folder_name
from ..evaluators.pools import read_measurement
from ..printable import brief
from ..python_files import absolute_name, split_file
from ..record.files import check_folder
from ..record.measurement import Measurement
from ..record.result import read
from ..record.settings import SETTINGS_FILE, Settings, TrainingSettings
from ..spaces import SPACES, full_name, get_space, short_name
from ..spaces.objective import ACCURACY
from ..spaces.space import Architecture, SearchSpace
from ..tools.naming import read_architecture
from ..training.job import LearningJob, Origin
from ..training.recipes import RECIPES, Recipe, override, scaled, task_of
from ..training.tasks import job_of, look_at
from .setup import named_space
from .trust import Claim, check_claims, claims, own_claims


@dataclass(frozen=True)
class Subject:
    """The subject of a training or an export: an architecture of a space, and the run that found it, if one did.

    `trusted`: modules, servers and paths that the run names are used.
    """

    space: SearchSpace
    space_name: str
    architecture: Architecture
    settings: Settings | None = None
    trusted: bool = False


def find_subject(target: str, architecture: str | None, space: str | None = None, *, trust: bool = False) -> Subject:
    """Return the architecture of a space by its numbers or its name, or the best one of a run.

    A run's own `space` is imported where it is named here too, or with `trust`.
    Raises: GeniusError where the target is neither, or a run has measured nothing.
    """
    if (Path(target) / SETTINGS_FILE).is_file():
        if architecture is not None:
            raise GeniusError(f"{target} is a run, whose best architecture is taken: leave {architecture} out")
        return _best_of(Path(target), space, trust)
    found = get_space(target)
    if architecture is None:
        raise GeniusError(f"name an architecture of {target}, as in [{', '.join('0' * 3)}, …], or a run folder")
    return Subject(found, full_name(target), read_architecture(architecture, found))


def _best_of(run: Path, space: str | None, trust: bool) -> Subject:
    result = read(run)
    if result.best is None or result.best.architecture is None:
        raise GeniusError(f"{run} has measured nothing yet: there is no best architecture")
    settings = result.settings
    if settings.decisions:
        found = named_space(settings)
    else:
        found = space_of_file(run / SETTINGS_FILE, settings.space, space, trust=trust)
    trusted = trust or {*claims(settings)} <= {*own_claims(run)}
    return Subject(found, settings.space, found.check(result.best.architecture), settings, trusted)


def subject_of(job: LearningJob, file: Path, space: str | None = None, *, trust: bool = False) -> Subject:
    """Return the subject of a training's job; its own space is imported where `space` names it too, or with `trust`.

    Raises: GeniusError.
    """
    found = space_of_file(file, job.space, space, trust=trust)
    return Subject(found, job.space, found.check(job.architecture))


def space_of_file(file: Path, name: str, again: str | None, *, trust: bool) -> SearchSpace:
    """Return the space that a file names.

    Raises: GeniusError where it is one's own and named by the file alone.
    """
    if again is not None and not _is_named(name, again):
        raise GeniusError(f"{file} names the space {name!r}, and --space names {again!r}")
    if SPACES.known(name) is None and not (trust or again):
        check_claims(file, [Claim("space", name)])
    return get_space(name)


def _is_named(name: str, again: str) -> bool:
    """Tell whether a space's name in a file and in the call are the same; of a script the file is enough."""
    path, _ = split_file(name) or (name, "")
    return again == name or absolute_name(again) in (name, path) or os.path.abspath(again) == path


def plan_training(
    subject: Subject,
    asked: TrainingSettings,
    *,
    seed: int = 0,
    out: Path | None = None,
    downloads: Path,
    origin: Origin | None = None,
) -> tuple[LearningJob, list[str]]:
    """Plan the training of a subject; return the job, and notes on the image folder and on scaling.

    Data set and recipe are the run's or the space's own unless they are named. A batch also scales the learning rate.
    It begins with the weights of `origin`, if there is one.
    Raises: GeniusError.
    """
    names = task_named(subject, asked.data, asked.recipe)
    chosen: Recipe = override(RECIPES.find(names[1]), asked.recipe_changes)
    kind, found = job_of(subject.space), look_at(subject.space, names[0], chosen, downloads).found
    said = list(found.notes)
    if asked.batch is not None:
        chosen, scaling = scaled(chosen, asked.batch, kind.examples)
        said.append(scaling)
    job: LearningJob = kind(
        space=subject.space_name,
        architecture=subject.architecture,
        seed=seed,
        data=names[0],
        recipe=chosen,
        folder=out or usual_folder("transfer" if origin else "train", subject, seed, names[0], chosen),
        downloads=downloads,
        device=asked.device or "",
        threads=asked.threads or 1,
        keep_weights=True,
        found=found,
        origin=origin,
    )
    check_job_folder(job)
    return job, said


def task_named(subject: Subject, data: str | None, recipe: str | None) -> tuple[str, str]:
    """Return the names of a data set and a recipe: the run's or the space's own unless they are named.

    Raises: GeniusError where the space has none.
    """
    run = subject.settings
    if data is None and run is not None and (data := run.training.data) and not subject.trusted:
        check_claims(Path(SETTINGS_FILE), [claim for claim in claims(run) if claim.setting == "training.data"])
    return task_of(subject.space, data, recipe, final=True)


def usual_folder(command: str, subject: Subject, seed: int, data: str, recipe: Recipe) -> Path:
    """Return the folder of a training that a command begins, unless another one is named."""
    named = folder_name(subject.architecture, seed)
    space, images = (_plain(short_name(name)) for name in (subject.space_name, data))
    return Path("runs") / f"{command}-{space}-{named}-{images}-{recipe.name}"


def _plain(name: str) -> str:
    """Make a name fit for a file."""
    return "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in name).strip("-")[-60:]


def check_job_folder(job: LearningJob) -> None:
    """Raises GeniusError where the folder of a job holds another job, or data have changed since, or anything else."""
    check_folder(job.folder)
    if job.files.job.is_file():
        held = type(job).load(job.files.job)
        if held.identity != job.identity:
            raise GeniusError(f"{job.folder} holds another training: name another folder with --out")
        if held.found is not None and job.found is not None and held.found.digest != job.found.digest:
            raise GeniusError(
                f"{brief(job.data)} has changed since the training of {job.folder} began: put it back, or name another "
                "folder with --out"
            )
    elif job.folder.is_dir() and any(job.folder.iterdir()):
        raise GeniusError(f"{job.folder} exists and is not empty: name another folder with --out")


def finished_training(job: LearningJob) -> Measurement | None:
    """Return the measurement of a job whose training is finished; else None."""
    return read_measurement(job.files.answer)


def provenance(job: LearningJob, measurement: Measurement | None) -> dict[str, object]:
    """Describe the origin of weights: data set, recipe, seed, and the measured values."""
    found: dict[str, object] = {"data": job.data, "recipe": asdict(job.recipe), "seed": job.seed}
    if job.found is not None:
        found["images"] = {part: getattr(job.found, part) for part in ("train", "validation", "test")}
    if measurement is not None:
        found |= reached(job, measurement)
        found |= {"device": measurement.device, "device_seconds": round(measurement.seconds, 1)}
    return found


def reached(job: LearningJob, measurement: Measurement) -> dict[str, object]:
    """Return the measured values of a job by their names, as JSON has them."""
    more = {**measurement.metrics, **{f"test_{name}": value for name, value in measurement.test_metrics.items()}}
    if job.objective == ACCURACY:
        return {"accuracy": measurement.value, "test_accuracy": measurement.test_value, **more}
    name = job.objective.name.replace(" ", "_")
    test = {} if measurement.test_value is None else {f"test_{name}": measurement.test_value}
    return {name: measurement.value, **test, **more}
