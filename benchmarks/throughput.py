"""Measure how many images a second are trained on: GENIUS's trainer against a plain PyTorch loop, on the same images.

Two workloads: NAS-Bench-Macro's largest network on CIFAR's shape with the recipe `nas-bench-macro`, and the paper's
GENIUS-329 at 196×196 with that of `search-imagenet`. The images are synthetic bytes in memory, cropped and mirrored at
random; no JPEG is decoded, except in the last part, which measures how fast images can be read.

- plain: float32, PyTorch's defaults, a DataLoader with torchvision's transforms over tensors in host memory.
- ours: what a worker runs: images on the device and augmented there, bfloat16 and channels last where they pay, fused
  SGD, no waiting for the device; with torch.compile in further rows.

    python benchmarks/throughput.py            # on a GPU: under 4 minutes
    python benchmarks/throughput.py --quick    # on a CPU: small batches, few steps
"""

import argparse
import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import count, islice
from pathlib import Path

import torch
from genius.spaces import get_space
from genius.training.backend import backend, device_name
from genius.training.batches import Batch, Resident
from genius.training.epochs import cross_entropy, learner, train_step, uses_amp
from genius.training.images import Pixels
from genius.training.machine import is_out_of_memory
from genius.training.memory import blank_images, estimate
from genius.training.optimizer import copies_of_weights
from genius.training.recipes import RECIPES, Recipe, scaled
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

MACRO, MOBILE = get_space("nas-bench-macro"), get_space("mobile-imagenet")


@dataclass(frozen=True)
class Workload:
    """A network to train: how it is built, on what images, by which recipe, for how many steps."""

    name: str
    build: Callable[[], nn.Module]
    images: Pixels
    recipe: Recipe
    steps: int
    modes: tuple[str, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """(channels, height, width) of one image."""
        return tuple(self.images.images.shape[1:])


def synthetic(images: int, size: int, classes: int) -> Pixels:
    """Draw images and labels without any meaning."""
    rng = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, (images, 3, size, size), dtype=torch.uint8, generator=rng)
    return Pixels(pixels, torch.randint(classes, (images,), generator=rng))


def workloads(quick: bool) -> list[Workload]:
    """Return both workloads; `quick` ones have small batches."""
    macro = RECIPES.find("nas-bench-macro")
    mobile = replace(RECIPES.find("search-imagenet"), augment="crop-flip")
    if quick:
        macro, mobile = scaled(macro, 32)[0], scaled(mobile, 4)[0]
    largest, found = (2,) * 8, MOBILE.named["GENIUS-329"]
    small, large = (512, 64) if quick else (50_000, 8192)
    return [
        Workload(
            "nas-bench-macro, all 2s, 32×32",
            lambda: MACRO.build_for(largest, 10, 32),
            synthetic(small, 32, 10),
            macro,
            4 if quick else 150,
            ("default", "reduce-overhead"),
        ),
        Workload(
            "GENIUS-329, 196×196",
            lambda: MOBILE.build_for(found, 1000, 196),
            synthetic(large, 196, 1000),
            mobile,
            3 if quick else 16,
            ("default",),
        ),
    ]


def timed(step: Callable[[Batch], Tensor], batches: Iterator[Batch], steps: int, device: torch.device) -> float:
    """Return images a second over so many steps, after a few that warm up."""
    warm_up = 1 if device.type == "cpu" else 10
    images = 0
    for number, batch in enumerate(islice(batches, warm_up + steps)):
        if number == warm_up:
            _wait(device)
            started, images = time.perf_counter(), 0
        loss = step(batch)
        images += len(batch[1])
    _wait(device)
    seconds = time.perf_counter() - started
    assert torch.isfinite(loss), "the loss is not finite: nothing was measured"
    return images / seconds


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def ours(work: Workload, device: torch.device, mode: str) -> float:
    """Train as a worker does; `mode` is that of torch.compile, or off."""
    recipe = work.recipe
    with backend(str(device), threads=torch.get_num_threads()):
        torch.manual_seed(0)
        learns = learner(work.build(), recipe, device)
        forward = learns.network.train()
        if mode != "off":
            forward = torch.compile(forward, mode=mode)
        source = Resident(work.images, recipe, 0, device)
        batches = (batch for epoch in count() for batch in source.epoch(epoch))
        return timed(
            lambda batch: train_step(learns, forward, batch, recipe, device, cross_entropy), batches, work.steps, device
        )


class Augmented(Dataset):
    """Images of host memory, each augmented by itself."""

    def __init__(self, images: Pixels) -> None:
        from torchvision import transforms

        size = images.images.shape[-1]
        self.images = images
        self.transform = transforms.Compose(
            [
                transforms.RandomCrop(size, padding=4),
                transforms.RandomHorizontalFlip(),
                transforms.ConvertImageDtype(torch.float32),
                transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
            ]
        )

    def __len__(self) -> int:
        return len(self.images.labels)

    def __getitem__(self, number: int) -> tuple[Tensor, Tensor]:
        return self.transform(self.images.images[number]), self.images.labels[number]


