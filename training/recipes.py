"""Recipes: how a network is trained, as named values that can be printed and overridden. Does not load torch."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from typing import Annotated, Literal, get_args, get_type_hints

from pydantic import Field

from ..errors import GeniusError
from ..plugins import Plugins
from ..schema import LARGEST, LARGEST_WHOLE, Flag, Name, Number, Whole
from ..spaces.space import SearchSpace

Schedule = Literal["cosine", "one-cycle", "constant", "steps"]
Optimizer = Literal["sgd", "adamw"]
Augment = Literal["none", "flip", "crop-flip", "resized-crop-flip", "distortion"]
Amp = Literal["auto", "on", "off"]
Compile = Literal["off", "default", "reduce-overhead", "max-autotune"]
Epochs = Annotated[tuple[Whole, ...], Field(max_length=1_000)]


@dataclass(frozen=True)
class Recipe:
    """The recipe of a training on cross entropy, in plain JSON types.

    - `epochs`, `batch`: `batch` images a step, over all devices together; an epoch's last images that do not fill a
      batch are left out of it.
    - `lr`, `schedule`, `warmup`: peak learning rate; `cosine` goes from it to 0 after `warmup` epochs of linear growth,
      which may be a part of one, `one-cycle` is PyTorch's (Smith and Topin 2019) with its momentum, `constant` stays,
      `steps` multiplies it by `factor` after each of the epochs `milestones`.
    - `optimizer`: `sgd`, or `adamw` (Loshchilov and Hutter 2019), whose second moments decay by `beta2`.
    - `momentum`: of SGD, or the decay of AdamW's first moments; `nesterov` is SGD's alone.
    - `weight_decay`: of all weights, or with `no_bias_decay` of all but biases, norms and position embeddings.
    - `label_smoothing`: the share of a label that is spread over all classes.
    - `mixup`, `cutmix`: alpha of mixup (Zhang et al. 2018) and of CutMix (Yun et al. 2019); 0 switches one off. Every
      batch is mixed, by either at random where both are on.
    - `drop_path`: stochastic depth (Huang et al. 2016): how often the last block of the network is skipped for an
      image, and earlier ones in proportion to their depth; 0 leaves them as they are built. Blocks have a
      `torchvision.ops.StochasticDepth` for it.
    - `clip`: the largest norm of all gradients together; 0 does not clip.
    - `size`: images are brought to so many pixels; 0 leaves the data set's own size.
    - `augment`: `flip` mirrors every second image, `crop-flip` also pads by 4 and crops, `resized-crop-flip` is
      Inception's, `distortion` is that of `digits`.
    - `rand_ops`, `rand_magnitude`: RandAugment's n and m (Cubuk et al. 2020), behind crop and flip; 0 operations switch
      it off.
    - `dropout`: of every dropout layer that the network has; none leaves them as they are built.
    - `ema`: decay of the moving average of the weights, which is then measured; 0 keeps none.
    - `amp`: bfloat16 where it is safe; `auto` uses it on GPUs that have it. `compile`: a mode of torch.compile.
    - `deterministic`: the same number each time on a GPU too, more slowly; on a CPU it always is.
    - `sync_bn`: batch norm over all GPUs together, which PyTorch does not do on CPUs.
    - `skip_broken`: leave image files out that cannot be read, and say how many; else the first one ends the training.
    - `measure_every`: epochs between two looks at the accuracy; 0 takes the one look after the last epoch alone.
    - Of a detector: `size` is the shorter side of its images, unless the longer one would exceed `longest`, 0 for no
      bound; `frozen_bn` leaves the batch norm of loaded weights as it is; `pyramid` is the feature pyramid's width.
    - `linear_probe`: of loaded weights nothing but the new head is trained; `frozen_stages`: so many of the network's
      first stages are not. What is not trained runs in evaluation mode, without dropout and stochastic depth.
    - `stage_factor`: each stage learns by so many times the rate of the one behind it (Howard and Ruder 2018); the head
      by `lr`.

    Raises: GeniusError for a value that is out of range.
    """

    name: Name
    epochs: Whole
    batch: Whole
    lr: Number
    augment: Augment
    schedule: Schedule = "cosine"
    warmup: Number = 0.0
    optimizer: Optimizer = "sgd"
    momentum: Number = 0.9
    beta2: Number = 0.999
    nesterov: Flag = False
    weight_decay: Number = 0.0
    no_bias_decay: Flag = False
    label_smoothing: Number = 0.0
    mixup: Number = 0.0
    cutmix: Number = 0.0
    drop_path: Number = 0.0
    clip: Number = 0.0
    size: Whole = 0
    rand_ops: Whole = 0
    rand_magnitude: Whole = 9
    dropout: Number | None = None
    ema: Number = 0.0
    amp: Amp = "auto"
    compile: Compile = "off"
    deterministic: Flag = False
    sync_bn: Flag = False
    measure_every: Whole = 0
    skip_broken: Flag = False
    milestones: Epochs = ()
    factor: Number = 0.1
    longest: Whole = 0
    frozen_bn: Flag = False
    pyramid: Whole = 256
    linear_probe: Flag = False
    frozen_stages: Whole = 0
    stage_factor: Number = 1.0

    def __post_init__(self) -> None:
        for name, (low, high) in _RANGES.items():
            given = getattr(self, name)
            for value in given if isinstance(given, tuple) else (given,):
                if value is not None and not low <= value <= high:
                    raise GeniusError(f"{name} must be {_words(low, high)}, got {value}")
        for name, kind in _kinds().items():
            if (choices := get_args(kind)) and isinstance(choices[0], str) and getattr(self, name) not in choices:
                raise GeniusError(f"{name} must be one of {', '.join(choices)}, got {getattr(self, name)!r}")
        if self.warmup >= self.epochs:
            raise GeniusError(f"warmup must be shorter than the {self.epochs} epochs, got {self.warmup:g}")
        if list(self.milestones) != sorted({*self.milestones}):
            raise GeniusError(f"milestones must be epochs in their order, as in 8,11, got {_shown(self.milestones)}")
        if self.nesterov and self.optimizer != "sgd":
            raise GeniusError(f"nesterov is of sgd, and the optimizer is {self.optimizer}: set nesterov=false")
        if self.rand_ops and not self.augment.endswith("crop-flip"):
            raise GeniusError(
                f"rand_ops={self.rand_ops} come behind a crop and a flip, and augment is {self.augment}: set "
                "augment=crop-flip or augment=resized-crop-flip, or rand_ops=0"
            )
        if self.linear_probe and (self.frozen_stages or self.stage_factor != 1 or self.frozen_bn):
            raise GeniusError(
                "linear_probe trains the head alone: set frozen_stages=0, stage_factor=1 and frozen_bn=false with it"
            )

    @property
    def freezes(self) -> str | None:
        """The setting that leaves weights as they were loaded; None where all of them are trained."""
        if self.linear_probe:
            return "linear_probe=true"
        return f"frozen_stages={self.frozen_stages}" if self.frozen_stages else None


_TINY = math.ulp(0.0)  # the least number above 0
_BELOW_1 = math.nextafter(1.0, 0.0)
_RANGES = {
    "epochs": (1, LARGEST_WHOLE),
    "batch": (1, LARGEST_WHOLE),
    "lr": (_TINY, LARGEST),
    "warmup": (0, LARGEST),
    "momentum": (0, _BELOW_1),
    "beta2": (0, _BELOW_1),
    "weight_decay": (0, LARGEST),
    "label_smoothing": (0, _BELOW_1),
    "mixup": (0, LARGEST),
    "cutmix": (0, LARGEST),
    "drop_path": (0, _BELOW_1),
    "clip": (0, LARGEST),
    "size": (0, LARGEST_WHOLE),
    "rand_ops": (0, LARGEST_WHOLE),
    "rand_magnitude": (0, 30),
    "dropout": (0, _BELOW_1),
    "ema": (0, _BELOW_1),
    "measure_every": (0, LARGEST_WHOLE),
    "factor": (_TINY, _BELOW_1),
    "longest": (0, LARGEST_WHOLE),
    "pyramid": (1, LARGEST_WHOLE),
    "frozen_stages": (0, LARGEST_WHOLE),
    "stage_factor": (_TINY, 1),
    "milestones": (0, LARGEST_WHOLE),
}


def _words(low: float, high: float) -> str:
    least = "above 0" if low == _TINY else f"at least {low:g}"
    most = "finite" if high == LARGEST else "below 1" if high == _BELOW_1 else f"at most {high}"
    return f"{least} and {most}"


RECIPE_FIELDS = tuple(field.name for field in fields(Recipe))[1:]
"""The fields of a recipe that can be changed."""


def _kinds() -> dict[str, object]:
    return get_type_hints(Recipe)


_ALL = (
    Recipe("digits", 40, 25, 0.1, "distortion", schedule="one-cycle", nesterov=True, weight_decay=5e-4),
    Recipe("nas-bench-macro", 50, 256, 0.1, "crop-flip", weight_decay=5e-4),
    Recipe("nas-bench-201", 200, 256, 0.1, "crop-flip", nesterov=True, weight_decay=5e-4),
    Recipe("search-imagenet", 20, 1024, 0.5, "resized-crop-flip", size=196, weight_decay=1e-4),
    Recipe(
        "retrain-imagenet",
        epochs=500,
        batch=2048,
        lr=0.8,
        augment="resized-crop-flip",
        size=224,
        warmup=5.0,
        weight_decay=4e-5,
        dropout=0.2,
        rand_ops=2,
        rand_magnitude=9,
        ema=0.9999,
    ),
    Recipe(
        "detect-coco",
        epochs=12,
        batch=16,
        lr=0.01,
        augment="flip",
        schedule="steps",
        milestones=(8, 11),
        warmup=0.1,
        weight_decay=1e-4,
        size=800,
        longest=1333,
        frozen_bn=True,
        measure_every=1,
    ),
    Recipe("finetune", 100, 256, 0.01, "resized-crop-flip", size=224, weight_decay=1e-4),
    Recipe(
        "vit-cifar",
        epochs=200,
        batch=256,
        lr=1e-3,
        augment="crop-flip",
        warmup=5.0,
        optimizer="adamw",
        weight_decay=0.05,
        no_bias_decay=True,
        label_smoothing=0.1,
        mixup=0.8,
        cutmix=1.0,
        drop_path=0.1,
        rand_ops=2,
        rand_magnitude=9,
    ),
    Recipe(
        "gpt-tiny",
        epochs=20,
        batch=32,
        lr=2e-3,
        augment="none",
        warmup=1.0,
        optimizer="adamw",
        beta2=0.95,
        weight_decay=0.1,
        no_bias_decay=True,
        clip=1.0,
    ),
)


def _read_recipe(value: object) -> Recipe | None:
    return value if isinstance(value, Recipe) else None


RECIPES = Plugins("recipe", {recipe.name: recipe for recipe in _ALL}, _read_recipe, "a Recipe")
"""The recipes, and the door for one's own."""

