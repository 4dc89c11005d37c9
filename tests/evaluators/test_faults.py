"""What is the fault of the data, of the disk or of the installation ends a search: no architecture is blamed for it."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from genius.errors import RunFailed
from genius.evaluators import process
from genius.evaluators.workers import LocalWorkers, Place
from genius.record.measurement import Measurement
from genius.training.disk import DiskFull
from genius.training.job import JobFiles, TrainingJob
from genius.training.recipes import RECIPES, override
from PIL import Image

from ..jobs import digits_job
from .stubs import command


async def trained(job: TrainingJob) -> Measurement:
    async with LocalWorkers([Place()], tries=1, ahead=None) as workers:
        return await workers.train(job)


def digits(folder: Path, *settings: str) -> TrainingJob:
    recipe = override(RECIPES.find("digits"), ("epochs=3", *settings))
    return digits_job(folder, architecture=(2,) * 9, recipe=recipe)


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """Give an image folder of two classes, one image of which was cut off."""
    for colour in ("black", "white"):
        folder = tmp_path / "photographs" / colour
        folder.mkdir(parents=True)
        for number in range(8):
            Image.new("RGB", (20, 20), colour).save(folder / f"{number}.jpg")
    spoilt = tmp_path / "photographs" / "black" / "3.jpg"
    spoilt.write_bytes(spoilt.read_bytes()[:300])
    return tmp_path / "photographs"


def on_photographs(photographs: Path, folder: Path, *settings: str) -> TrainingJob:
    recipe = override(RECIPES.find("nas-bench-macro"), ("epochs=1", "size=16", "batch=4", *settings))
    return TrainingJob(
        space="nas-bench-macro",
        architecture=(0,) * 8,
        seed=0,
        data=f"folder:{photographs}",
        recipe=recipe,
        folder=folder,
        downloads=folder,
    )


async def test_a_broken_image_ends_the_search_by_its_name(photographs: Path, tmp_path: Path) -> None:
    with pytest.raises(RunFailed, match=r"^'.*/black/3\.jpg' cannot be read .* skip_broken=true$"):
        await trained(on_photographs(photographs, tmp_path / "job"))
    skipping = on_photographs(photographs, tmp_path / "job", "skip_broken=true")
    assert (await trained(skipping)).error is None
    assert "image files left out: 1, among them: '" in skipping.files.log.read_text()


def test_a_search_says_so_and_keeps_all(photographs: Path, tmp_path: Path) -> None:
    options = ["--proposer", "random", "--iterations", "2", "--run", tmp_path / "run", "--data"]
    options += [f"folder:{photographs}", "--set", "epochs=1", "--set", "size=16", "--set", "batch=4"]
    code = "from genius.cli import main; main()"
    arguments = [sys.executable, "-c", code, "search", "nas-bench-macro", *map(str, options)]
    done = subprocess.run(arguments, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=200)
    assert done.returncode == 1
    said = " ".join(done.stderr.split())
    assert "black/3.jpg' cannot be read" in said
    assert "everything so far is kept: go on with `genius resume" in said
    assert "Traceback" not in said
    assert not (tmp_path / "run" / "candidates.jsonl").exists()  # no iteration has failed


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """Give what makes a disk of so many KiB, or changes its size."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted: list[Path] = []

    def resize(size: int) -> Path:
        options = f"{'remount,' if mounted else ''}size={size}k"
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", disk], capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")
        mounted.append(disk)
        return disk

    yield resize
    if mounted:
        subprocess.run(["umount", disk], check=True)


@pytest.mark.skipif(sys.platform != "linux", reason="needs a tmpfs")
async def test_a_full_disk_is_said_and_the_training_goes_on_when_it_is_not(
    tmp_path: Path, small_disk: Callable[[int], Path]
) -> None:
    for size in (8, 3000):  # there is room for nothing, and for one checkpoint
        job = digits(small_disk(size) / "job")
        with pytest.raises(DiskFull, match=f"^the disk of {job.folder} is full: free some space$"):
            await trained(job)
        assert not [file for file in job.folder.iterdir() if file.name.startswith(".")]  # partial ones
    small_disk(30_000)
    measurement = await trained(job)
    assert measurement.accuracy == (await trained(replace(job, folder=tmp_path / "unbroken"))).accuracy


_FILLS_UP = """
import errno, os
from genius.evaluators import worker
from genius.training import saving
save, saved = saving.torch.save, []
def fail(value, file):
    saved.append(value)
    if len(saved) > 2:
        raise RuntimeError("unexpected pos") from OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    save(value, file)
saving.torch.save = fail
worker.main()
"""


async def test_what_was_saved_before_the_disk_was_full_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = digits(tmp_path / "job")
    with monkeypatch.context() as patch:
        patch.setattr(process, "worker_command", lambda: (sys.executable, "-c", _FILLS_UP))
        with pytest.raises(DiskFull, match="is full"):
            await trained(job)
    assert (await trained(job)).error is None
    assert [json.loads(line)["epoch"] for line in job.files.epochs.read_text().splitlines()] == [1, 2, 3]


_FULL_LOG = """
import os
from genius.evaluators import worker
worker.open_plain = lambda path, flags: os.open("/dev/full", os.O_WRONLY)
worker.main()
"""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
async def test_a_log_that_finds_no_room_is_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "worker_command", lambda: (sys.executable, "-c", _FULL_LOG))
    with pytest.raises(DiskFull, match="is full"):
        await trained(replace(digits(tmp_path), data="digitz"))


async def test_what_cannot_be_loaded_is_no_fault_of_the_architecture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "torchvision.py").write_text("raise ImportError('libgomp.so.1 is missing')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    with pytest.raises(RunFailed, match=r"^no training can be loaded: ImportError: libgomp\.so\.1 is missing$"):
        await trained(digits(tmp_path / "job"))


@pytest.mark.parametrize(("code", "words"), [(74, "the disk of .* is full"), (78, "^it is past its date$")])
async def test_the_worker_tells_whose_fault_it_was_by_its_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, words: str
) -> None:
    script = f"print('it is past its date', file=sys.stderr); sys.exit({code})"
    monkeypatch.setattr(process, "worker_command", lambda: command(script))
    with pytest.raises(RunFailed, match=words):
        await trained(digits(tmp_path))


async def test_a_spoilt_checkpoint_is_left_and_the_log_says_so(tmp_path: Path) -> None:
    job = digits(tmp_path / "job")
    job.folder.mkdir()
    JobFiles(job.folder).checkpoint.write_bytes(b"PK\\3\\4 and nothing more")
    assert (await trained(job)).error is None
    assert "checkpoint.pt cannot be read: training starts from the beginning" in job.files.log.read_text()
