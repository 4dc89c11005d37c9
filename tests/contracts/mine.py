"""Plug-ins of a user's own, as `mine:NAME`: one of each kind."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import genius
import torch
from genius.trackers.tracker import Evaluation, TrialStanding
from langchain_core.callbacks import BaseCallbackHandler
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import Dataset, TensorDataset


def build(architecture: genius.Architecture, num_classes: int = 3) -> nn.Module:
    """Build a network of one convolution."""
    width = 4 * (architecture[0] + 1)
    return nn.Sequential(
        nn.LazyConv2d(width, 3, stride=2),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(width, num_classes),
    )


_DECISIONS = (genius.Decision("width", ("4", "8", "12", "16")), genius.Decision("nothing", ("a", "b")))
SPACE = genius.SearchSpace("mine", _DECISIONS, "", build, (3, 8, 8), data="mine:PHOTOS", recipe="mine:RECIPE")
GREY = genius.SearchSpace("grey", _DECISIONS, "", build, (1, 8, 8), data="mine:FLOATS", recipe="mine:RECIPE")

BARE = genius.SearchSpace("bare", _DECISIONS, "", build, (3, 8, 8))

RECIPE = genius.Recipe("mine", epochs=2, batch=8, lr=0.05, augment="crop-flip")
STREAMED = genius.Recipe("streamed", epochs=1, batch=8, lr=0.05, augment="resized-crop-flip", size=8)


class Photos(Dataset[tuple[Image.Image, int]]):
    """Squares of one colour, as Pillow's images, with the names of the colours."""

    classes = ("red", "green", "blue")

    def __init__(self, each: int) -> None:
        self.targets = [number % 3 for number in range(3 * each)]

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, number: int) -> tuple[Image.Image, int]:
        if number >= len(self):
            raise IndexError(number)
        label = self.targets[number]
        colour = tuple(200 if channel == label else number for channel in range(3))
        return Image.new("RGB", (8, 8), colour), label


PHOTOS = (Photos(10), Photos(4))
TRIPLE = (Photos(8), Photos(3), Photos(4))


def _tensors(images: int, channels: int, *, floats: bool) -> TensorDataset:
    labels = torch.arange(images) % 3
    brightness = (labels * 100).to(torch.uint8)
    pixels = brightness[:, None, None, None].expand(images, channels, 8, 8).contiguous()
    return TensorDataset(pixels / 255 if floats else pixels, labels)


BYTES = (_tensors(30, 3, floats=False), _tensors(12, 3, floats=False))
FLOATS = (_tensors(30, 1, floats=True), _tensors(12, 1, floats=True))


SINGLE = (Photos(3),)
ALONE = Photos(12)
EMPTY = (Photos(0), Photos(2))


class Odd(Dataset[tuple[object, object]]):
    """Two images with whatever for an image and for a label."""

    def __init__(self, image: object, labels: Sequence[object]) -> None:
        self.image, self.labels = image, labels

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, number: int) -> tuple[object, object]:
        if self.image is None:
            raise ValueError("torn")
        return self.image, self.labels[number]


_GREY = torch.zeros(1, 8, 8)
RAISING = (Odd(None, [0, 1]), Odd(None, [0, 1]))
FRACTIONS = (Odd(_GREY, [0.5, 1.0]), Odd(_GREY, [0, 1]))
GAPS = (Odd(_GREY, [0, 2]), Odd(_GREY, [0, 2]))
NEGATIVE = (Odd(_GREY, [-1, 1]), Odd(_GREY, [0, 1]))
ONE_CLASS = (Odd(_GREY, [0, 0]), Odd(_GREY, [0, 0]))
ARRAYS = (Odd([[0.0]], [0, 1]), Odd([[0.0]], [0, 1]))
NORMALISED = (Odd(_GREY - 2, [0, 1, 0, 1]), Odd(_GREY, [0, 1]))


def made_badly() -> object:
    """Fail to make a data set."""
    return 1 / 0


def makes_text() -> str:
    """Make no data set."""
    return "text"


def made() -> tuple[Photos, Photos]:
    """Make the photos when they are needed."""
    return PHOTOS


def propose(prompt: Sequence[genius.Message], history: Sequence[genius.Candidate]) -> str:
    """Propose the next number at once."""
    return f"Architecture: {_next(history)}"


async def propose_later(prompt: Sequence[genius.Message], history: Sequence[genius.Candidate]) -> genius.Reply:
    """Propose as a coroutine."""
    await asyncio.sleep(0)
    return genius.Reply(f"Architecture: {_next(history)}")


def _next(history: Sequence[genius.Candidate]) -> list[int]:
    return [len(history) // 2 % 4, len(history) % 2]


@genius.seeded
def seeded(region: genius.Region, seed: Sequence[int]) -> genius.Proposer:
    """Make a proposer that begins where the seed says."""
    architectures = list(region.space.architectures())

    def propose(prompt: Sequence[genius.Message], history: Sequence[genius.Candidate]) -> str:
        return f"Architecture: {list(architectures[(seed[0] + len(history)) % len(architectures)])}"

    return propose


class Subprocesses(genius.CommandPool):
    """Runs each training in a plain process of this machine, as a cluster's client would on another."""

    async def run(self, command: Sequence[str], environment: Mapping[str, str]) -> int:
        """Run a command; it is killed when this is cancelled."""
        process = await asyncio.create_subprocess_exec(*command, env=environment)
        try:
            return await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


class Sink(BaseCallbackHandler):
    """Writes a line for each chain that begins."""

    def on_chain_start(self, serialized: object, inputs: object, **told: object) -> None:
        """Write the name of a chain."""
        with Path("sink.txt").open("a") as file:
            file.write(f"{told['name']}\n")


def layers(network: nn.Module, images: Tensor) -> int:
    """Count the layers of a network."""
    return len(list(network.children()))


def energy(network: nn.Module, images: Tensor) -> float:
    """Return millijoules, as a meter would."""
    return 2.5 * len(images)


energy.objective = genius.Objective("energy", "mJ", "lower", 0)  # type: ignore[attr-defined]


@genius.after_training
def kept(folder: Path) -> int:
    """Count the files of a training that hold weights."""
    return len(list(folder.glob("weights.*")))


class Lines(genius.Tracker):
    """Write a line for each evaluation into the file that `tracked.txt` is."""

    def finished(self, evaluation: Evaluation, standing: TrialStanding | None) -> None:
        """Write the name of an evaluation."""
        with Path("tracked.txt").open("a") as file:
            file.write(f"{evaluation.name}\n")


SINK = Sink()
TABLE = genius.PublishedTable("mine:TABLE", "http://127.0.0.1:9/mine.json", "0" * 64, 1_000, "accuracy", "accuracy")
PUBLISHED = replace(SPACE, table=TABLE)
LATENCY = genius.Objective("latency", "ms", "lower", 0)
NOTHING = None
TEXT = "text"


def made_of(workers: int) -> list[int]:
    """Make something else than a pool."""
    return [workers]


def takes_three(one: object, two: object, three: object) -> Tensor | None:
    """Be of no kind at all."""
    return None
