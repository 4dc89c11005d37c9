"""Transfer: which weights reach the network, which of them are trained, and how fast."""

from dataclasses import replace

import pytest
import torch
import torchvision
from genius import Decision, SearchSpace
from genius.errors import GeniusError
from genius.graph.bundle import ExportOptions
from genius.graph.transfer import plan_transfer
from genius.record.settings import TrainingSettings
from genius.spaces import get_space
from genius.training.batches import ALONE
from genius.training.card import Card, Input
from genius.training.classification import Classification
from genius.training.epochs import learner
from genius.training.job import TrainingJob
from genius.training.learn import do_job, learn
from genius.training.memory import blank_images, estimate
from genius.training.optimizer import make_optimizer, set_rates
from genius.training.recipes import RECIPES, override
from genius.training.tuning import find_stages, tune
from genius.training.weights import find_head, read_card, write_weights
from safetensors.torch import load_file, save_file
from torch import nn

from .halves import ARCHITECTURE, PRETRAINING, write_halves

CPU = torch.device("cpu")
NUMBERS = tuple(map(int, ARCHITECTURE))
FINETUNE = RECIPES.find("finetune")
SHORT = ("augment=none", "size=8", "epochs=2", "batch=15")
HEAD = {"linear.weight", "linear.bias"}


class Killed(Exception):
    """Ends a training as a kill would, in the middle."""


def kill_after(number):
    def hear(epoch):
        if epoch.epoch == number:
            raise Killed

    return hear


@pytest.fixture(scope="module")
def halves(tmp_path_factory):
    root = tmp_path_factory.mktemp("halves")
    write_halves(root)
    return root


@pytest.fixture(scope="module")
def first(halves):
    """Train a network on the first half; return its weights."""
    job = TrainingJob(
        space="digits",
        architecture=NUMBERS,
        data=f"folder:{halves / 'first'}",
        recipe=override(FINETUNE, ("augment=none", "size=8", *PRETRAINING)),
        folder=halves / "job",
        downloads=halves,
        keep_weights=True,
    )
    do_job(job)
    return job.files.weights


@pytest.fixture
def planned(halves, first, tmp_path):
    """Plan transfers to the second half, short unless told otherwise; return the job and the sentences on it."""

    def make(*settings, weights=first, out="job", space="digits", architecture=ARCHITECTURE, data=None, **fields):
        asked = TrainingSettings(data=data or f"folder:{halves / 'second'}", recipe_changes=(*SHORT, *settings))
        options = ExportOptions(tmp_path)
        job, said = plan_transfer(
            space, architecture, weights, replace(asked, device="cpu"), options, out=tmp_path / out
        )
        return replace(job, **fields), said

    return make


def test_transferred_weights_learn_from_few_images_what_new_ones_do_not(planned):
    job, _ = planned("epochs=5")
    fresh = replace(job, origin=None, folder=job.folder.with_name("fresh"))
    transferred, new = (do_job(each).test_accuracy for each in (job, fresh))
    assert transferred > new + 10  # chance is 20%


def test_a_linear_probe_trains_the_head_alone(planned, first):
    job, said = planned("linear_probe=true", "lr=0.5", "ema=0.5")
    assert any("linear.bias, linear.weight" in each and "which is new" in each for each in said)
    assert any("batch norm in evaluation mode" in each and "the head alone is trained" in each for each in said)
    do_job(job)
    before, after = load_file(first), load_file(job.files.weights)
    assert before.keys() == after.keys() > HEAD
    assert {name for name in before if torch.equal(before[name], after[name])} == before.keys() - HEAD


def test_frozen_stages_and_their_statistics_stay(planned, first):
    job, said = planned("frozen_stages=2")
    assert "frozen, batch norm in evaluation mode: features.0, features.1; the others are trained" in said
    do_job(job)
    before, after = load_file(first), load_file(job.files.weights)
    same = {name for name in before if torch.equal(before[name], after[name])}
    assert same == {name for name in before if name.startswith(("features.0.", "features.1."))}


def test_frozen_batch_norm_stays(planned, first):
    job, said = planned("frozen_bn=true")
    assert "batch norm keeps its statistics and scales" in said
    do_job(job)
    before, after = load_file(first), load_file(job.files.weights)
    same = {name for name in before if torch.equal(before[name], after[name])}
    convolutions = {name for name in before if before[name].ndim == 4}
    assert same == before.keys() - convolutions - HEAD


