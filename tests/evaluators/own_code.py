"""A user's own code: functions that workers find by `own_code:NAME`, and the same as commands, `own_code.py NAME`."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

STEPS = 40
_CHILD = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(3000)"


def good(config, trial):
    print("it has width", config["width"], flush=True)
    for epoch in (1, 2):
        trial.report(epoch, 10.0 * epoch, epochs=2)
    return 10.0 * config["width"]


def fails(config, trial):
    raise ValueError("odd kernel")


def hangs(config, trial):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    trial.report(1, 1.0)
    subprocess.Popen([sys.executable, "-c", _CHILD])
    time.sleep(3000)


def steps(config, trial):
    """Take steps that each depend on the one before, and go on from the last one that was saved."""
    saved = trial.folder / "saved.json"
    done, value = json.loads(saved.read_text()) if saved.exists() else (0, 0.1)
    for step in range(done + 1, STEPS + 1):
        value = 3.9 * value * (1 - value)  # chaotic: a step too few or too many is another value
        partial = saved.with_suffix(".new")
        partial.write_text(json.dumps([step, value]))
        partial.replace(saved)
        trial.report(step, value, epochs=STEPS)
        time.sleep(0.05)
    return value


class Printed:
    """The trial of a command, which reports by lines of JSON."""

    folder = Path(os.environ.get("GENIUS_FOLDER", "."))

    def report(self, epoch, value, epochs=None):
        print(json.dumps({"epoch": epoch, "score": value} | ({"epochs": epochs} if epochs else {})), flush=True)


if __name__ == "__main__":
    own = json.loads(Path(os.environ["GENIUS_CONFIG"]).read_text())
    print(json.dumps({"score": globals()[sys.argv[1]](own, Printed())}))
