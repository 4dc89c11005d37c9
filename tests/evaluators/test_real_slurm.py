"""The pool on a real Slurm, where one can be started on this machine."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from genius.errors import GeniusError, RunFailed
from genius.evaluators.slurm_cluster import Slurm
from genius.evaluators.slurm_node import read_submission, submission_file
from genius.evaluators.slurm_workers import SlurmWorkers
from genius.evaluators.workers import LocalWorkers, Place
from genius.record.measurement import Measurement
from genius.record.settings.slurm_request import SlurmRequest
from genius.training.job import TrainingJob
from genius.training.recipes import RECIPES

from .real_slurm import RealSlurm, real_slurm, why_not
from .stubs import wait_until

pytestmark = [pytest.mark.skipif(bool(why_not()), reason=why_not()), pytest.mark.heavy]
pytest.importorskip("submitit", reason="submitit is not installed: pip install 'genius-nas[slurm]'")

EPOCHS = 60
WORKER = "-m genius.evaluators.worker"


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealSlurm]:
    with real_slurm(tmp_path_factory.mktemp("slurm")) as running, pytest.MonkeyPatch.context() as patched:
        for name, value in running.environment.items():
            patched.setenv(name, value)
        patched.setenv("PYTHONPATH", str(Path(__file__).parent), prepend=os.pathsep)
        yield running


@pytest.fixture(autouse=True)
def _leaves_nothing(slurm: RealSlurm) -> Iterator[None]:
    """Hold that a test leaves neither a job on Slurm nor a worker on the node."""
    yield
    wait_until(lambda: not slurm.jobs() and not workers(), 30)


def workers(name: str = WORKER) -> list[int]:
    """List the processes of the jobs of this Slurm: they are children of its daemons, not ours."""
    found = []
    for folder in Path("/proc").iterdir():
        with suppress(OSError):
            if folder.name.isdecimal() and f"SLURM_CONF={os.environ['SLURM_CONF']}".encode() in _words(
                folder, "environ"
            ):
                line = b" ".join(_words(folder, "cmdline")).decode()
                if name in line and "containment" not in line and b"SLURM_JOB_ID" in (folder / "environ").read_bytes():
                    found.append(int(folder.name))
    return found


def _words(process: Path, file: str) -> list[bytes]:
    return (process / file).read_bytes().split(b"\0")


def pool(capacity: int = 1, **options: str) -> SlurmWorkers:
    request = SlurmRequest({name.replace("_", "-"): value for name, value in options.items()})
    return SlurmWorkers(request, capacity=capacity, look=1)


def digits(folder: Path, epochs: int = EPOCHS, **changes: object) -> TrainingJob:
    recipe = replace(RECIPES.find("digits"), epochs=epochs)
    job = TrainingJob(
        space="digits", architecture=(1,) * 9, data="digits", recipe=recipe, folder=folder, downloads=folder
    )
    return replace(job, **changes)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> float:
    async def train() -> Measurement:
        async with LocalWorkers([Place()]) as workers:
            return await workers.train(digits(tmp_path_factory.mktemp("undisturbed")))

    value = asyncio.run(train()).value
    assert value is not None
    return value


async def saved(job: TrainingJob) -> None:
    await asyncio.to_thread(wait_until, job.files.checkpoint.exists, 60)


def epochs_of(job: TrainingJob) -> list[int]:
    return [json.loads(line)["epoch"] for line in job.files.epochs.read_text().splitlines()]


async def test_jobs_finish_side_by_side_and_leave_no_file_of_theirs(slurm: RealSlurm, tmp_path: Path) -> None:
    told: list[int] = []
    async with pool(2) as slurm_pool, LocalWorkers([Place()]) as here:
        first, second, plain = await asyncio.gather(
            slurm_pool.train(digits(tmp_path / "first", 3), on_epoch=lambda epoch: told.append(epoch.epoch)),
            slurm_pool.train(digits(tmp_path / "second", 3, seed=1)),
            here.train(digits(tmp_path / "plain", 3)),
        )
    assert (first.error, second.error) == (None, None)
    assert (first.value, first.test_value) == (plain.value, plain.test_value)
    assert told == [1, 2, 3]
    names = {"answer.json", "epochs.jsonl", "job.json", "log.txt"}
    assert {file.name for file in (tmp_path / "first").iterdir()} == names


async def disturbed(slurm: RealSlurm, job: TrainingJob, *command: str) -> tuple[Measurement, list[str]]:
    """Train a job, and have one of Slurm's commands end its first try; returns the job's numbers, too."""
    async with pool() as workers:
        training = asyncio.create_task(workers.train(job))
        await saved(job)
        numbers = slurm.jobs()
        slurm.run(*command, *numbers)
        if "requeue" in command:  # Slurm lets it wait for two minutes
            await asyncio.to_thread(wait_until, lambda: slurm.jobs("PD"), 30)
            slurm.run("scontrol", "update", f"jobid={numbers[0]}", "starttime=now")
        measurement = await training
    return measurement, numbers


@pytest.mark.parametrize("command", [("scancel",), ("scontrol", "requeue")], ids=" ".join)
async def test_a_job_that_others_end_goes_on_from_its_last_epoch(
    slurm: RealSlurm, tmp_path: Path, undisturbed: float, command: tuple[str, ...]
) -> None:
    job = digits(tmp_path / "job")
    measurement, numbers = await disturbed(slurm, job, *command)
    assert len(numbers) == 1
    assert (measurement.error, measurement.value) == (None, undisturbed)
    assert epochs_of(job).count(1) == 1


async def test_a_job_that_is_preempted_goes_on_from_its_last_epoch(
    slurm: RealSlurm, tmp_path: Path, undisturbed: float
) -> None:
    job = digits(tmp_path / "job")
    async with pool() as slurm_pool:
        training = asyncio.create_task(slurm_pool.train(job))
        await saved(job)
        (preempted,) = slurm.jobs()
        output = f"--output={tmp_path}/urgent"
        slurm.run("sbatch", "--partition=urgent", "--exclusive", "--wait", output, "--wrap=true")
        for number in slurm.jobs("PD"):  # Slurm lets it wait for two minutes
            slurm.run("scontrol", "update", f"jobid={number}", "starttime=now")
        measurement = await training
    assert "Restarts=1" in slurm.run("scontrol", "show", "job", preempted)
    assert (measurement.error, measurement.value) == (None, undisturbed)
    assert epochs_of(job).count(1) == 1


async def test_a_worker_that_is_killed_on_its_node_goes_on(
    slurm: RealSlurm, tmp_path: Path, undisturbed: float
) -> None:
    job = digits(tmp_path / "job")
    async with pool() as slurm_pool:
        training = asyncio.create_task(slurm_pool.train(job))
        await saved(job)
        for pid in workers():
            os.kill(pid, signal.SIGKILL)
        assert (await training).value == undisturbed
    assert epochs_of(job).count(1) == 1


async def test_cancelling_ends_the_job_and_its_worker_s_descendants(slurm: RealSlurm, tmp_path: Path) -> None:
    async with pool(2) as slurm_pool:
        job = digits(tmp_path / "hangs", space="own_spaces:HANGS")
        waits = digits(tmp_path / "waits")
        trainings = [asyncio.create_task(slurm_pool.train(each)) for each in (job, waits)]
        await asyncio.to_thread(wait_until, lambda: workers() and len(slurm.jobs()) == 2, 60)
        for training in trainings:
            training.cancel()
        await asyncio.gather(*trainings, return_exceptions=True)
        assert not slurm.jobs()
    assert not submission_file(job.folder).exists()


async def test_the_deadline_counts_from_the_start_of_the_job(slurm: RealSlurm, tmp_path: Path) -> None:
    async with pool(hold="") as slurm_pool:
        training = asyncio.create_task(slurm_pool.train(digits(tmp_path, space="own_spaces:HANGS"), deadline=4))
        await asyncio.to_thread(wait_until, slurm.jobs, 30)
        await asyncio.sleep(6)
        assert not training.done()
        await asyncio.to_thread(slurm.run, "scontrol", "release", *slurm.jobs())
        measurement = await training
    assert measurement.failure == "timed out"
    assert measurement.error == "training took longer than 4 s (no epoch ended)"


async def test_a_job_whose_data_are_missing_ends_the_search(slurm: RealSlurm, tmp_path: Path) -> None:
    async with pool() as slurm_pool:
        with pytest.raises(RunFailed, match=r"^there is no data set 'digitz'; the data sets are: digits, "):
            await slurm_pool.train(digits(tmp_path / "job", data="digitz"))


async def test_more_memory_than_the_request_is_a_failure(slurm: RealSlurm, tmp_path: Path) -> None:
    async with pool(mem="60M") as slurm_pool:
        measurement = await slurm_pool.train(digits(tmp_path / "job"))
    assert measurement.failure == "out of memory"
    assert measurement.error is not None
    assert "more memory than its job has on Slurm" in measurement.error


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"partition": "none-such"}, r"Slurm refuses the request \(partition=none-such\): .*[Ii]nvalid partition"),
        ({"no_such_option": "1"}, r"Slurm refuses the request \(no-such-option=1\): .*unrecognized option"),
        ({"gres": "gpu:3"}, r"Slurm refuses the request \(gres=gpu:3\): .*generic resource"),
    ],
)
async def test_a_request_that_slurm_refuses_is_said_before_anything_begins(
    slurm: RealSlurm, options: dict[str, str], words: str
) -> None:
    with pytest.raises(GeniusError, match=words):
        await pool(**options).__aenter__()


async def test_a_submission_waits_for_a_controller_that_is_away(slurm: RealSlurm, tmp_path: Path) -> None:
    async with pool() as slurm_pool:
        slurm.stop("slurmctld")
        training = asyncio.create_task(slurm_pool.train(digits(tmp_path / "job", 2)))
        await asyncio.sleep(2)
        slurm.start("slurmctld")
        assert (await training).error is None


async def test_a_job_has_none_of_the_search_s_secrets(
    slurm: RealSlurm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVICE_TOKEN", "very-secret")
    monkeypatch.setenv("SERVICE_PLACE", "very-plain")
    cluster = Slurm(SlurmRequest(), 1)
    script = f"#!/bin/sh\n#SBATCH --output={tmp_path}/out\nenv\n"
    await asyncio.to_thread(cluster._run, "sbatch", script=script)
    await asyncio.to_thread(wait_until, lambda: not slurm.jobs(), 30)
    said = (tmp_path / "out").read_text()
    assert "very-plain" in said
    assert "very-secret" not in said


async def test_a_submission_that_names_a_job_elsewhere_neither_follows_nor_ends_it(
    slurm: RealSlurm, tmp_path: Path
) -> None:
    theirs, mine = digits(tmp_path / "theirs", 400), digits(tmp_path / "mine", 2)
    async with pool() as one, pool() as another:
        training = asyncio.create_task(one.train(theirs))
        await saved(theirs)
        mine.folder.mkdir()
        copied = submission_file(theirs.folder).read_text()
        submission_file(mine.folder).write_text(copied)
        assert (await another.train(mine)).error is None
        assert read_submission(theirs.folder) is not None
        await asyncio.to_thread(wait_until, lambda: len(slurm.jobs()) == 1, 30)
        assert not training.done()
        training.cancel()
        await asyncio.gather(training, return_exceptions=True)


_TRAIN = """
import asyncio, sys
from dataclasses import replace
from pathlib import Path
from genius.evaluators.slurm_workers import SlurmWorkers
from genius.training.job import TrainingJob
from genius.training.recipes import RECIPES

