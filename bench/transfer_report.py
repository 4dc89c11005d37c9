"""A finished transfer, or detector, as a line below the paper's Table 5, or 6: Markdown."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from ..record.files import write_atomically
from ..record.measurement import Measurement
from ..record.versions import made_with
from ..spaces import get_space
from ..training.average_precision import AP_NAMES
from ..training.job import LearningJob
from .paper_numbers import SOURCE
from .plan import writing
from .report import as_markdown, listed, markdown_table
from .transfer_tables import PAPERS_DETECTORS, PAPERS_TRANSFERS, PapersDetector, PapersTransfer

TRANSFER_REPORT, DETECTION_REPORT = "transfer.md", "detection.md"
_CIFAR = {"cifar10": "CIFAR-10 (%)", "cifar100": "CIFAR-100 (%)"}
_NETWORK = ("FLOPs (M)", "params (M)")


def write_transfer(job: LearningJob, found: Measurement) -> Path:
    """Write the report of a transfer into its folder; return its path.

    The paper's lines stand in it where the data set is one of theirs. Raises: RunFailed where it cannot be written.
    """
    accuracy = _percent(found.value if found.test_value is None else found.test_value)
    theirs = job.data in _CIFAR
    names = tuple(_CIFAR.values()) if theirs else (f"{job.data} (%)",)
    reached = [accuracy if name == job.data else "-" for name in _CIFAR] if theirs else [accuracy]
    ours = ["ours", str(job.recipe.size or "its own"), *_costs(job), *reached]
    rows = [*map(_transfer_cells, PAPERS_TRANSFERS if theirs else ()), ours]
    facts = [*_facts(job, found), *([f"the paper's lines: {SOURCE}, Table 5"] if theirs else [])]
    return _write(job, TRANSFER_REPORT, "a transfer", ("backbone", "input size", *_NETWORK, *names), rows, facts)


def write_detection(job: LearningJob, found: Measurement) -> Path:
    """Write the report of a detector's training into its folder, below the paper's lines; return its path.

    Raises: RunFailed where it cannot be written.
    """
    flops, _ = _costs(job)
    measured = {AP_NAMES[0]: found.value, **found.metrics}
    ours = ("ours", flops, *(_percent(measured.get(name)) for name in AP_NAMES), "-")
    rows = [*map(_detector_cells, PAPERS_DETECTORS), ours]
    heads = ("backbone", _NETWORK[0], *AP_NAMES, "ImageNet top-1")
    facts = [
        *_facts(job, found),
        f"the paper's lines: {SOURCE}, Table 6; AP on COCO's val2017, which no other images are to be compared with",
    ]
    return _write(job, DETECTION_REPORT, "a detector", heads, rows, facts)


def _write(
    job: LearningJob, name: str, what: str, heads: Sequence[str], rows: Sequence[Sequence[str]], facts: Sequence[str]
) -> Path:
    title = as_markdown(f"{what} on {job.data} from {job.space} {list(job.architecture)}")
    lines = [f"# {title[:1].upper()}{title[1:]}", "", *markdown_table(heads, rows), "", *listed(facts), ""]
    with writing(job.folder):
        write_atomically(job.folder / name, "\n".join(lines))
    return job.folder / name


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def _transfer_cells(each: PapersTransfer) -> Sequence[str]:
    return (each.backbone, str(each.size), str(each.flops), str(each.params), str(each.cifar10), str(each.cifar100))


def _detector_cells(each: PapersDetector) -> Sequence[str]:
    return (each.backbone, str(each.flops), *map(_percent, each.ap), str(each.top1))


def _costs(job: LearningJob) -> tuple[str, str]:
    """Return FLOPs and parameters in millions, as the paper counts them: for the space's own input and classes."""
    cost = get_space(job.space).cost_of(job.architecture)
    if cost is None:
        return "-", "-"
    return f"{cost.counted('thop') / 1e6:.3g}", f"{cost.params / 1e6:.2g}"


def _facts(job: LearningJob, found: Measurement) -> Iterator[str]:
    """State how our line was made."""
    parts = f"; {job.found.train:,} images to train on" if job.found else ""
    yield f"recipe {job.recipe.name}, epochs {job.recipe.epochs}, batches of {job.recipe.batch}, seed {job.seed}{parts}"
    yield f"{found.seconds:,.1f} s of {found.device}"
    yield (
        "weights: drawn anew"
        if job.origin is None
        else f"weights it began with: SHA-256 {job.origin.sha256}, {job.origin.weights.name}"
    )
    pixels = "×".join(map(str, get_space(job.space).shape))
    yield f"FLOPs and parameters are those of the classifier for {pixels} and the space's own classes, as thop counts"
    yield f"made with {made_with('genius-nas', 'torch')}"
