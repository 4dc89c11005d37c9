"""Functions of a user's own, good and hostile; a worker finds them by `hostile_functions:NAME`."""

import asyncio
import gc
import os
import random
import signal
import subprocess
import sys
import threading
import time

import genius
import numpy as np


def plain(config):
    print("printed", config["width"])
    subprocess.run([sys.executable, "-c", "import sys; print('of a child'); print('complaint', file=sys.stderr)"])
    return np.float32(config["width"])


def of_metrics(config, trial):
    return {"score": config["width"], "loss": 0.25, "name": "x"}


async def coroutine(config):
    await asyncio.sleep(0)
    return config["width"]


def reporting(config, trial):
    for epoch in range(3):
        trial.report(epoch, config["width"] + epoch, epochs=3, loss=1 / (epoch + 1))


def generator(config):
    for epoch in range(3):
        yield {"score": config["width"] + epoch, "loss": 1 / (epoch + 1)}


def generator_that_returns(config, trial):
    yield 1
    yield 2
    return genius.Measurement(50.0, sd=0.5)


async def later_generator(config):
    for epoch in range(3):
        yield config["width"] + epoch


class Callable:
    def __call__(self, config, trial=None):
        assert trial is not None
        return trial.config["width"]


callable_object = Callable()


def only_trial(trial):
    return trial.config["width"] + trial.architecture[0]


def of_place(config, trial):
    (trial.folder / "kept" / "deep").mkdir(parents=True, exist_ok=True)
    (trial.folder / "kept" / "deep" / "file").write_text(config["optimiser"])
    numbers = {"seed": trial.seed, "threads": trial.threads, "torch": "torch" in sys.modules}
    return {"score": 1.0, "omp": int(os.environ["OMP_NUM_THREADS"]), **{k: int(v) for k, v in numbers.items()}}


def on_from_checkpoint(config, trial):
    """Count to 40 in steps of some milliseconds, on from where an earlier try was killed."""
    saved = trial.folder / "count"
    done = int(saved.read_text()) if saved.exists() else 0
    value = sum(random.Random(epoch).random() for epoch in range(done))
    for epoch in range(done, 40):
        time.sleep(0.02)
        value += random.Random(epoch).random()
        yield {"epoch": epoch + 1, "epochs": 40, "score": value * config["width"]}
        (trial.folder / "partial").write_text(str(epoch + 1))
        (trial.folder / "partial").replace(saved)


def saves_and_never_reports(config, trial):
    """Count to 6 in steps that take a while, on from where an earlier try was killed."""
    saved = trial.folder / "count"
    for step in range(int(saved.read_text()) if saved.exists() else 0, 6):
        time.sleep(0.3)
        saved.with_suffix(".new").write_text(str(step + 1))
        saved.with_suffix(".new").replace(saved)
    return config["width"]


# --- hostile


def raises(config):
    raise ValueError("odd kernel")


def exits(config):
    sys.exit("no more")


def exits_at_once(config):
    os._exit(3)


def crashes(config):
    os.kill(os.getpid(), signal.SIGSEGV)


def kills_itself(config):
    os.kill(os.getpid(), signal.SIGKILL)


def hangs(config):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3000)"], start_new_session=True)
    time.sleep(3000)


def hangs_after_a_report(config, trial):
    trial.report(1, 1.0)
    time.sleep(3000)


def forks(config):
    """Leave a copy of this process that returns, too, and a detached grandchild."""
    if os.fork() == 0:
        if os.fork() == 0:
            os.setsid()
            time.sleep(3000)
        return -1.0
    time.sleep(0.5)
    return config["width"]


def leaves_a_thread(config):
    threading.Thread(target=time.sleep, args=(3000,)).start()
    return config["width"]


def fills_memory(config):
    held = []
    while True:
        held.append(np.ones(4_000_000))
        time.sleep(0.02)


def fills_memory_in_children(config):
    code = "import time, numpy; held = numpy.ones(30_000_000); time.sleep(3000)"
    children = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(3)]
    return children[0].wait()


def cannot_allocate(config):
    raise MemoryError("Unable to allocate 7.45 GiB")


def prints_a_lot(config):
    line = "x" * 1_000_000
    print("the beginning")
    for _ in range(1_000):
        print(line)
    return 1.0


def returns_nan(config):
    return {"score": float("nan")}


def reports_infinity(config, trial):
    trial.report(1, np.float64("inf"))
    return 1.0


def returns_nothing(config):
    return None


def returns_other_metrics(config):
    return {"error": 0.5}


def asks_its_input(config):
    return float(input())


def raises_of_ours(config):
    raise genius.GeniusError("the data are not there")


RESTED = not gc.isenabled()


def collected(config):
    return float(RESTED and gc.isenabled())