async def main():
    folder, epochs = Path(sys.argv[1]), int(sys.argv[2])
    recipe = replace(RECIPES.find("digits"), epochs=epochs)
    job = TrainingJob(
        space="digits", architecture=(1,) * 9, data="digits", recipe=recipe, folder=folder, downloads=folder
    )
    async with SlurmWorkers(capacity=1, look=1) as workers:
        print((await workers.train(job)).value)

asyncio.run(main())
"""


def test_a_job_outlives_its_killed_search_and_is_followed_by_the_next(
    slurm: RealSlurm, tmp_path: Path, undisturbed: float
) -> None:
    job = digits(tmp_path / "job")
    command = [sys.executable, "-c", _TRAIN, str(job.folder), str(EPOCHS)]
    with subprocess.Popen(command) as search:
        wait_until(lambda: submission_file(job.folder).exists() and slurm.jobs(), 60)
        search.kill()
    numbers = slurm.jobs()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as search:
        wait_until(job.files.checkpoint.exists, 60)
        assert slurm.jobs() == numbers  # no second one
        said, _ = search.communicate()
    assert float(said) == undisturbed
    assert epochs_of(job) == list(range(1, EPOCHS + 1))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_search_that_is_stopped_ends_its_jobs(slurm: RealSlurm, tmp_path: Path, number: int) -> None:
    options = ("--proposer", "random", "--iterations", "2", "--workers", "2", "--set", "epochs=4000")
    command = [sys.executable, "-m", "genius", "search", "digits", *options, "--on", "slurm", "--run", "run"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as search:
        wait_until(lambda: len(slurm.jobs("R")) == 2 and len(workers()) == 2, 90)
        search.send_signal(number)
        _, said = search.communicate()
    assert search.returncode == 128 + number
    assert not slurm.jobs()
    assert "go on with `genius resume run`" in " ".join(said.split())


async def test_a_job_that_comes_to_its_time_limit_goes_on_in_the_next(slurm: RealSlurm, tmp_path: Path) -> None:
    job = digits(tmp_path / "job", 100_000)
    async with pool(time="1") as slurm_pool:
        training = asyncio.create_task(slurm_pool.train(job))
        (first,) = await asyncio.to_thread(_jobs_other_than, slurm, [])
        (second,) = await asyncio.to_thread(_jobs_other_than, slurm, [first])
        assert "TIMEOUT" in slurm.run("scontrol", "show", "job", first)
        before = epochs_of(job)
        await asyncio.to_thread(wait_until, lambda: len(epochs_of(job)) > len(before), 60)
        training.cancel()
        await asyncio.gather(training, return_exceptions=True)
    assert second != first
    assert epochs_of(job).count(1) == 1


def _jobs_other_than(slurm: RealSlurm, known: list[str]) -> list[str]:
    found: list[str] = []
    wait_until(lambda: found.extend(set(slurm.jobs("R")) - set(known)) or found, 150)
    return found


async def test_a_training_goes_on_when_its_node_was_down(slurm: RealSlurm, tmp_path: Path, undisturbed: float) -> None:
    job = digits(tmp_path / "job")
    async with pool() as slurm_pool:
        training = asyncio.create_task(slurm_pool.train(job))
        await saved(job)
        slurm.stop("slurmd", signal.SIGKILL)
        for pid in workers(""):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        slurm.run("scontrol", "update", "nodename=here", "state=down", "reason=test")
        slurm.start("slurmd")
        await asyncio.to_thread(wait_until, lambda: "idle" in slurm.run("sinfo", "--noheader"), 30)
        assert (await training).value == undisturbed
    assert epochs_of(job).count(1) == 1


def test_the_example_of_the_page_runs(slurm: RealSlurm, tmp_path: Path) -> None:
    example = Path(__file__).parents[2] / "examples" / "slurm.sh"
    (tmp_path / "genius").write_text(f'#!/bin/sh\nexec {sys.executable} -m genius "$@"\n')
    (tmp_path / "genius").chmod(0o755)
    environment = os.environ | {"PATH": os.pathsep.join((str(tmp_path), os.environ["PATH"]))}
    small = ("--iterations", "2", "--workers", "2", "--set", "epochs=1", "--run", "run")
    done = subprocess.run([example, *small], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    answers = list((tmp_path / "run").glob("evaluations/*/*/answer.json"))
    assert len(answers) == 2, done.stdout + done.stderr
