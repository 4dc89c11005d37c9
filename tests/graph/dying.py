"""The death of a process at a given moment; programs of tests import it from a folder of theirs."""

import itertools
import os
import signal

import langgraph.checkpoint.sqlite.aio


def die_at(moment: int) -> None:
    """Kill this process at a moment; moments are before and after each sync and each checkpoint."""
    moments = itertools.count(1)

    def come():
        if next(moments) == moment:
            os.kill(os.getpid(), signal.SIGKILL)

    sync, saver = os.fsync, langgraph.checkpoint.sqlite.aio.AsyncSqliteSaver
    put = saver.aput

    def fsync(file):
        come()
        sync(file)
        come()

    async def aput(*values, **named):
        come()
        config = await put(*values, **named)
        come()
        return config

    os.fsync, saver.aput = fsync, aput
