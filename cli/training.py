"""The commands that make a model of an architecture: `train` and `export`."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import GeniusError, RunFailed
from ..spaces.objective import ACCURACY, TOP5, Objective
from . import beginning, completing
from .options import AsJson, OwnSpace, Set, Trust, console, with_settings
from .signals import stopping
from .streams import print_text, say

if TYPE_CHECKING:
    from ..record.measurement import Measurement
    from ..record.settings import Settings
    from ..training.job import Epoch, LearningJob

Target = Annotated[
    str,
    typer.Argument(
        metavar="SPACE|RUN",
        help="A search space, or a run whose best is taken.",
        autocompletion=completing.spaces_and_runs,
    ),
]
ArchitectureOf = Annotated[str | None, typer.Argument(metavar="[ARCH]", help="Its numbers or its name, of a space.")]
WeightsFile = Annotated[
    Path | None,
    typer.Option("--weights", help="Safetensors, or a state dict; default: those of the training."),
]
Seed = Annotated[int, typer.Option(metavar="N", help="Seed of the weights and of the images' order.")]
DeviceName = Annotated[
    str | None, typer.Option(metavar="TEXT", help="cpu, cuda, cuda:1 or mps; default: CUDA's GPU, if any.")
]
Threads = Annotated[int, typer.Option(metavar="N", help="Threads of the CPU.")]
OutFolder = Annotated[
    Path | None, typer.Option(metavar="FOLDER", help="Folder of the training; default: one in runs/.")
]


@stopping("go on with the same command")
@with_settings("training.data", "training.recipe", "training.batch")
def train(
    target: Target,
    architecture: ArchitectureOf = None,
    set: Set = None,
    seed: Seed = 0,
    device: DeviceName = None,
    threads: Threads = 1,
    out: OutFolder = None,
    space: OwnSpace = None,
    trust: Trust = False,
    as_json: AsJson = False,
    **options: Any,
) -> None:
    """Train an architecture to the end; run again, it goes on where it was cut off. Works under torchrun."""
    with beginning():
        from ..graph.final import find_subject, plan_training
        from ..tables.fetch import downloads_folder

    asked = asked_settings(set, options | {"device": device, "threads": threads, "seed": seed})
    subject = find_subject(target, architecture, space, trust=trust)
    seed = asked.loop.first_seed
    planned, said = plan_training(subject, asked.training, seed=seed, out=out, downloads=downloads_folder(None))
    train_planned(planned, said, as_json=as_json)


def train_planned(
    planned: "LearningJob",
    said: Sequence[str],
    *,
    as_json: bool,
    report: "Callable[[LearningJob, Measurement], Path] | None" = None,
) -> None:
    """Do a job, in this process and in those of `torchrun` beside it; the first of them shows it.

    `report` writes a report of a finished training, and returns its path. Raises: RunFailed where the training fails.
    """
    with beginning():  # only now: they load torch, which takes seconds
        from ..graph.final import finished_training
        from ..report.curve import draw_curve
        from ..training.backend import default_device
        from ..training.learn import do_job
        from ..training.torchrun import joined

    with joined(replace(planned, device=planned.device or default_device())) as (job, rank):
        first = rank.number == 0
        for sentence in said if first else ():
            say(sentence)
        measurement = finished_training(job)
        if measurement is not None:
            say(f"{job.folder} is finished: nothing was trained again")
        else:
            if first:
                job.save()
            with _Epochs(job.objective, job.examples) if first else nullcontext() as show:
                measurement = do_job(job, show, rank)
        if first:
            made: dict[str, Path] = {}
            if measurement.error is None:
                made["picture"] = draw_curve(job, measurement)
                if report is not None:
                    made["report"] = report(job, measurement)
            _report(job, measurement, made, as_json=as_json)
    if measurement.error is not None:
        raise RunFailed(f"{measurement.error}; the log is in {job.folder}")


_TRAINED = (
    *(f"training.{name}" for name in ("data", "recipe", "recipe_changes", "batch", "device", "threads")),
    "loop.seed",
)


def asked_settings(set: Sequence[str] | None, flags: Mapping[str, Any]) -> "Settings":
    """Return the settings of a training alone.

    Raises: GeniusError for a setting that only a search has.
    """
    from ..record.settings import Settings, by_path, read_set
    from ..training.recipes import RECIPE_FIELDS

    named = Settings().changed(by_path(flags))
    changes = read_set(set or (), named, RECIPE_FIELDS)
    if others := [path for path in changes if path not in _TRAINED]:
        raise GeniusError(f"a training has no {others[0]}; its settings are {', '.join(_TRAINED)}")
    return named.changed(changes)


class _Epochs:
    """Shows epochs as they end: a bar on a terminal, lines elsewhere."""

    def __init__(self, objective: Objective, examples: str) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._console, self._objective, self._examples = console(), objective, examples
        words = TextColumn("{task.description}", markup=False)
        columns = (TextColumn("epoch"), MofNCompleteColumn(), BarColumn(), words, TimeRemainingColumn())
        self._bars = Progress(*columns, console=self._console)
        self._bar = self._bars.add_task("", total=None)

    def __enter__(self) -> "_Epochs":
        if self._console.is_interactive:
            self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._console.is_interactive:
            self._bars.stop()

    def __call__(self, epoch: "Epoch") -> None:
        value = f", {self._value(epoch.value)}" if epoch.value is not None else ""
        value += _top5(epoch.metrics)
        speed = ",.0f" if (epoch.images_per_second or 0) >= 10 else ".2g"
        words = f"loss {epoch.loss:.4f}{value}, {epoch.images_per_second:{speed}} {self._examples}/s"
        if self._console.is_interactive:
            self._bars.update(self._bar, completed=epoch.epoch, total=epoch.epochs, description=words)
        else:
            say(f"epoch {epoch.epoch}/{epoch.epochs}: {words}")

    def _value(self, value: float) -> str:
        name = "" if self._objective == ACCURACY else f"{self._objective.name} "
        return f"{name}{_in_unit(value, self._objective)}"


def _report(job: "LearningJob", measurement: "Measurement", made: Mapping[str, Path], *, as_json: bool) -> None:
    from ..graph.final import reached

    if as_json:
        found = {"folder": str(job.folder), "space": job.space, "architecture": list(job.architecture)}
        found |= {"data": job.data, "recipe": job.recipe.name, "weights": str(job.files.weights)}
        found |= {"transferred_from": job.origin.sha256} if job.origin else {}
        told = asdict(measurement)
        for field in ("value", "test_value"):
            del told[field]
        print_text(json.dumps(found | reached(job, measurement) | told))
        return
    if measurement.error is not None:
        return
    print_text(f"{job.space} {list(job.architecture)} on {job.data} by {job.recipe.name}, seed {job.seed}")
    name = job.objective.name
    value = f"{name} {_in_unit(measurement.value, job.objective)}{_further(measurement.metrics)}"
    if measurement.test_value is not None:
        test = _in_unit(measurement.test_value, job.objective)
        value += f", test {name} {test}{_further(measurement.test_metrics)}"
    print_text(f"{value}; {measurement.seconds:,.1f} s of {measurement.device}")
    for what, path in {"weights": job.files.weights, **made}.items():
        print_text(f"{what}: {path}")


def _in_unit(value: float | None, objective: Objective) -> str:
    """Write a value with its unit: percents with two digits behind the point."""
    return f"{value:.2f}%" if objective.unit == "%" else objective.text(value or 0.0)


def _top5(metrics: Mapping[str, float]) -> str:
    """Write top-5 accuracy behind top-1; nothing where it was not measured."""
    return f", top-5 {metrics[TOP5.name]:.2f}%" if TOP5.name in metrics else ""


def _further(metrics: Mapping[str, float]) -> str:
    """Write all further numbers behind the first, top-5 accuracy as such."""
    others = "".join(f", {name} {value:.2f}" for name, value in metrics.items() if name != TOP5.name)
    return _top5(metrics) + others


@stopping("a bundle is made anew: export again")
def export(
    target: Annotated[
        str,
        typer.Argument(metavar="SPACE|RUN|TRAINING", help="Its network.", autocompletion=completing.spaces_and_runs),
    ],
    architecture: ArchitectureOf = None,
    weights: WeightsFile = None,
    detector: Annotated[bool, typer.Option("--detector", help="Of a training of `genius detect`.")] = False,
    onnx: Annotated[bool, typer.Option("--onnx", help="Add ONNX, checked against PyTorch.")] = False,
    data: Annotated[str | None, typer.Option(help="The data set of weights that do not name it themselves.")] = None,
    recipe: Annotated[str | None, typer.Option(help="The recipe that they were trained with.")] = None,
    changes: Annotated[list[str] | None, typer.Option("--set", help="A field of that recipe, as in size=224.")] = None,
    size: Annotated[int | None, typer.Option(help="Pixels of an image's side; default: as it was trained.")] = None,
    out: Annotated[Path, typer.Option(help="New folder for the bundle.")] = Path("bundle"),
    space: OwnSpace = None,
    trust: Trust = False,
    as_json: AsJson = False,
) -> None:
    """Write a bundle that needs nothing of this package: torch.export, weights, classes, preprocessing, and ONNX."""
    if detector:
        given = (architecture, weights, data, recipe, size, *(changes or ()))
        _export_detector(target, given, out, onnx=onnx, space=space, trust=trust, as_json=as_json)
        return
    with beginning():
        from ..graph.bundle import ExportOptions, find_trained
        from ..tables.fetch import downloads_folder
        from ..training.export import export as write

    told = ExportOptions(downloads_folder(None), data, recipe, changes or (), size, space, trust)
    trained, origin = find_trained(target, architecture, weights, told)
    _tell_bundle(write(trained, out, onnx=onnx, provenance=origin), out, as_json=as_json)


def _tell_bundle(about: Mapping[str, object], out: Path, *, as_json: bool) -> None:
    print_text(json.dumps(about) if as_json else f"bundle: {out}\ninput:  {about['contract']}")


def _export_detector(
    target: str, given: Sequence[object], out: Path, *, onnx: bool, space: str | None, trust: bool, as_json: bool
) -> None:
    """Write the bundle of a detector.

    Raises: GeniusError for options that only a classifier's export has.
    """
    if any(each is not None for each in given):
        raise GeniusError("--detector takes the folder of a training of `genius detect`, which knows all else itself")
    with beginning():
        from ..graph.detectors import find_detector
        from ..training.detector_export import export_detector

    trained, origin = find_detector(target, space, trust=trust)
    _tell_bundle(export_detector(trained, out, onnx=onnx, provenance=origin), out, as_json=as_json)
