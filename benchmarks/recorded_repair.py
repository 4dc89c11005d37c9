"""What repair saves of a language model's calls: GPT-4's recorded searches, judged again with and without it.

    python benchmarks/recorded_repair.py chat_history/*.json

The files are the conversations of Zheng et al. (2023) over the ImageNet space: github.com/mingkai-zheng/GENIUS, folder
imagenet/chat_history. Every reply goes through the validator, in order. With `--repair ask` one that is off the limits
is asked again, as it was when the conversation was recorded; with `--repair nearest` the nearest untried architecture
within the limits takes its place, and the next recorded reply begins the next iteration. Unreadable replies and repeats
are asked again in both. Nothing is trained.

Prints a Markdown table: calls for each accepted architecture, the layers that a repair changed of thirty, and the mean
FLOPs of what was repaired before and after, in millions as thop counts.
"""

import re
import sys
from dataclasses import replace
from pathlib import Path
from statistics import fmean

from genius import Candidate, get_space
from genius.record.settings import RepairMode
from genius.spaces.region import Limits, Region
from genius.tables.recording import read_messages
from genius.tools.validator import validate

SPACE = get_space("mobile-imagenet")
_RANGE = re.compile(r"FLOPS .* remains in \[(\d+), (\d+)\]")
HEADER = (
    "recording",
    "replies",
    "accepted, ask",
    "calls each",
    "accepted, nearest",
    "calls each",
    "repaired",
    "layers changed, mean",
    "max",
    "MFLOPs before",
    "after",
)


def limits_of(prompt: str) -> Limits:
    """Read the range that a recorded prompt asks for, in millions."""
    match = _RANGE.search(prompt)
    if match is None:
        raise SystemExit("the first prompt states no range of FLOPs, as in: remains in [270, 330]")
    low, high = (float(end) for end in match.groups())
    return Limits(flops=(low * 1e6, high * 1e6), convention="thop")


def judge(replies: list[str], limits: Limits, repair: RepairMode) -> list[Candidate]:
    """Return the candidates that a search would have trained."""
    accepted: list[Candidate] = []
    candidate = Candidate(1, 1)
    for reply in replies:
        candidate = validate(
            replace(candidate, reply=reply),
            Region(SPACE, limits),
            accepted,
            repair=repair,
            max_replies=len(replies) + 1,
            when_done="ask",
        )
        if candidate.architecture:
            accepted.append(candidate)
            candidate = Candidate(1, len(accepted) + 1)
    return accepted


def row(file: Path) -> list[str]:
    """Write the numbers of one recording."""
    messages = read_messages(file.read_text(encoding="utf-8"))
    replies = [message["content"] for message in messages if message["role"] == "assistant"]
    limits = limits_of(next(message["content"] for message in messages if message["role"] == "user"))
    asked, repaired = (judge(replies, limits, repair) for repair in ("ask", "nearest"))
    pairs = [(c.repair.proposed, c.architecture) for c in repaired if c.repair and c.architecture]
    changed = [sum(a != b for a, b in zip(*pair, strict=True)) for pair in pairs]
    before, after = ([SPACE.cost_of(a).counted("thop") / 1e6 for a in column] for column in zip(*pairs, strict=True))
    return [
        file.stem,
        f"{len(replies)}",
        f"{len(asked)}",
        f"{len(replies) / len(asked):.2f}",
        f"{len(repaired)}",
        f"{len(replies) / len(repaired):.2f}",
        f"{len(pairs)}",
        f"{fmean(changed):.1f}",
        f"{max(changed)}",
        f"{fmean(before):.1f}",
        f"{fmean(after):.1f}",
    ]


def main() -> None:
    """Print the table."""
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    print("| " + " | ".join(HEADER) + " |\n|" + "---|" * len(HEADER))
    for file in map(Path, sys.argv[1:]):
        print("| " + " | ".join(row(file)) + " |", flush=True)


if __name__ == "__main__":
    main()