def test_weights_learn_more_slowly_towards_the_input(planned):
    job, said = planned("stage_factor=0.5", "schedule=constant")
    task = Classification.open(job, CPU, ALONE)
    names = {id(weight): name for name, weight in task.network.named_parameters()}
    optimizer = learner(task.network, job.recipe, CPU, ALONE, task.tuning).optimizer
    set_rates(optimizer, job.recipe, 0, 10)
    rates = {names[id(weight)]: group["lr"] for group in optimizer.param_groups for weight in group["params"]}
    assert rates.keys() == set(names.values())
    stages = len(task.network.features)
    for name, rate in rates.items():
        depth = stages - int(name.split(".")[1]) if name.startswith("features") else 0
        assert rate == pytest.approx(0.01 * 0.5**depth)
    assert any(each.startswith("learning rates: features.0 ") and each.endswith("the head 0.01") for each in said)


def test_a_training_from_scratch_has_slower_rates_too(planned):
    job, _ = planned("stage_factor=0.5")
    rates = Classification.open(replace(job, origin=None), CPU, ALONE).tuning.rates
    assert rates["features.0.0.weight"] < rates["features.5.0.weight"] == 0.5


@pytest.mark.parametrize("settings", [(), ("linear_probe=true",), ("frozen_stages=3", "stage_factor=0.5", "ema=0.9")])
def test_a_training_that_is_killed_goes_on_to_the_same_weights(planned, settings):
    settings = (*settings, "epochs=4", "augment=crop-flip")
    whole, _ = planned(*settings, out="whole")
    cut, _ = planned(*settings, out="cut")
    do_job(whole)
    with pytest.raises(Killed):
        do_job(cut, kill_after(2))
    heard = []
    do_job(cut, lambda epoch: heard.append(epoch.epoch))
    assert heard == [3, 4]
    assert whole.files.weights.read_bytes() == cut.files.weights.read_bytes()


def test_the_card_says_where_the_weights_come_from(planned, first):
    job, _ = planned()
    do_job(job)
    card = read_card(job.files.weights)
    assert card.transferred_from == job.origin.sha256
    assert card.classes == tuple("56789")
    assert read_card(first).transferred_from == ""
    assert Card.read(card.text()) == card
    with pytest.raises(GeniusError, match="its own card cannot be read: transferred_from must be a SHA-256"):
        Card.read(card.text().replace(card.transferred_from, "[red]mine"))
    assert TrainingJob.load(job.save()) == job


def test_images_are_resized_and_the_head_fits_their_classes(planned):
    job, _ = planned("size=20", "augment=resized-crop-flip", "epochs=1")
    task = Classification.open(job, CPU, ALONE)
    images, _ = next(iter(task.batches().epoch(0)))
    assert images.shape == (15, 1, 20, 20)
    assert task.network(images).shape == (15, 5)
    assert learn(job).error is None


def test_weights_of_another_network_are_refused(planned, first, tmp_path):
    def refused(match, **asked):
        with pytest.raises(GeniusError, match=match):
            planned(**asked)

    def written(change):
        tensors = load_file(first)
        change(tensors)
        save_file(tensors, tmp_path / "w.safetensors")
        return tmp_path / "w.safetensors"

    refused("it says that it holds those of", architecture="0" * 9)
    refused("there are no weights at", weights=tmp_path / "none.safetensors")
    refused("name the weights with --weights", weights=None)
    refused(
        "Unexpected key.*features.9.weight",
        weights=written(lambda t: t.update({"features.9.weight": torch.ones(3)})),
    )
    refused("Missing key.*features.0.0.weight", weights=written(lambda t: t.pop("features.0.0.weight")))
    refused("size mismatch for features.0", weights=written(lambda _: None), architecture="011111111")
    beheaded, _ = planned(weights=written(lambda t: [t.pop(name) for name in HEAD]), out="beheaded")
    assert learn(beheaded).error is None
    beheaded.origin.weights.write_bytes(first.read_bytes())
    with pytest.raises(GeniusError, match="has changed since this training was planned"):
        learn(replace(beheaded, folder=tmp_path / "again"))


def test_images_of_other_channels_are_refused_and_places_are_resized(planned, halves, tmp_path):
    space, name = get_space("vit-cifar"), "0000000000000"
    for channels, size in ((3, 16), (1, 16)):
        network = space.build_for(tuple(map(int, name)), 4, size, channels)
        card = Card(
            "vit-cifar", tuple(map(int, name)), (), Input(channels, size, 1, True, (0.5,) * channels, (0.5,) * channels)
        )
        write_weights(network, card, tmp_path / f"{channels}.safetensors")
    asked = {"space": "vit-cifar", "architecture": name}
    with pytest.raises(GeniusError, match="take images of 3 channels, and those to train on have 1"):
        planned("size=32", weights=tmp_path / "3.safetensors", **asked)
    job, said = planned("size=32", weights=tmp_path / "1.safetensors", **asked)
    assert Classification.open(job, CPU, ALONE).network.patches.position.shape[-1] == 4
    assert any("images are normalised by mean" in each for each in said)


