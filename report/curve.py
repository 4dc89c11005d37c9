"""The picture of a training: loss and held-out value against the epoch."""

from pathlib import Path

from ..record.measurement import Measurement
from ..record.search_picture import as_label, save
from ..training.job import LearningJob, read_epochs

CURVE_FILE = "curve.png"


def draw_curve(job: LearningJob, measurement: Measurement) -> Path:
    """Draw training loss and the held-out value against the epoch; return the picture's path."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    epochs = read_epochs(job.files.epochs)
    figure = Figure(figsize=(7, 4), layout="constrained")
    FigureCanvasAgg(figure)
    loss = figure.add_subplot()
    trained = [(e.epoch, e.loss) for e in epochs if e.loss is not None]
    loss.plot(*zip(*trained, strict=True), color="tab:blue")
    loss.set_xlabel("epoch")
    loss.set_ylabel("training loss", color="tab:blue")
    loss.xaxis.set_major_locator(MaxNLocator(integer=True))
    seen = [(e.epoch, e.value) for e in epochs if e.value is not None]
    value = loss.twinx()
    value.plot(*zip(*seen, strict=True), "o-", color="tab:orange", markersize=3)
    value.set_ylabel(f"held-out {job.objective.label}", color="tab:orange")
    unit = job.objective.suffix
    test = f", test {measurement.test_value:.2f}{unit}" if measurement.test_value is not None else ""
    title = f"{job.space} on {job.data} by {job.recipe.name}: {measurement.value or 0:.2f}{unit}{test}"
    loss.set_title(as_label(title), fontsize=10)
    return save(figure, job.folder / CURVE_FILE, 120)
