"""The FLOPs that the authors measured of the networks in GPT-4's recorded conversations, and what they cost here.

Takes the recordings. Prints how many of the integers agree, in millions as thop counts, with the average pooling of the
head and without it, and each network that differs.

    python benchmarks/recorded_costs.py ../shared/data/transcripts/*.json
"""

import argparse
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from genius.record.candidate import Message
from genius.spaces.cost import Cost
from genius.spaces.mobile import MOBILE_IMAGENET
from genius.spaces.space import Architecture
from genius.tables.recording import read_messages
from genius.tools.replies import UnreadableReply, read_reply

EXPERIMENT = re.compile(r"- Experiment\d+\n((?:Stage .*\n){5}).* a total of (\d+) FLOPS")
REFUSED = re.compile(r"resulting (\d+) FLOPS")


def measured(messages: Sequence[Message]) -> Iterator[tuple[int, Architecture, int]]:
    """Go through the networks that the authors measured: the message that says so, the network, millions of FLOPs.

    They tell them of a reply that breaks the limits, in the message after it, and of earlier experiments, in prompts.
    """
    for at, (reply, answer) in enumerate(pairwise(messages), start=1):
        for stages, millions in EXPERIMENT.findall(answer["content"]):
            lists = re.findall(r"\[([\d, ]+)\]", stages)
            yield at, tuple(int(option) for options in lists for option in options.split(",")), int(millions)
        if (said := REFUSED.search(answer["content"])) and reply["role"] == "assistant":
            try:
                yield at, read_reply(reply["content"], MOBILE_IMAGENET).architecture, int(said[1])
            except UnreadableReply:
                continue


def in_millions(cost: Cost) -> int:
    """Round FLOPs as thop counts to whole millions, as the authors do."""
    return round(cost.counted("thop") / 1e6)


def main() -> None:
    """Print how many agree, then what differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recordings", nargs="+", type=Path)
    found = [
        (file.stem, at, millions, MOBILE_IMAGENET.cost_of(architecture))
        for file in parser.parse_args().recordings
        for at, architecture, millions in measured(read_messages(file.read_text(encoding="utf-8")))
    ]
    for words, pooled in (("with the pooling of the head", True), ("without it", False)):
        costs = [cost if pooled else replace(cost, pooling=0) for *_, cost in found]
        agree = [in_millions(cost) == millions for (*_, millions, _), cost in zip(found, costs, strict=True)]
        print(f"{words}: {sum(agree)} of {len(agree)} integers agree")
        for (name, at, millions, _), cost, same in zip(found, costs, agree, strict=True):
            if not same:
                print(f"  {name}, message {at}: the authors {millions}, ours {cost.counted('thop') / 1e6:.3f}")


if __name__ == "__main__":
    main()