ORIGINS = {
    "digits": "our own quick recipe",
    "nas-bench-macro": "that of the table's authors (Su et al. 2021); the cosine schedule is our choice",
    "nas-bench-201": "Dong and Yang 2020, Table 1",
    "search-imagenet": "Zheng et al. 2023, its search on ImageNet; the cosine schedule without warm-up is our choice",
    "detect-coco": "Lin et al. 2017, in the 12 epochs of the usual comparison of backbones, with torchvision's frozen "
    "batch norm; a warm-up of a tenth of an epoch, and training all layers of the backbone, are our choice",
    "finetune": "for the transfer to CIFAR of Zheng et al. 2023, who follow Kornblith et al. 2019: batches of 256, "
    "momentum 0.9, resized crops and flips at 224 pixels, and 100 epochs, about 20,000 steps on CIFAR, are theirs, as "
    "Chen et al. 2020 (arXiv:2002.05709, appendix) tell them; they chose learning rate and weight decay for each data "
    "set; 0.01 and 1e-4, cosine, no Nesterov momentum, and a new head in all cases are our choice",
    "retrain-imagenet": "Zheng et al. 2023, its final networks; the decay of the moving average is our choice",
    "vit-cifar": "that of DeiT (Touvron et al. 2021, Table 9) without repeated augmentation and random erasing; our "
    "choices for small images are epochs, batch, learning rate and crops",
    "gpt-tiny": "that of GPT-3 (Brown et al. 2020, Appendix B): AdamW's decays, weight decay, clipping, warm-up and "
    "cosine; our choices for small networks are epochs, batch, learning rate, the length of the warm-up, a cosine down "
    "to 0, and no weight decay of biases, norms and places",
}
"""The sources of the recipes, and our own choices in them."""


