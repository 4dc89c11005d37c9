"""The checkpoint of a training, from which a killed training continues. Imports torch."""

import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from pickle import UnpicklingError

import torch

from ..record.files import open_plain, replacing

_LEAST = 2.0  # seconds of training between two saves that wait for the disk
_TIMES = 20  # the same, in multiples of the last wait, so that waiting costs less than 5 %


@dataclass(frozen=True)
class Saved:
    """The content of a checkpoint: the epochs done, their seconds in all tries together, and the learner's state."""

    epochs: int
    seconds: float
    learner: dict[str, object]


@dataclass
class Checkpoint:
    """The checkpoint file of the job with this `identity`.

    A killed process loses no saved epoch. A power cut may lose some: a save is synced to disk no more often than every
    2 seconds, or every 20 times the duration of the last sync. Broken files, and files of other jobs, are not read.
    """

    path: Path
    identity: str
    _synced: float = field(default_factory=time.monotonic)
    _took: float = 0.0

    def save(self, saved: Saved) -> None:
        """Write the checkpoint, whole or not at all."""
        started = time.monotonic()
        sync = started - self._synced >= max(_LEAST, _TIMES * self._took)
        with replacing(self.path) as partial, open(partial, "wb", opener=open_plain) as file:
            torch.save({"identity": self.identity, **vars(saved)}, file)
            if sync:
                file.flush()
                os.fsync(file.fileno())
        if sync:
            self._synced = time.monotonic()
            self._took = self._synced - started

    def load(self) -> Saved | None:
        """Read the checkpoint into the CPU's memory; None where there is none. Prints why it cannot use a file."""
        try:
            found = torch.load(self.path, map_location="cpu", weights_only=True)
        except FileNotFoundError:
            return None
        except (RuntimeError, UnpicklingError, EOFError, OSError, ValueError, KeyError):
            self._complain("cannot be read")
            return None
        if not isinstance(found, dict) or found.pop("identity", None) != self.identity:
            self._complain("is another training's")
            return None
        try:
            return Saved(**found)
        except TypeError:  # another version's
            self._complain("cannot be read")
            return None

    def _complain(self, why: str) -> None:
        print(f"{self.path} {why}: training starts from the beginning", file=sys.stderr, flush=True)
