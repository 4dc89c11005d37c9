"""The task of language modelling: windows of a text, cross entropy, bits per character. Imports torch."""

import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..errors import GeniusError
from ..printable import reason
from ..record.statistics import blocks_sd
from ..spaces import get_space
from ..spaces.space import CannotBuild, SearchSpace
from .batches import Batches, Rank, generator, steps_of
from .epochs import precision, summed
from .language_job import LanguageJob, check_language_recipe
from .learning_task import TaskScore, size_in_words
from .recipes import Recipe
from .text import SplitText, load_text
from .tuning import UNTUNED, Tuning
from .weights import save_tensors

LANGUAGE_HEADER = "genius-language-model"
"""The name of a language model's card among the metadata of a safetensors file."""

_BLOCKS = 20  # of a text, whose means tell the error of its mean

TextBatch = tuple[Tensor, Tensor]
"""Character numbers and those that come next, both of shape (windows, places), on the device."""


class TrainingWindows:
    """Batches of windows of a text, drawn anew for each epoch: as many as cover the text once."""

    def __init__(
        self, numbers: Tensor, context: int, recipe: Recipe, seed: int, device: torch.device, rank: Rank
    ) -> None:
        self.steps, self.batch = steps_of(windows_of(len(numbers), context), recipe, rank, LanguageJob.examples)
        self._numbers, self._context, self._seed, self._device, self._rank = numbers, context, seed, device, rank

    def epoch(self, number: int) -> Iterator[TextBatch]:
        """Yield an epoch's batches."""
        last = len(self._numbers) - self._context
        starts = torch.randint(last, (self.steps, self.batch), generator=generator(self._seed, number))
        places = torch.arange(self._context + 1)
        for firsts in starts:
            mine = firsts[self._rank.share(self.batch), None] + places
            windows = self._numbers[mine.to(self._device)].long()
            yield windows[:, :-1], windows[:, 1:]


def windows_of(characters: int, context: int) -> int:
    """Return how many windows cover a training text once; the first character of it has none before it."""
    return (characters - 1) // context