def plain(work: Workload, device: torch.device) -> float:
    """Train as a straightforward script does."""
    torch.manual_seed(0)
    recipe = work.recipe
    network = work.build().to(device).train()
    optimizer = torch.optim.SGD(
        network.parameters(), recipe.lr, momentum=recipe.momentum, weight_decay=recipe.weight_decay
    )
    workers = min(16, len(os.sched_getaffinity(0))) if device.type == "cuda" else 0
    loader = DataLoader(
        Augmented(work.images), recipe.batch, shuffle=True, num_workers=workers, pin_memory=workers > 0, drop_last=True
    )

    def step(batch: Batch) -> Tensor:
        images, labels = (part.to(device, non_blocking=True) for part in batch)
        loss = functional.cross_entropy(network(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.detach()

    return timed(step, (batch for _ in count() for batch in loader), work.steps, device)


def compare(work: Workload, device: torch.device, compiled: bool) -> None:
    """Print a row for the plain loop and for each way of ours."""
    print(f"\n{work.name}: batch {work.recipe.batch}, {work.steps} steps timed", flush=True)
    base = row("plain", lambda: plain(work, device), device, None)
    row("ours", lambda: ours(work, device, "off"), device, base)
    tell_memory(work, device)
    for mode in work.modes if compiled else ():
        row(f"ours, compile={mode}", lambda mode=mode: ours(work, device, mode), device, base)


def row(name: str, measure: Callable[[], float], device: torch.device, base: float | None) -> float | None:
    """Measure, print and return images a second; None where the memory does not suffice."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
    started = time.perf_counter()
    try:
        speed = measure()
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        print(f"  {name:<30} out of memory", flush=True)
        return None
    ratio = f"{speed / base:8.2f}×" if base else " " * 9
    peak = f"  peak {torch.cuda.max_memory_allocated(device) / 1e9:5.1f} GB" if device.type == "cuda" else ""
    took = time.perf_counter() - started
    print(f"  {name:<30} {speed:10,.1f} images/s {ratio}{peak}  ({took:.0f} s in all)", flush=True)
    return speed


def tell_memory(work: Workload, device: torch.device) -> None:
    """Print what a training was estimated to need beside what it needed."""
    recipe = work.recipe
    copies, amp = copies_of_weights(recipe), uses_amp(recipe, device)
    blank = blank_images(work.shape, device)
    guess = estimate(work.build(), blank, batch=recipe.batch, copies=copies, device=device, amp=amp)
    words = f"  estimated memory {guess.total / 1e9:.2f} GB"
    if device.type == "cuda":
        data = work.images.images.numel()
        needed = torch.cuda.max_memory_allocated(device) - data
        words += f", needed {needed / 1e9:.2f} GB beside the {data / 1e9:.2f} GB of images"
    print(words, flush=True)


def reading(quick: bool) -> None:
    """Measure how fast processes read JPEG files of ImageNet's usual size and cut 196×196 pixels out of them."""
    import numpy as np
    from genius.training.images import ImageFiles
    from genius.training.loading import Streamed
    from PIL import Image
    from torchvision import transforms
    from torchvision.datasets import ImageFolder

    loaders, each = min(16, len(os.sched_getaffinity(0))), 64 if quick else 512
    recipe = replace(RECIPES.find("search-imagenet"), batch=32)
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "a").mkdir()
        for number in range(16):
            coarse = Image.fromarray(rng.integers(0, 256, (30, 40, 3), dtype=np.uint8))
            coarse.resize((500, 375), Image.Resampling.BICUBIC).save(Path(folder) / "a" / f"{number}.jpg", quality=90)
        paths = tuple(sorted(str(path) for path in Path(folder).glob("a/*.jpg"))) * (each * loaders // 16)
        cut = [transforms.RandomResizedCrop(196), transforms.RandomHorizontalFlip(), transforms.ToTensor()]
        usual = ImageFolder(folder, transforms.Compose(cut))
        usual.samples = [(path, 0) for path in paths]
        print(
            f"\nreading 500×375 JPEGs and cutting 196×196 out at random, {loaders} processes, all but the first epoch"
        )
        ways: dict[str, Callable[[int], Iterator[object]]] = {}
        loader = DataLoader(usual, 32, num_workers=loaders, persistent_workers=True)
        ways["plain"] = lambda epoch: iter(loader)
        ours = Streamed(ImageFiles(paths, torch.zeros(len(paths))), recipe, 0, torch.device("cpu"), loaders=loaders)
        ways["ours"] = ours.epoch
        for name, epoch in ways.items():
            for _ in epoch(0):
                pass
            started = time.perf_counter()
            for _ in epoch(1):
                pass
            print(f"  {name:<30} {len(paths) / (time.perf_counter() - started):10,.1f} images/s", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Images a second: GENIUS's trainer against a plain PyTorch loop.")
    parser.add_argument("--quick", action="store_true", help="small batches and few steps, as on a CPU")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--compile", action=argparse.BooleanOptionalAction, help="rows with torch.compile")
    args = parser.parse_args()
    device = torch.device(args.device)
    quick = args.quick or device.type == "cpu"
    compiled = device.type == "cuda" if args.compile is None else args.compile
    name = device_name(device, torch.get_num_threads())
    print(f"{name}, PyTorch {torch.__version__}, Python {platform.python_version()}")
    for work in workloads(quick):
        compare(work, device, compiled)
    reading(quick)


if __name__ == "__main__":
    main()
