"""Multiply-adds and parameters of torchvision's networks: counted here, beside those of its own documentation.

Nothing is downloaded: the numbers are in the package. Takes parts of names; without any it counts the classifiers up to
20 G multiply-adds. It prints a line a network, those that differ by more than rounding marked.

    python benchmarks/published_flops.py vit_b_16 swin_t
"""

import argparse
import time
from collections.abc import Iterator, Sequence
from typing import Any

from genius.spaces.cost import count
from torchvision import models

LARGEST = 20.0  # G multiply-adds


def published(words: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """Go through the classifiers of these names, with the weights whose documentation tells their FLOPs."""
    for name in models.list_models(module=models):
        weights = models.get_model_weights(name).DEFAULT
        small = weights.meta["_ops"] <= LARGEST and not name.startswith("quantized")
        if any(word in name for word in words) if words else small:
            yield name, weights


def main() -> None:
    """Print the table, then how many agree."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="Parts of the names of networks.")
    print(f"{'network':<20} {'pixels':>6} {'G here':>9} {'published':>9} {'M params':>9} {'published':>9} {'s':>5}")
    agree = []
    for name, weights in published(parser.parse_args().names):
        pixels, started = weights.transforms().crop_size[0], time.perf_counter()
        cost = count(models.get_model(name, weights=None, **_built(name)), (3, pixels, pixels))
        seconds, ops, params = time.perf_counter() - started, weights.meta["_ops"], weights.meta["num_params"]
        agree.append(round(cost.flops / 1e9, 3) == ops and cost.params == params)
        numbers = f"{cost.flops / 1e9:9.3f} {ops:9.3f} {cost.params / 1e6:9.3f} {params / 1e6:9.3f} {seconds:5.1f}"
        print(f"{name:<20} {pixels:6} {numbers}{'' if agree[-1] else '  differs'}", flush=True)
    print(f"{sum(agree)} of {len(agree)} agree to the last digit")


def _built(name: str) -> dict[str, bool]:
    """Leave out initial weights that take long to draw, and a head that only training uses."""
    known = {"inception_v3": {"init_weights": False}, "googlenet": {"init_weights": False, "aux_logits": False}}
    return known.get(name, {})


if __name__ == "__main__":
    main()
