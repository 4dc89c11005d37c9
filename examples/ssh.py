"""A pool of one's own: each evaluation is a command that `ssh` runs on one of a few machines.

They must see the run folder and this Python at the same paths, and let `ssh` in without a question:

HOSTS="ada bob" genius search digits --on examples.ssh:Ssh --workers 2
"""

import asyncio
import os
import shlex
from collections.abc import Mapping, Sequence

import genius


class Ssh(genius.CommandPool):
    """Runs each command on a machine of its own; a machine has several where there are more workers than machines."""

    def __init__(self, workers: int) -> None:
        super().__init__(workers)
        hosts = os.environ["HOSTS"].split()
        self._free = [hosts[number % len(hosts)] for number in range(workers)]

    async def run(self, command: Sequence[str], environment: Mapping[str, str]) -> int:
        """Run a command to its end; with a terminal of its own it ends when the connection does."""
        host = self._free.pop()
        modules = f"PYTHONPATH={environment.get('PYTHONPATH', '')}"
        words = ("ssh", "-tt", host, shlex.join(["env", modules, *command]))
        process = await asyncio.create_subprocess_exec(
            *words, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL
        )
        try:
            return await process.wait()
        finally:
            if process.returncode is None:
                process.terminate()
                await process.wait()
            self._free.append(host)
