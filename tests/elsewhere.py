"""The package on a system that lacks what Windows lacks, as `python elsewhere.py FOLDER`; run by a test.

What the standard library and others need of it they have taken by then.
"""

import asyncio
import builtins
import errno
import importlib
import io
import os
import pkgutil
import signal
import sys
from pathlib import Path

FOREIGN = "aiosqlite filelock httpx langchain_openai langgraph.checkpoint.sqlite.aio langgraph.graph matplotlib.figure"
FOREIGN += " multiprocessing.resource_tracker multiprocessing.pool platformdirs scipy.stats torch torchvision"
FOREIGN += " concurrent.futures.process rich.console rich.live tempfile torch.distributed typer.main"
NAMES = {
    os: "killpg getpgid getpgrp setpgid setsid getsid fork forkpty getuid geteuid getgid getegid sysconf uname statvfs "
    "sched_getaffinity O_NOFOLLOW O_DIRECTORY mkfifo pidfd_open waitid register_at_fork openpty getloadavg nice",
    signal: "SIGKILL SIGHUP SIGQUIT SIGUSR1 SIGUSR2 SIGALRM SIGPIPE SIGSTOP SIGCONT SIGTSTP SIGWINCH SIGTTOU SIGTTIN "
    "pthread_sigmask alarm setitimer sigwait siginterrupt",
}
MODULES = ("fcntl", "resource", "termios", "tty", "pty", "pwd", "grp")


def refuse_signal_handlers(*_):
    raise NotImplementedError


def without_proc(function):
    def call(path, *arguments, **options):
        if isinstance(path, str | os.PathLike) and os.fspath(path).startswith(("/proc", "/sys", "/dev/tty")):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        return function(path, *arguments, **options)

    return call


for name in FOREIGN.split():
    importlib.import_module(name)
for module, names in NAMES.items():
    for name in names.split():
        if hasattr(module, name):
            delattr(module, name)
for name in MODULES:
    sys.modules[name] = None
asyncio.SelectorEventLoop.add_signal_handler = refuse_signal_handlers
os.stat, os.open, io.open, builtins.open = map(without_proc, (os.stat, os.open, io.open, builtins.open))

import genius  # noqa: E402 - only now
from genius.cli import commands  # noqa: E402


async def evaluate(architecture):
    return 50.0


async def search(folder):
    run = folder / "run"
    found = await genius.search("nas-bench-macro", proposer="guided", evaluator=evaluate, iterations=2, run=run)
    assert len(found.trials[0].candidates) == 2
    assert (await genius.resume(run, iterations=3, evaluator=evaluate)).finished
    quick = {"iterations": 1, "set": ("epochs=1",), "run": folder / "trained"}
    assert (await genius.search("digits", proposer="random", **quick)).best


def command(*arguments):
    sys.argv = ["genius", *map(str, arguments)]
    assert commands.run_command() == 0, arguments


for found in pkgutil.walk_packages(genius.__path__, "genius."):
    if found.name.split(".")[1] in ("tests", "examples", "build", "benchmarks") or found.name == "genius.__main__":
        continue
    importlib.import_module(found.name)
folder, data = Path(sys.argv[1]), sys.argv[2]
asyncio.run(search(folder))

for arguments in (["--help"], ["spaces"], ["cost", "nas-bench-macro", "01201201"], ["show", folder / "run"]):
    command(*arguments)
command("search", "nas-bench-macro", "--proposer", "random", "--downloads", data, "--run", folder / "another")
