"""The memory that a training will need, against what it needs."""

import json
import subprocess
import sys

import pytest
import torch
from genius.training.memory import available, blank_images, estimate
from torch import nn

CPU = torch.device("cpu")
# the peak of this process's memory while it takes two steps, in bytes, and what was estimated
MEASURE = """
import json, resource
from pathlib import Path
import torch
from genius.training.epochs import cross_entropy, learner, train_step
from genius.training.memory import blank_images, estimate
from genius.training.recipes import RECIPES, override
from genius.spaces import get_space

cpu, recipe = torch.device("cpu"), override(RECIPES.find("nas-bench-macro"), ["batch=96"])
torch.set_num_threads(1)

def held(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))

def train(batch):
    learns = learner(get_space("nas-bench-macro").build((1, 0, 1, 0, 0, 1, 0, 0)), recipe, cpu)
    images = torch.randn(batch, 3, 32, 32).contiguous(memory_format=torch.channels_last)
    for _ in range(2):
        train_step(learns, learns.network, (images, torch.zeros(batch, dtype=torch.long)), recipe, cpu, cross_entropy)

network = get_space("nas-bench-macro").build((1, 0, 1, 0, 0, 1, 0, 0))
guess = estimate(network, blank_images((3, 32, 32), cpu), batch=96, copies=3, device=cpu, amp=False)
train(2)
before = held("VmRSS")
train(96)
print(json.dumps([guess.total, held("VmHWM") - before]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of a process's memory from /proc")
def test_the_estimate_is_near_what_a_training_takes():
    done = subprocess.run([sys.executable, "-c", MEASURE], check=True, capture_output=True, text=True)
    guess, taken = json.loads(done.stdout)
    # what the processor's convolutions take to work in, and what the allocator keeps, differs between runs by a third
    assert 0.5 < guess / taken < 1.4


def test_the_parts_of_the_estimate_are_counted_by_hand():
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    found = estimate(network, blank_images((1, 8, 8), CPU), batch=100, copies=4, device=CPU, amp=False)
    weights = 4 * (64 * 32 + 32 + 32 * 10 + 10)
    # the image, the hidden layer, the log-probabilities, and the label as 8 bytes
    assert (found.weights, found.copies, found.activations) == (weights, 4, 4 * (64 + 32 + 10) + 8)
    assert found.total == 4 * weights + 100 * found.activations
    half = estimate(network, blank_images((1, 8, 8), CPU), batch=100, copies=3, device=CPU, amp=True)
    assert half.copies == 3
    assert half.activations < found.activations


def test_an_estimate_changes_neither_the_network_nor_the_random_numbers():
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Dropout(0.5), nn.Linear(144, 10))
    before, state = {name: value.clone() for name, value in network.state_dict().items()}, torch.get_rng_state()
    estimate(network, blank_images((1, 8, 8), CPU), batch=100, copies=3, device=CPU, amp=False)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)


def test_this_machine_has_memory():
    assert 1e8 < available(CPU) < 1e14
