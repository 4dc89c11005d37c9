"""The group `training`: where accuracies come from, and who trains."""

from dataclasses import dataclass
from math import inf

from ...errors import GeniusError
from ...schema import Flag, Name
from .setting import Few, Names, Seconds, Upto, Word, absolute, setting, with_full_names
from .slurm_request import SlurmRequest, read_request

SLURM = "slurm"
"""The pool whose workers are jobs on Slurm."""


@dataclass(frozen=True)
class TrainingSettings:
    """The data set, recipe and device of trainings, or the table in which accuracies are looked up."""

    data: Name | None = setting(
        None,
        "Images to train on: digits, cifar10, cifar100, imagenet:PATH, folder:PATH, hf:PATH_OR_NAME or your own "
        "MODULE:NAME; for gpt-tiny text:PATH; default: the space's table, else its own images.",
        claim="the data",
        rank=8,
    )
    table: Name | None = setting(
        None,
        "A table of your own, JSON: accuracies in percent by the space's keys; see the README.",
        metavar="FILE",
        claim="the table",
    )
    single_run: Flag = setting(
        False,
        "Look up one of an architecture's trainings, drawn by the seed, not the mean, where the table holds them.",
    )
    recipe: Name | None = setting(
        None, "A recipe's name, or your own MODULE:NAME; `genius recipes` lists them.", claim="the module"
    )
    recipe_changes: Names = setting((), "Fields of the recipe that differ, as in lr=0.2.", hidden=True)
    batch: Upto | None = setting(None, "Another batch size; the learning rate is scaled with it.")
    workers: Few = setting(1, "Evaluations at once, of all trials together.", rank=4)
    on: Name = setting(
        "local",
        "Where trainings run: local, ray, ray:ADDRESS of a cluster, slurm, or your own MODULE:NAME.",
        claim="the pool",
    )
    slurm: Names = setting(
        (),
        "Options of sbatch for each job, as in partition=gpu,gres=gpu:1,time=04:00:00; with --on slurm.",
        metavar="NAME=VALUE,…",
        claim="the request to Slurm",
    )
    in_process: Flag = setting(
        False,
        "Run an evaluator of your own in this process, for a function that needs its objects: in a thread, or as a "
        "coroutine.",
    )
    device: Word | None = setting(None, "cpu, cuda or mps; default: CUDA's GPUs, if any.")
    threads: Few | None = setting(None, "Threads of the CPU for each worker; default: an even share.")
    memory: Word | None = setting(
        None,
        "Memory of its device, for each worker, as in 20G; default: all, and for an evaluator of your own an even "
        "share of 90% of the machine's.",
        name="worker_memory",
    )
    deadline: Seconds | None = setting(None, "Seconds one evaluation may take; default: no limit.")
    silence: Seconds | None = setting(
        1800.0,
        "Seconds without an epoch after which a training hangs; an evaluator of your own may be silent until its first "
        "report.",
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "table", absolute(self.table))
        with_full_names(self, "data", "recipe", "on")

    def check(self) -> None:
        """Raises GeniusError for settings that exclude each other, or that cannot be read."""
        _ = self.memory_limit
        asked = self.slurm_request.threads
        if self.slurm and self.on != SLURM:
            raise GeniusError(f"--slurm is a request to Slurm, and trainings run on {self.on}: add --on slurm")
        if asked and self.threads and asked != self.threads:
            raise GeniusError(f"--threads is {self.threads}, and --slurm cpus-per-task is {asked}: name one of them")

    @property
    def slurm_request(self) -> SlurmRequest:
        """The resources that each job asks Slurm for.

        Raises: GeniusError for a request that cannot be read.
        """
        return read_request(self.slurm)

    @property
    def is_named(self) -> bool:
        """Whether a data set or a recipe is named, so that architectures are trained rather than looked up."""
        return bool(self.data or self.recipe or self.recipe_changes or self.batch)

    @property
    def memory_limit(self) -> int | None:
        """The bytes of its device that a training may use.

        Raises: GeniusError for an unreadable amount, or for none.
        """
        from ...spaces.region import parse_range

        limit = inf if self.memory is None else parse_range("-", self.memory)[1]
        if limit < 1:
            raise GeniusError(f"memory must be more than 0, got {self.memory}")
        return None if limit == inf else int(limit)

    @property
    def address(self) -> str | None:
        """The address of the cluster that trains, where one is named."""
        return self.on.partition(":")[2] or None
