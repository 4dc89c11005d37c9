"""What is Slurm's alone, without one: the batch script, Slurm's answers, and submitit's executors on this machine."""

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from genius.errors import GeniusError, RunFailed
from genius.evaluators import slurm_node, slurm_workers
from genius.evaluators.scripts import FunctionJob
from genius.evaluators.slurm_cluster import Busy, JobState, Slurm
from genius.evaluators.slurm_node import Submission, submission_file
from genius.evaluators.slurm_workers import SlurmWorkers
from genius.graph.pool import open_pool
from genius.record.settings import TrainingSettings
from genius.record.settings.slurm_request import SlurmRequest

from . import own_code
from .stubs import descendants, lives, wait_until

pytest.importorskip("submitit", reason="submitit is not installed: pip install 'genius-nas[slurm]'")

WORKER = "-m genius.evaluators.worker"
CLIENT = """#!{python}
import json, os, sys
name, said = os.path.basename(sys.argv[0]), []
with open("{folder}/calls", "a") as calls:
    calls.write(json.dumps([name, *sys.argv[1:]]) + "\\n")
answer = "{folder}/" + name
if name == "sbatch" and "--test-only" not in sys.argv:
    open("{folder}/script", "w").write(sys.stdin.read())
    json.dump(dict(os.environ), open("{folder}/environment", "w"))
if os.path.exists(answer + ".once"):
    answer += ".once"
lines = open(answer).read() if os.path.exists(answer) else ""
if answer.endswith(".once"):
    os.unlink(answer)
if lines.startswith("error"):
    sys.exit(name + ": " + lines)
print(lines, end="")
"""


@pytest.fixture(autouse=True)
def own_code_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent), prepend=os.pathsep)


