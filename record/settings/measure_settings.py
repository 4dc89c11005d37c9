"""The group `measures`: the measures of networks before they are trained, and their device."""

from dataclasses import dataclass
from typing import Literal

from ...errors import GeniusError
from ...python_files import absolute_name
from ...schema import Name
from .setting import Few, Names, Seconds, Upto, absolute, setting


@dataclass(frozen=True)
class MeasureSettings:
    """The quantities that are measured of each network, or of each finished training, and how."""

    names: Names = setting(
        (),
        "Measure this of each network before it is trained: latency (ms), memory (MB), or your own function as "
        "MODULE:NAME. Repeatable. An objective or a limit of that name does the same, but with your own evaluator.",
        name="measure",
        claim="the module",
        metavar="NAME",
    )
    on_device: Literal["cpu", "cuda"] = setting("cpu", "The device that networks are measured on.")
    batch: Upto = setting(1, "The images that a network takes at once while it is measured.", name="on_batch")
    threads: Few = setting(1, "The threads of the CPU that it is measured with.", name="on_threads")
    runtime: Literal["torch", "onnx"] = setting("torch", "The library that runs it: onnx is onnxruntime, on a CPU.")
    seconds: Seconds = setting(
        10.0, "The most seconds of a measurement; it ends earlier where its interval is narrow.", name="on_seconds"
    )
    table: Name | None = setting(
        None,
        "A look-up that `genius latency` wrote: a limit on latency is held against its predictions.",
        name="latency_table",
        metavar="FILE",
        claim="the look-up",
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "table", absolute(self.table))
        object.__setattr__(self, "names", tuple(map(absolute_name, self.names)))

    def check(self) -> None:
        """Raises GeniusError for settings that exclude each other."""
        if self.runtime == "onnx" and self.on_device != "cpu":
            raise GeniusError("onnxruntime runs networks on the CPU here: leave --runtime onnx or --on-device cuda out")
