"""A training that saves itself, so that one that was killed goes on where it was. Imports torch."""

import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from pickle import UnpicklingError

import torch

_LEAST = 2.0  # seconds of training between two saves that wait for the disk
_TIMES = 20  # the same, in times of what the last one took: waiting costs less than 5 %


@dataclass(frozen=True)
class Saved:
    """What is saved: how many epochs are done, the seconds they took, all tries together, and the learner's state."""

    epochs: int
    seconds: float
    learner: dict[str, object]


@dataclass
class Checkpoint:
    """The file that a training saves itself in.

    A killed process loses nothing that was saved. A power cut may: the disk is waited for every 2 seconds, or every 20
    times what that took, and a file that it left broken is not read. Only what the same job wrote is read: `identity`
    says which job that is.
    """

    path: Path
    identity: str
    _synced: float = field(default_factory=time.monotonic)
    _took: float = 0.0

    def save(self, saved: Saved) -> None:
        """Write it, whole or not at all."""
        started = time.monotonic()
        sync = started - self._synced >= max(_LEAST, _TIMES * self._took)
        partial = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        try:
            with partial.open("wb") as file:
                torch.save({"identity": self.identity, **vars(saved)}, file)
                if sync:
                    file.flush()
                    os.fsync(file.fileno())
            partial.replace(self.path)
        finally:
            partial.unlink(missing_ok=True)
        if sync:
            self._synced = time.monotonic()
            self._took = self._synced - started

    def load(self) -> Saved | None:
        """Read it back, on the CPU; None where there is none of this job's, and says so where there is another."""
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