@pytest.fixture
def clients(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put programs in the place of Slurm's: each says what the file of its name holds, once what `NAME.once` does."""
    folder = tmp_path / "clients"
    folder.mkdir()
    for name in ("sbatch", "srun", "squeue", "scancel", "sacct"):
        program = folder / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(CLIENT.format(python=sys.executable, folder=folder))
        program.chmod(0o755)
    (folder / "sbatch").write_text("Submitted batch job 7\n")
    monkeypatch.setenv("PATH", str(folder / "bin"), prepend=os.pathsep)
    return folder


def calls(clients: Path) -> list[list[str]]:
    return [json.loads(line) for line in (clients / "calls").read_text().splitlines()]


def job(folder: Path, does: str = "steps") -> FunctionJob:
    return FunctionJob(
        function=f"own_code:{does}", folder=folder, config={"width": 8}, architecture=(0,), home=folder.parent
    )


def test_the_batch_script_holds_the_request_as_comments_alone(
    clients: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVICE_TOKEN", "very-secret")
    monkeypatch.setenv("SLURM_JOB_ID", "1")
    request = SlurmRequest({"partition": "gpu", "gres": "gpu:1", "exclusive": "", "comment": "a; $(touch x)"})
    folder = tmp_path / "it has spaces"
    Slurm(request, 3).submit(folder, "genius-0", slurm_node.work, ())
    script = (clients / "script").read_text()
    options = re.findall(r"^#SBATCH --(.*)$", script, re.MULTILINE)
    assert {"partition=gpu", "gres=gpu:1", "exclusive", "comment='a; $(touch x)'", "cpus-per-task=3"} <= set(options)
    assert "job-name=genius-0" in options
    assert not [option for option in options if option.startswith(("time=", "wckey="))]
    commands = [line for line in script.splitlines() if line and not line.startswith("#")]
    assert len(commands) == 2
    assert commands[0] == "export SUBMITIT_EXECUTOR=slurm"
    assert "--cpus-per-task=3" in commands[1]
    environment = json.loads((clients / "environment").read_text())
    assert "SERVICE_TOKEN" not in environment
    assert "SLURM_JOB_ID" not in environment
    assert not [file for file in folder.iterdir() if file.is_symlink() or file.suffix == ".sh"]


def test_all_jobs_are_asked_for_in_one_call_and_forgotten_ones_in_another(clients: Path) -> None:
    cluster = Slurm(SlurmRequest(), 1)
    names = ["genius-a", "genius-b", "genius-c"]
    rows = [
        "1|genius-a|RUNNING|0|None|/x/1.out|",
        "2|genius-b|PENDING|1|Priority|/x/%j.out|",
        "3|genius-c|RUNNING|0|None||",
    ]
    (clients / "squeue").write_text("\n".join(rows))
    assert cluster.states(names)["genius-b"] == JobState("2", "PENDING", 1, "Priority", "/x/%j.out")
    (clients / "squeue").write_text(rows[0])
    (clients / "sacct").write_text("2|genius-b|CANCELLED by 0\n3|genius-c|OUT_OF_MEMORY\n")
    states = cluster.states(names)
    assert {name: states[name].name for name in names} == dict(
        zip(names, ("RUNNING", "CANCELLED", "OUT_OF_MEMORY"), strict=True)
    )
    assert [call[0] for call in calls(clients)] == ["squeue", "squeue", "sacct"]
    (clients / "sacct").write_text("error: Slurm accounting storage is disabled")
    assert cluster.states(names)["genius-b"].is_over


@pytest.mark.parametrize("words", ["Unable to contact slurm controller", "Socket timed out on send/recv operation"])
def test_a_failure_that_passes_is_told_from_a_refusal(clients: Path, words: str) -> None:
    (clients / "sbatch.once").write_text(f"error: Batch job submission failed: {words}")
    with pytest.raises(Busy, match=words):
        Slurm(SlurmRequest(), 1).check()
    (clients / "sbatch").write_text(
        "error: QOSMaxSubmitJobPerUserLimit\nsbatch: error: Job violates accounting/QOS policy"
    )
    with pytest.raises(GeniusError, match=r"^Slurm refuses the request \(no option\): QOSMax.*; Job violates"):
        Slurm(SlurmRequest(), 1).check()


async def test_a_submission_whose_answer_was_lost_is_not_made_twice(
    clients: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slurm_workers, "_WAITS", (0.01, 0.01))
    async with SlurmWorkers(capacity=1, look=0.2) as workers:
        (clients / "sbatch.once").write_text("error: Batch job submission failed: Socket timed out")
        running = asyncio.create_task(workers.train(job(tmp_path / "job")))
        await asyncio.to_thread(wait_until, submission_file(tmp_path / "job").exists, 10)
        name = json.loads(submission_file(tmp_path / "job").read_text())["name"]
        (clients / "squeue").write_text(f"7|{name}|RUNNING|0|None||\n")
        await asyncio.to_thread(wait_until, lambda: sum(call[0] == "squeue" for call in calls(clients)) > 2, 10)
        (clients / "squeue").write_text(f"7|{name}|OUT_OF_MEMORY|0|None||\n")
        measurement = await running
    assert measurement.failure == "out of memory"
    assert sum(call[0] == "sbatch" and "--test-only" not in call for call in calls(clients)) <= 2


async def test_a_refused_submission_ends_the_search_and_one_that_is_lost_again_and_again_the_evaluation(
    clients: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slurm_workers, "_LATE", 0.2)
    async with SlurmWorkers(capacity=1, look=0.1) as workers:
        (clients / "sbatch.once").write_text("error: Batch job submission failed: Invalid account")
        with pytest.raises(RunFailed, match=r"^Slurm refuses the request \(no option\): .*Invalid account$"):
            await workers.train(job(tmp_path / "refused"))
        lost = await workers.train(job(tmp_path / "lost"))  # squeue knows of none
    assert lost.failure == "lost"
    assert lost.error == "evaluation was lost with its job 7 on Slurm: it is gone, 4 times without an epoch in between"
    assert lost.seconds < 1


async def test_submitit_s_debug_executor_does_the_job_at_once(tmp_path: Path) -> None:
    told: list[int] = []
    async with SlurmWorkers(capacity=1, cluster="debug", look=0.2) as workers:
        measurement = await workers.train(
            job(tmp_path / "job", "good"), on_epoch=lambda epoch: told.append(epoch.epoch)
        )
    assert (measurement.error, measurement.value, told) == (None, 80, [1, 2])


_SEARCH = """
import asyncio, sys
from pathlib import Path
from genius.evaluators.scripts import FunctionJob
from genius.evaluators.slurm_workers import SlurmWorkers

async def main():
    folder = Path(sys.argv[1])
    job = FunctionJob(
        function="own_code:hangs", folder=folder, config={"width": 8}, architecture=(0,), home=folder.parent
    )
    async with SlurmWorkers(capacity=1, cluster="local", look=0.2) as workers:
        await workers.train(job)

asyncio.run(main())
"""


def test_a_job_that_is_named_no_more_or_left_alone_ends_itself(tmp_path: Path) -> None:
    for number in range(2):
        folder = tmp_path / str(number)
        with subprocess.Popen([sys.executable, "-c", _SEARCH, str(folder)]) as search:
            wait_until((folder / "epochs.jsonl").exists, 60)
            children = [*descendants("time.sleep(3000)", of=search.pid), *descendants(WORKER, of=search.pid)]
            search.kill()
        assert children
        assert all(map(lives, children))  # they outlive their search
        if number:
            submission_file(folder).unlink()
        else:
            old = time.time() - 4000
            os.utime(submission_file(folder), (old, old))
        wait_until(lambda those=children: not any(map(lives, those)), 30)


async def test_a_killed_search_has_its_evaluation_done_once_by_the_next(tmp_path: Path) -> None:
    folder = tmp_path / "job"
    folder.mkdir()
    # what a stranger wrote is no submission, and neither is one of a job that is gone
    submission_file(folder).write_text('{"name": "../../x", "folder": "/etc"}')
    async with SlurmWorkers(capacity=1, cluster="local", look=0.2) as workers:
        measurement = await workers.train(job(folder))
    assert measurement.error is None
    assert [json.loads(line)["epoch"] for line in (folder / "epochs.jsonl").read_text().splitlines()] == list(
        range(1, own_code.STEPS + 1)
    )
    assert not submission_file(folder).exists()
    assert not list(folder.glob("slurm-*"))


async def test_a_second_start_of_one_submission_leaves_the_evaluation_to_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "slurm-one"
    folder.mkdir()
    for number, wins in (("7", True), ("8", False), ("7", True)):
        monkeypatch.setenv("SLURM_JOB_ID", number)
        assert slurm_node._claim(folder) == wins


def test_a_path_that_a_batch_script_cannot_hold_is_refused() -> None:
    for odd in ("it's", "50%j", "a\nb", 'a"b'):
        with pytest.raises(RunFailed, match="cannot go to Slurm"):
            slurm_workers._check_path(Path("/runs") / odd)


def test_a_pool_of_slurm_takes_threads_and_gpus_from_the_request() -> None:
    def place(*slurm: str, **asked: object) -> tuple[str, int]:
        pool = open_pool(TrainingSettings(on="slurm", slurm=slurm, **asked))  # type: ignore[arg-type]
        assert isinstance(pool, SlurmWorkers)
        return pool._place.device, pool._place.threads

    assert place() == ("cpu", 1)
    assert place("cpus-per-task=6") == ("cpu", 6)
    assert place(threads=3) == ("cpu", 3)
    assert place("gres=gpu:1") == ("cuda", 1)
    assert place("gres=gpu:1", device="cpu") == ("cpu", 1)
    with pytest.raises(GeniusError, match="--device mps"):
        place(device="mps")


def test_the_module_does_without_submitit_until_the_pool_is_entered(monkeypatch: pytest.MonkeyPatch) -> None:
    code = "import genius.graph.pool, sys; assert 'submitit' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(GeniusError, match=r"pip install 'genius-nas\[slurm\]'"):
        asyncio.run(SlurmWorkers(capacity=1).__aenter__())
    with pytest.raises(GeniusError, match="must be at least 1, got 0"):
        SlurmWorkers(capacity=0)


def test_a_machine_without_slurm_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GeniusError, match="there is no sbatch on this machine"):
        asyncio.run(SlurmWorkers(capacity=1).__aenter__())


def test_a_submission_is_read_as_what_it_must_be() -> None:
    assert slurm_node.SUBMISSION.read('{"name": "genius-0123456789abcdef", "folder": "slurm-a_B9"}') == Submission(
        "genius-0123456789abcdef", "slurm-a_B9"
    )
