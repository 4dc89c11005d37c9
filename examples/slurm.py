"""A pool of Slurm: each training is a job of its own on the cluster, and the search runs where `srun` is.

The nodes must see the run folder and this Python. Partition, account and time are Slurm's own variables:

SLURM_PARTITION=gpu SLURM_TIMELIMIT=60 genius search nas-bench-macro --data cifar10 --device cuda \
    --on examples.slurm:Slurm --workers 16
"""

import asyncio
import signal
from collections.abc import Mapping, Sequence

import genius


class Slurm(genius.CommandPool):
    """Runs each command by `srun`, which waits for a free node, and ends with the exit code of the command."""

    options: Sequence[str] = ("--ntasks=1", "--quit-on-interrupt")

    async def run(self, command: Sequence[str], environment: Mapping[str, str]) -> int:
        """Run a command to its end; one interrupt has srun end the job."""
        process = await asyncio.create_subprocess_exec("srun", *self.options, *command, env=environment)
        try:
            return await process.wait()
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGINT)
                await process.wait()


class SlurmWithGpu(Slurm):
    """Asks for one GPU and eight cores for each training."""

    options = (*Slurm.options, "--gpus=1", "--cpus-per-task=8")
