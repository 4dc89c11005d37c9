"""Trackers: loggers of other people's, which show searches beside all else that they hold."""

from collections.abc import Callable

from ..plugins import Plugins, signature_refusing
from .mlflow_runs import MLflow
from .optuna_study import OptunaStudy
from .tensorboard_files import TensorBoard
from .tracker import Tracker
from .trackio_runs import Trackio
from .wandb_runs import WandB

MakeTracker = Callable[[str], Tracker]
"""Makes a tracker, given the words behind its name: the class itself, as a rule."""


def _read(value: object) -> MakeTracker | None:
    return value if callable(value) and signature_refusing(value, 1) is None else None


TRACKERS: Plugins[MakeTracker] = Plugins(
    "tracker",
    {"mlflow": MLflow, "wandb": WandB, "tensorboard": TensorBoard, "trackio": Trackio, "optuna": OptunaStudy},
    _read,
    "a class of trackers, see genius.Tracker",
    arguments={
        "mlflow": "[:URI]",
        "wandb": "[:PROJECT]",
        "tensorboard": "[:FOLDER]",
        "trackio": "[:PROJECT]",
        "optuna": ":URL",
    },
)
"""The door for trackers."""
