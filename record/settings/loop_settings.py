"""The group `loop`: the length of a search, its prompts, and its budget."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ...python_files import absolute_name
from ...schema import Count, Flag, Name, Whole
from .setting import Few, FewOrNone, Most, Names, Upto, absolute, setting

if TYPE_CHECKING:
    from ..budget import Budget
    from ..confirmation import Confirming

Order = Literal["best", "time"]
"""How a prompt lists earlier experiments: the most accurate first, or in the order they were made."""

Memory = Literal["summary", "conversation"]
"""The form in which a model reads earlier iterations: a summary of the experiments in one prompt, or all earlier
messages with the results as answers, as in Algorithm 1 of Zheng et al. 2023."""

WhenDone = Literal["stop", "ask"]
"""The answer to a language model that says that nothing better is left: the search stops, or it is asked again.

A proposer without a model, and a person, are believed: then the search stops."""


@dataclass(frozen=True)
class LoopSettings:
    """How the loop of proposals and evaluations runs."""

    iterations: Upto = setting(10, "Architectures to evaluate in each trial, in all.", rank=3)
    trials: Few = setting(1, "Repetitions of the whole search.")
    confirm: FewOrNone = setting(
        0,
        "In the end, evaluate so many of each trial's best again with other seeds, choose by the means, and tell the "
        "spread.",
    )
    confirm_seeds: Few = setting(2, "How many times more each of these is evaluated.")
    seed: Whole | None = setting(
        None, "Seed of everything random, the model's sampling too; default: 0, and none sent.", rank=5
    )
    arms: Names = setting(
        (),
        "An arm of --proposer hybrid: model, centaur, or any proposer; by default model, guided and "
        "guided-without-beliefs. Repeatable.",
        name="arms",
        flag="--arm",
        claim="the module",
        metavar="NAME",
    )
    order: Order = setting("best", "Order of earlier experiments in prompts: the best first, or in order of time.")
    advice: Flag = setting(False, "Tell the model a surrogate's forecasts, and a shortlist to choose from.")
    beliefs: Flag | None = setting(
        None,
        "Ask the model once, before anything is measured, for its first architectures and for its beliefs; "
        "default: with --proposer hybrid.",
    )
    reflect_every: Whole | None = setting(
        None,
        "Iterations after which the model rewrites its notebook, as it does after a surprise; 0 for never; default: 4 "
        "with --proposer hybrid or --reflector-llm, else 0.",
    )
    principles: Flag | None = setting(
        None, "Ask the model in the end for its design principles; default: with --proposer hybrid."
    )
    memory: Memory = setting(
        "summary", "Tell the model of earlier iterations by a summary, or by the whole conversation with it."
    )
    prompts: Name | None = setting(
        None,
        "A folder of prompts that replace the built-in ones of the same names; `genius prompts DIR` writes those.",
        metavar="DIR",
        claim="the prompts",
    )
    tools: Flag | None = setting(
        None,
        "Let the model ask for costs, forecasts and shortlists before it settles; default: with --proposer hybrid.",
    )
    disguise: Flag = setting(
        False, "Show the model neutral names, nothing in order, and costs in hidden units: does it just remember?"
    )
    approve: Flag = setting(False, "Ask a person before each training.")
    when_done: WhenDone = setting("ask", "After the model says that nothing better is left: ask it again, or stop.")
    max_replies: Few = setting(10, "Replies an iteration may take until one is valid.")
    max_cost: Most | None = setting(
        None,
        "Dollars that the models' replies may take; then the search ends, or a hybrid one goes on without them.",
        rank=9,
    )
    max_llm_tokens: Count | None = setting(None, "Tokens that prompts and replies may take in all; as with --max-cost.")
    max_hours: Most | None = setting(None, "Device-hours that trainings may take in all.")
    trace: Flag = setting(True, "Write trace.jsonl into the run folder.")

    def __post_init__(self) -> None:
        object.__setattr__(self, "arms", tuple(map(absolute_name, self.arms)))
        object.__setattr__(self, "prompts", absolute(self.prompts))

    @property
    def first_seed(self) -> int:
        """The seed of the first trial."""
        return self.seed or 0

    @property
    def confirming(self) -> "Confirming":
        """The evaluations that confirm the best."""
        from ..confirmation import Confirming

        return Confirming(self.confirm, self.confirm_seeds)

    @property
    def budget(self) -> "Budget":
        """The limits on spending."""
        from ..budget import Budget

        return Budget(self.max_cost, self.max_llm_tokens, self.max_hours)