def task_of(
    space: SearchSpace, data: str | None = None, recipe: str | None = None, *, final: bool = False
) -> tuple[str, str]:
    """Return the names of the data set and of the recipe to train with: the space's own unless they are named.

    `final` is whether a network that was found is trained to the end.
    Raises: GeniusError where the space names none.
    """
    data, recipe = data or space.data, recipe or (space.final_recipe if final else None) or space.recipe
    if data is None:
        named = "a data set" if space.context is None else "a text, as in --data text:FILE"
        missing = named if recipe else f"{named} and a recipe"
        raise GeniusError(f"the space {space.name!r} has no data set of its own to train on: name {missing}")
    if recipe is None:
        raise GeniusError(f"the space {space.name!r} has no recipe of its own to train with: name one, as in --recipe")
    return data, recipe


def override(recipe: Recipe, settings: Sequence[str]) -> Recipe:
    """Return the recipe with fields set as in `lr=0.2`; the name stays.

    Raises: GeniusError for an unknown field, and for a value of the wrong type or out of range.
    """
    values: dict[str, object] = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals:
            raise GeniusError(f"a field of the recipe is set as in lr=0.2, got {setting!r}")
        if name not in RECIPE_FIELDS:
            near = get_close_matches(name, RECIPE_FIELDS, 1)
            hint = f"did you mean {near[0]}? " if near else ""
            raise GeniusError(f"a recipe has no field {name!r}; {hint}its fields are: {', '.join(RECIPE_FIELDS)}")
        values[name] = _read(name, text, _kinds()[name])
    return replace(recipe, **values)  # type: ignore[arg-type]


