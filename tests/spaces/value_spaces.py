"""Spaces by value: options of every type, ranges and conditions, without a network."""

from genius import Decision, SearchSpace


def relu(): ...


SMALL = (
    Decision("optimizer", ("sgd", "adam", "a, b [c]")),
    Decision.range("lr", 1e-4, 1e-1, log=True, levels=7),
    Decision.range("momentum", 0.0, 0.99, levels=5, when=("optimizer", ("sgd",))),
    Decision("nesterov", (True, False, None), when=("momentum", (0.99, 0.0))),
    Decision("width", (16, 32, 0.5)),
    Decision("activation", (relu, int), when=("optimizer", ("sgd", "adam"))),
    Decision.range("layers", 1, 4),
)
LARGE = (*SMALL, *(Decision.range(f"x{at}", -1.0, 1.0) for at in range(5)))


def shallow(values):
    """Wide networks are shallow"""
    return values["width"] != 32 or values["layers"] < 3


def space(decisions=SMALL, valid=None, cost=None):
    return SearchSpace("mine", decisions, "Tune it.", valid=valid, cost=cost)