def test_what_is_frozen_needs_weights_and_stages(planned):
    job, _ = planned("frozen_stages=6")
    with pytest.raises(
        GeniusError, match="frozen_stages=6 leaves trained weights as they are, and this training draws"
    ):
        replace(job, origin=None)
    with pytest.raises(GeniusError, match=r"frozen_stages=7, and the network has 6 stages: features.0, features.1"):
        planned("frozen_stages=7")


class Cells(nn.Module):
    """Has a stem whose norm stands beside it, places of no module, and its cells in a list."""

    def __init__(self, num_classes):
        super().__init__()
        self.places = nn.Parameter(torch.zeros(1, 8, 1, 1))
        self.scale = nn.BatchNorm2d(3)
        self.stem = nn.Conv2d(3, 8, 3)
        self.norm = nn.BatchNorm2d(8, affine=False)
        self.cells = nn.ModuleList(nn.Conv2d(8, 8, 1) for _ in range(2))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(8, num_classes)

    def forward(self, images):
        images = self.norm(self.stem(self.scale(images))) + self.places
        for cell in self.cells:
            images = cell(images)
        return self.fc(self.pool(images).flatten(1))


def space_of(build):
    return SearchSpace("mine", (Decision("none", ("0",)),), "", build, (3, 16, 16))


CARD = Card("mine", (0,), (), Input(3, 16, 1.0, True, (0.5,) * 3, (0.5,) * 3))


def test_stages_are_the_modules_at_the_top():
    network = Cells(4)
    stages = find_stages(network, {"fc.weight", "fc.bias"})
    assert [(stage.name, stage.modules) for stage in stages] == [
        ("stem", ("scale", "stem", "norm")),
        ("cells.0", ("cells.0",)),
        ("cells.1", ("cells.1", "pool", "fc")),
    ]
    assert stages[0].weights == ("places", "scale.weight", "scale.bias", "stem.weight", "stem.bias")
    tuning = tune(network, stages, override(FINETUNE, ["frozen_stages=1"]))
    assert {name for name, weight in network.named_parameters() if not weight.requires_grad} == {*stages[0].weights}
    learns = learner(network, FINETUNE, CPU, ALONE, tuning)
    assert learns.frozen == (network.scale, network.stem, network.norm)
    probe = override(FINETUNE, ["linear_probe=true"])
    assert learner(network, probe, CPU, ALONE, tune(network, stages, probe)).frozen == (network,)
    assert {name for name, weight in network.named_parameters() if weight.requires_grad} == {"fc.weight", "fc.bias"}
    optimized = {id(w) for group in make_optimizer(network, FINETUNE, CPU).param_groups for w in group["params"]}
    assert optimized == {id(weight) for weight in network.parameters() if weight.requires_grad}


@pytest.mark.parametrize(
    ("name", "stages"),
    [
        ("resnet18", ["conv1", "layer1", "layer2", "layer3", "layer4"]),
        ("mobilenet_v2", [f"features.{number}" for number in range(19)]),
        ("vgg11", ["features", "classifier"]),
    ],
)
def test_stages_of_networks_of_torchvision(name, stages):
    with torch.device("meta"):
        network = getattr(torchvision.models, name)()
    last = list(dict(network.named_parameters()))[-2:]
    found = find_stages(network, last)
    assert [stage.name for stage in found] == stages
    assert sum(len(stage.weights) for stage in found) + 2 == len(list(network.parameters()))


def test_a_single_module_is_the_stage():
    plain = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(72, 3))
    (stage,) = find_stages(plain, {"2.weight", "2.bias"})
    assert (stage.name, stage.weights) == ("0", ("0.weight", "0.bias"))
    inner = nn.Sequential(nn.Identity())
    inner.weight = nn.Parameter(torch.zeros(2, 2))
    (stage,) = find_stages(nn.Sequential(nn.Sequential(inner), nn.Linear(2, 3)), {"1.weight", "1.bias"})
    assert (stage.name, stage.modules, stage.weights) == ("0.0", ("0.0", "1"), ("0.0.weight",))


def test_the_head_is_what_depends_on_the_number_of_classes():
    assert find_head(space_of(lambda architecture, num_classes: Cells(num_classes)), CARD) == {"fc.weight", "fc.bias"}
    with pytest.raises(GeniusError, match="the head of the networks of mine cannot be told"):
        find_head(space_of(lambda architecture: Cells(5)), CARD)
    with pytest.raises(GeniusError, match="have a head alone"):
        find_head(
            space_of(lambda _, num_classes: nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * 16, num_classes))), CARD
        )


def test_frozen_weights_take_memory_once():
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.Linear(32, 10))
    network[1].requires_grad_(False)
    found = estimate(network, blank_images((1, 8, 8), CPU), batch=10, copies=4, device=CPU, amp=False)
    assert (found.frozen, found.weights) == (4 * (64 * 32 + 32), 4 * (32 * 10 + 10))
    assert found.total == found.frozen + 4 * found.weights + 10 * found.activations
