"""Trainings on a CPU keep away from the kernels of oneDNN that write outside their memory."""

import os
import platform
import re
import subprocess
import sys

import pytest
import torch
from genius.training.batches import as_input
from genius.training.card import PHOTOGRAPHS
from genius.training.channels_last import backward, guarded
from genius.training.epochs import cross_entropy, learner, train_step
from genius.training.recipes import RECIPES, override
from torch import nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

CPU = torch.device("cpu")
DIGITS = RECIPES.find("digits")

X86 = pytest.mark.skipif(platform.machine().lower() not in ("x86_64", "amd64"), reason="the kernels are those of x86")

# the C library checks its heap at every turn, and oneDNN tells of every kernel that it runs
CHECKED = {"MALLOC_CHECK_": "3", "LD_PRELOAD": "libc_malloc_debug.so.0", "ONEDNN_VERBOSE": "1"}

ARCHITECTURE = """
import sys
from pathlib import Path
from genius.training.job import TrainingJob
from genius.training.learn import learn
from genius.training.recipes import RECIPES, override

folder = Path(sys.argv[1])
recipe = override(RECIPES.find("digits"), ["epochs=3"])
job = TrainingJob(space="digits", architecture=(0,) * 9, data="digits", recipe=recipe, folder=folder, downloads=folder)
assert learn(job).error is None
"""
BARE = """
import sys
import torch
from genius.training.epochs import cross_entropy, learner, train_step
from genius.training.recipes import RECIPES
from torch import nn

torch.set_num_threads(int(sys.argv[2]))
cpu, recipe = torch.device("cpu"), RECIPES.find("digits")
network = nn.Sequential(nn.Conv2d(CHANNELS, 8, 1, stride=2, bias=False), nn.Flatten(), nn.LazyLinear(10))
network(torch.zeros(1, CHANNELS, 16, 16))
learns = learner(network, recipe, cpu)
for _ in range(50):
    images = torch.randn(25, CHANNELS, 16, 16).contiguous(memory_format=torch.channels_last)
    train_step(learns, learns.network, (images, torch.zeros(25, dtype=torch.long)), recipe, cpu, cross_entropy)
"""


@X86
@pytest.mark.parametrize(("isa", "threads"), [("AVX2", 1), ("ALL", 2)])  # where each was seen to write too far
@pytest.mark.parametrize("program", [ARCHITECTURE, BARE.replace("CHANNELS", "4")], ids=["digits", "bare"])
def test_a_strided_convolution_of_few_channels_is_trained_without_its_stride(tmp_path, program, isa, threads):
    environment = {**os.environ, **CHECKED, "ONEDNN_MAX_CPU_ISA": isa}
    command = [sys.executable, "-c", program, str(tmp_path), str(threads)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    gradients = [line for line in done.stdout.splitlines() if "convolution" in line and "backward_weights" in line]
    assert gradients
    assert not [line for line in gradients if re.search(r"kh1sh[2-9].*kw1sw[2-9]", line)]


class Functional(nn.Module):
    """A strided 1×1 convolution that is no module, in whichever words."""

    def __init__(self, how):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(8, 4, 1, 1, generator=torch.Generator().manual_seed(0)))
        self.how = how

    def forward(self, images):
        return self.how(images, self.weight)


WAYS = {
    "module": lambda x, w: functional.conv2d(x, w, None, (2, 2), (0, 0), (1, 1), 1),
    "by name": lambda x, w: torch.conv2d(input=x, weight=w, stride=2),
    "one number": lambda x, w: functional.conv2d(x, w, stride=(2,), padding=(0,)),
    "valid": lambda x, w: functional.conv2d(x, w, stride=[3, 2], padding="valid"),
    "to the right alone": lambda x, w: functional.conv2d(x, w, stride=(1, 2)),
    "one image": lambda x, w: torch.stack([functional.conv2d(image, w, stride=2) for image in x]),
    "run again": lambda x, w: checkpoint(lambda x: functional.conv2d(x, w, stride=2), x, use_reentrant=False),
}
OTHERS = {
    "padded": lambda x, w: functional.conv2d(x, w, stride=2, padding=1),
    "same": lambda x, w: functional.conv2d(x, w, padding="same"),
    "larger": lambda x, w: functional.conv2d(x, w.expand(-1, -1, 3, 3), stride=2, padding=1),
}


@pytest.mark.parametrize("size", [8, 9])
@pytest.mark.parametrize("way", WAYS | OTHERS)
def test_it_convolves_as_before_whoever_asks_for_it(way, size):
    network = Functional((WAYS | OTHERS)[way]).double()
    images = torch.randn(5, 4, size, size, dtype=torch.double, requires_grad=True)

    def gradients():
        images.grad = network.weight.grad = None
        backward(network(images).square().sum())
        return images.grad, network.weight.grad

    expected = network(images), *gradients()
    with guarded(CPU):
        found = network(images), *gradients()
    assert all(torch.allclose(one, other) for one, other in zip(found, expected, strict=True))


@pytest.mark.parametrize("way", WAYS)
def test_the_backward_pass_convolves_without_strides(way):
    network = nn.Sequential(Functional(WAYS[way]), nn.Flatten(), nn.LazyLinear(10))
    images = torch.randn(5, 4, 8, 8).contiguous(memory_format=torch.channels_last)
    network(images)
    learns = learner(network, DIGITS, CPU)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], record_shapes=True) as profile:
        train_step(learns, learns.network, (images, torch.zeros(5, dtype=torch.long)), DIGITS, CPU, cross_entropy)
    convolutions = [event for event in profile.events() if event.name == "aten::convolution_backward"]
    assert convolutions
    assert {tuple(event.input_shapes[0][-2:]) == tuple(event.input_shapes[1][-2:]) for event in convolutions} == {True}


def test_images_and_weights_lie_channels_last():
    images = as_input(torch.zeros(2, 3, 8, 8, dtype=torch.uint8), override(DIGITS, ["size=16"]), PHOTOGRAPHS)
    network = learner(nn.Conv2d(3, 4, 3), DIGITS, CPU).network
    assert images.is_contiguous(memory_format=torch.channels_last)
    assert network.weight.is_contiguous(memory_format=torch.channels_last)