@dataclass(frozen=True)
class LanguageModelling:
    """A training's text, its numbers on the device, and its network."""

    job: LanguageJob
    space: SearchSpace
    text: SplitText
    numbers: Tensor
    network: nn.Module
    device: torch.device
    rank: Rank
    tuning: Tuning = UNTUNED

    @classmethod
    def open(cls, job: LanguageJob, device: torch.device, rank: Rank) -> Self:
        """Read the text and build the network.

        Raises: BadArchitecture; GeniusError, also where the text has changed since the training was planned.
        """
        check_language_recipe(job.recipe)
        space = get_space(job.space)
        space.check(job.architecture)
        text = load_text(job.data, space.shape[0])
        if job.found is not None and job.found.digest != text.found.digest:
            raise GeniusError(f"the text of {job.data} has changed since this training was planned")
        numbers = torch.from_numpy(text.numbers).to(device)
        return cls(job, space, text, numbers, initial_language_model(job, space, text.vocabulary), device, rank)

    @property
    def context(self) -> int:
        """How many characters the network reads at once."""
        return self.space.shape_of(self.job.architecture)[0]

    @property
    def examples(self) -> int:
        """The number of windows that cover the training text once."""
        return windows_of(self.text.parts[0], self.context)

    @property
    def size(self) -> str:
        """The network's parameters, and its FLOPs where the space tells them without counting."""
        return size_in_words(self.network, self.space, self.job.architecture)

    def batches(self) -> Batches[TextBatch]:
        """Return the source of training windows."""
        job, train = self.job, self.numbers[: self.text.parts[0]]
        return TrainingWindows(train, self.context, job.recipe, job.seed, self.device, self.rank)

    def loss(self, forward: nn.Module, batch: TextBatch, recipe: Recipe) -> Tensor:
        """Return the mean cross entropy of the next characters, in nats."""
        given, following = batch
        scores = forward(given).flatten(0, 1)
        return functional.cross_entropy(scores, following.flatten(), label_smoothing=recipe.label_smoothing)

    def blank_loss(self, network: nn.Module, examples: int) -> Tensor:
        """Return the cross entropy of windows of one character over and over."""
        blank = torch.zeros((examples, self.context), dtype=torch.long, device=self.device)
        return self.loss(network, (blank, blank), self.job.recipe)

    def measure(self, network: nn.Module) -> TaskScore:
        """Measure the bits per character of the validation text."""
        return self._score(network, *self.text.parts[:2])

    def test(self, network: nn.Module) -> TaskScore:
        """Measure the bits per character of the test text."""
        return self._score(network, *self.text.parts[1:])

    @torch.no_grad()
    def _score(self, network: nn.Module, first: int, end: int) -> TaskScore:
        """Measure the mean bits of the characters from `first` up to `end`, each predicted once.

        Windows of one context lie side by side. The input of each begins with the character before it.
        """
        network.eval()
        exact = torch.float32 if self.device.type == "mps" else torch.float64  # Apple's GPUs know no other
        number = min(_BLOCKS, end - first)
        bits, counts = totals = torch.zeros(2, number, dtype=exact, device=self.device)
        for places in self._windows(first, end):
            within = places < end
            given, following = (self.numbers[at.clamp(max=end - 1)].long() for at in (places - 1, places))
            with precision(self.job.recipe, self.device):
                scores = network(given).transpose(1, 2)
            nats = functional.cross_entropy(scores.float(), following, reduction="none")
            blocks = ((places[within] - first) * number) // (end - first)
            bits.index_add_(0, blocks, nats[within].to(exact) / math.log(2))
            counts.index_add_(0, blocks, torch.ones_like(blocks, dtype=exact))
        found, characters = summed(totals, self.rank).tolist()
        means = [of / count for of, count in zip(found, characters, strict=True)]
        return TaskScore(sum(found) / sum(characters), blocks_sd(means))

    def _windows(self, first: int, end: int) -> Iterator[Tensor]:
        """Yield the places of this process's windows in batches (windows, context); the last reaches beyond."""
        firsts = torch.arange(first, end, self.context, device=self.device)[self.rank.number :: self.rank.world]
        within = torch.arange(self.context, device=self.device)
        for batch in firsts.split(max(1, self.job.recipe.batch // self.rank.world)):  # type: ignore[no-untyped-call]
            yield batch[:, None] + within

    def write_weights(self, network: nn.Module, path: Path) -> None:
        """Write the weights as safetensors; their card says which network they are of, and which characters it knows.

        The first number is of all others.
        """
        job = self.job
        card = {
            "space": job.space,
            "architecture": job.architecture,
            "characters": self.text.found.classes,
            "recipe": asdict(job.recipe),
        }
        save_tensors(network, {LANGUAGE_HEADER: json.dumps(card)}, path)


def initial_language_model(job: LanguageJob, space: SearchSpace, vocabulary: int) -> nn.Module:
    """Build the network of a job for so many characters, with the initial weights that its seed gives.

    Raises: CannotBuild where it cannot be built or run; GeniusError where its scores are not of these characters.
    """
    (context,) = shape = space.shape_of(job.architecture)
    # layers draw their weights from the global generator and take no other: it is seeded and then put back
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(job.seed)
        try:
            network = space.build_for(job.architecture, vocabulary, context)
            found = tuple(network.eval()(torch.zeros(2, *shape, dtype=torch.long)).shape)
        except (MemoryError, GeniusError):
            raise
        except Exception as error:
            raise CannotBuild(
                f"the network of {list(job.architecture)} cannot be built for {vocabulary} characters and a context of "
                f"{context}: {reason(error)}"
            ) from error
    if found != (2, context, vocabulary):
        raise GeniusError(
            f"{job.data} has {vocabulary} characters, and the networks of {space.name} give scores of shape {found} "
            f"for 2 windows of {context}: let the space's build take num_classes"
        )
    return network.train()
