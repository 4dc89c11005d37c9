"""TensorBoard: event files for the search, and for each evaluation beside them, with its architecture as parameters."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..training.job import Epoch
from .tracker import Evaluation, Outcome, Tracked, Tracker, TrialStanding, check_packages, epoch_metrics, portable_name

if TYPE_CHECKING:
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

FOLDER = "tensorboard"
_TEXTS, _PICTURES = (".json",), (".png",)  # endings of files that are shown
_LONGEST = 100_000  # characters of a text


class TensorBoard(Tracker):
    """Writes event files into the run folder, or with `tensorboard:FOLDER` into one of that folder's own."""

    def __init__(self, argument: str = "") -> None:
        check_packages(["tensorboard"], "the tracker tensorboard", "tensorboard")
        super().__init__(argument)

    def begin(self, search: Tracked) -> str:
        """Open the search's event file, with its settings as a text."""
        self._search = search
        self._folder = Path(self.argument) / search.name if self.argument else search.run / FOLDER
        self._open: dict[str, EventFileWriter] = {}
        self._write("search", [_text("settings", "\n".join(f"    {n}: {v}" for n, v in search.parameters.items()))])
        return str(self._folder.absolute())

    def epoch(self, evaluation: Evaluation, epoch: Epoch) -> None:
        """Write the numbers of an epoch."""
        self._write(evaluation.name, _scalars(epoch_metrics(epoch, self._search.goal)), epoch.epoch)

    def finished(self, evaluation: Evaluation, standing: TrialStanding | None) -> None:
        """Write the parameters, numbers and notes of an evaluation, close its file, and write the standing."""
        from tensorboard.plugins.hparams.summary_v2 import hparams_pb

        candidate = evaluation.candidate
        parameters = {name: value if value is not None else "None" for name, value in evaluation.parameters.items()}
        told = [hparams_pb(parameters, evaluation.name, candidate.started), *_scalars(evaluation.metrics)]
        told += [_text(name, text) for name, text in evaluation.notes.items()]
        self._write(evaluation.name, told, evaluation.step)
        self._open.pop(evaluation.name).close()
        if standing is not None:
            self._write("search", _scalars(standing.metrics), standing.step)

    def end(self, outcome: Outcome) -> None:
        """Write the result and the picture, and close all files."""
        texts = [
            _text(file.name, f"```\n{file.read_text()[:_LONGEST]}\n```")
            for file in outcome.files
            if file.suffix in _TEXTS
        ]
        pictures = [_picture(file.name, file.read_bytes()) for file in outcome.files if file.suffix in _PICTURES]
        self._write("search", [*texts, *pictures, *_scalars({f"final/{n}": v for n, v in outcome.metrics.items()})])
        for writer in self._open.values():
            writer.close()

    def _write(self, name: str, summaries: "list[Any]", step: int = 0) -> None:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        if name not in self._open:
            self._open[name] = EventFileWriter(str(self._folder / name))
        for summary in summaries:
            self._open[name].add_event(Event(wall_time=time.time(), step=step, summary=summary))
        self._open[name].flush()


def _scalars(metrics: Mapping[str, float]) -> list[Any]:
    from tensorboard.compat.proto.summary_pb2 import Summary

    return [Summary(value=[Summary.Value(tag=portable_name(n), simple_value=v)]) for n, v in metrics.items()]


def _text(name: str, text: str) -> Any:
    from tensorboard.plugins.text.summary_v2 import text_pb

    return text_pb(portable_name(name), text)


def _picture(name: str, content: bytes) -> Any:
    from tensorboard.compat.proto.summary_pb2 import Summary

    return Summary(value=[Summary.Value(tag=name, image=Summary.Image(encoded_image_string=content))])
