"""A space with a table of its own, and proposers of one's own, as a user would name them: MODULE:NAME."""

from dataclasses import replace

from genius import Decision, SearchSpace, seeded
from genius.spaces.cost import Cost, Part

SPACE = SearchSpace(
    "toy",
    (Decision("a", ("x", "y", "z")), Decision("b", ("x", "y", "z"))),
    "A toy. An architecture is a list of 2 numbers.",
    lambda architecture: None,
    (1, 1, 1),
    parts=(Part((0,), lambda option: Cost(10 * option + 10, option)), Part((1,), lambda option: Cost(option, option))),
)


@seeded
def in_order(region, seed):
    """Propose all in order, and then nothing."""

    async def propose(prompt, history):
        everything = list(region.space.architectures())
        return f"Architecture: {list(everything[len(history)])}" if len(history) < len(everything) else "-"

    return propose


async def kills_its_process(prompt, history):
    """End the process that it runs in, once it is asked."""
    import os

    os._exit(9)


RULED = replace(SPACE, name="ruled toy", valid=lambda architecture: architecture[0] != 2)


class Unsendable(Exception):
    """An exception that no process can send to another."""

    def __init__(self, message, *, status):
        super().__init__(message)


async def raises(prompt, history):
    """Raise."""
    raise Unsendable("no answer \x1b[31m[/bold]", status=500)


def leaves(prompt, history):
    """Leave the program."""
    raise SystemExit("enough")