def _read(name: str, text: str, kind: object) -> object:
    """Read a value of a field's type; words are left to the recipe itself to check."""
    try:
        if kind is bool:
            return {"true": True, "false": False}[text.lower()]
        if kind is int:
            return int(text)
        if kind is float:
            return float(text)
        if kind == float | None:
            return None if text.lower() == "none" else float(text)
        if kind == tuple[int, ...]:
            return tuple(int(part) for part in text.split(",") if part)
    except (KeyError, ValueError) as error:
        wanted = {bool: "true or false", int: "a whole number", float: "a number", float | None: "a number or none"}
        words = next((said for of, said in wanted.items() if kind == of), "whole numbers, as in 8,11")
        raise GeniusError(f"{name} must be {words}, got {text!r}") from error
    return text


def scaled(recipe: Recipe, batch: int, examples: str = "images") -> tuple[Recipe, str]:
    """Return the recipe for another batch of images, or other `examples`, its learning rate in proportion, and the
    sentence that says so.

    The linear scaling rule of Goyal et al. 2017, "Accurate, Large Minibatch SGD", section 2.1.
    """
    lr = recipe.lr * batch / recipe.batch
    said = f"batches of {batch} {examples} instead of {recipe.batch}: lr {lr:g} instead of {recipe.lr:g}, in proportion"
    return replace(recipe, batch=batch, lr=lr), said


def describe_recipe(recipe: Recipe) -> str:
    """Describe a recipe: one line for each field, with the earlier value where it was overridden."""
    plain = RECIPES.get(recipe.name, recipe)
    lines = [f"{recipe.name}: {ORIGINS.get(recipe.name, 'a recipe of your own')}"]
    for field in fields(recipe)[1:]:
        value = getattr(recipe, field.name)
        changed = getattr(plain, field.name) != value
        lines.append(f"  {field.name:<15} {_shown(value)}{f' (was {_shown(getattr(plain, field.name))})' * changed}")
    return "\n".join(lines)


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ",".join(map(str, value)) or "none"
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)


def learning_rate(recipe: Recipe, step: int, steps: int) -> float:
    """Return the learning rate of a step, counted from 0, of `steps` in the whole training."""
    if recipe.schedule == "one-cycle":
        return _one_cycle(step, steps, recipe.lr / 25, recipe.lr, recipe.lr / 25e4)
    warmup = int(steps * recipe.warmup // recipe.epochs)
    if step < warmup:
        return recipe.lr * (step + 1) / (warmup + 1)
    if recipe.schedule == "constant":
        return recipe.lr
    if recipe.schedule == "steps":
        epoch = step * recipe.epochs // steps
        return recipe.lr * recipe.factor ** sum(epoch >= milestone for milestone in recipe.milestones)
    return _cosine(recipe.lr, 0.0, (step - warmup) / (steps - warmup))


def momentum(recipe: Recipe, step: int, steps: int) -> float:
    """Return the momentum of a step, or the decay of AdamW's first moments.

    It is the recipe's, except that one cycle lowers it while the learning rate is high.
    """
    if recipe.schedule == "one-cycle":
        return _one_cycle(step, steps, 0.95, 0.85, 0.95)
    return recipe.momentum


def _one_cycle(step: int, steps: int, first: float, peak: float, last: float) -> float:
    """Go from `first` to `peak` in the first 30 % of the steps and on to `last` in the others, by half cosines."""
    top = 0.3 * steps - 1
    if step <= top:
        return _cosine(first, peak, step / top)
    return _cosine(peak, last, (step - top) / max(1.0, steps - 1 - top))


def _cosine(start: float, end: float, part: float) -> float:
    return end + (start - end) / 2 * (1 + math.cos(math.pi * part))
