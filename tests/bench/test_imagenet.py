"""The paper's Table 2 on tiny images: search, final training, report."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from genius.bench.imagenet import default_folder, imagenet, plan_imagenet
from genius.bench.imagenet_report import imagenet_markdown
from genius.bench.imagenet_tables import LARGE, SMALL
from genius.errors import GeniusError
from genius.record.measurement import Measurement
from PIL import Image

from .pretended import Pretended

MAIN = "from genius.cli import main; main()"
QUICK = ("epochs=1", "size=32", "batch=8", "lr=0.05")
FINAL = ("epochs=2", "warmup=1", *QUICK[1:])


@pytest.fixture
def photographs(tmp_path):
    """Write an image folder in ImageNet's layout: 3 classes, 12 images each to train on, 4 each in val/."""
    rng = np.random.default_rng(0)
    for part, each in (("train", 12), ("val", 4)):
        for name, colour in {"blue": (40, 60, 200), "green": (50, 190, 70), "red": (210, 50, 40)}.items():
            (tmp_path / "photographs" / part / name).mkdir(parents=True)
            for number in range(each):
                pixels = np.clip(colour + rng.normal(0, 40, (36, 36, 3)), 0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(tmp_path / "photographs" / part / name / f"{number}.png")
    return f"folder:{tmp_path / 'photographs'}"


def measured(job):
    value = 60.0 + sum(job.architecture) % 7
    return Measurement(value, 77.8, seconds=43_200.0, device="NVIDIA V100", test_metrics={"top5": 93.7})


@pytest.fixture
def pool(monkeypatch):
    """Have nothing trained; gives the pool, which tells what would have been."""
    pretended = Pretended(measured)
    monkeypatch.setattr("genius.bench.imagenet.open_pool", lambda *_: pretended)
    return pretended


def planned(data, **named):
    asked = {"proposer": "random", "iterations": 3, "set": QUICK, "final_set": FINAL, "flops": ("-", "330M")}
    return plan_imagenet(data=data, **asked | named)


async def test_the_best_is_trained_by_the_final_recipe_and_stands_in_the_papers_table(tmp_path, photographs, pool):
    found = await imagenet(planned(photographs), tmp_path / "out")
    *searched, final = pool.jobs
    assert [job.recipe.name for job in pool.jobs] == ["search-imagenet"] * 3 + ["retrain-imagenet"]
    assert (final.recipe.epochs, final.recipe.ema, final.recipe.rand_ops) == (2, 0.9999, 2)
    assert final.keep_weights
    assert not any(job.keep_weights for job in searched)
    assert found.architecture == final.architecture == found.search.best.architecture
    lines = imagenet_markdown(found).splitlines()
    ours = next(line for line in lines if line.startswith("| ours"))
    assert ours.endswith("| 77.8 | 93.7 | 1.5 |")  # three times half a day
    assert "| GENIUS-329 | 329 | 7.0 | 77.8 | 93.7 | 5.6 |" in lines
    assert not any("GENIUS-401" in line for line in lines)
    assert found.cost.counted("thop") <= 330_500_000
    assert any("1.5 days of NVIDIA V100; the paper's is of V100s" in line for line in lines)
    await imagenet(planned(photographs), tmp_path / "out")
    assert len(pool.jobs) == 4


async def test_each_stage_goes_on_where_it_was_cut_off(tmp_path, photographs, pool, monkeypatch):
    train, pool_of_final = pool.train, []

    async def dying(job, **named):
        if job.recipe.name == "retrain-imagenet" and not pool_of_final:
            pool_of_final.append(job)
            raise GeniusError("cut off")
        return await train(job, **named)

    monkeypatch.setattr(pool, "train", dying)
    with pytest.raises(GeniusError, match="cut off"):
        await imagenet(planned(photographs), tmp_path / "out")
    assert len(pool.jobs) == 3
    found = await imagenet(planned(photographs), tmp_path / "out")
    assert len(pool.jobs) == 4
    assert pool.jobs[-1] == pool_of_final[0]
    assert found.retrained.test_value == 77.8


async def test_another_plan_in_the_folder_is_refused(tmp_path, photographs, pool):
    await imagenet(planned(photographs), tmp_path / "out")
    with pytest.raises(GeniusError, match=r"was begun with limits\.flops"):
        await imagenet(planned(photographs, flops=("-", "400M")), tmp_path / "out")
    Image.new("RGB", (36, 36)).save(tmp_path / "photographs" / "val" / "red" / "more.png")
    with pytest.raises(GeniusError, match="was begun with digest"):
        await imagenet(planned(photographs), tmp_path / "out")


def test_the_defaults_are_the_papers(tmp_path):
    plan = plan_imagenet(proposer="random", flops=("-", "400M"))
    assert (plan.settings.space, plan.settings.training.recipe) == ("mobile-imagenet", "search-imagenet")
    assert (plan.final_recipe, plan.final_changes) == ("retrain-imagenet", ())
    assert plan.settings.limits.convention == "thop"
    assert plan.settings.loop.iterations == 10
    assert default_folder(plan) == Path("runs") / "paper-imagenet-400M"
    assert default_folder(plan_imagenet(proposer="random")) == Path("runs") / "paper-imagenet"
    assert [each.method for each in (SMALL[-1], LARGE[-1])] == ["GENIUS-329", "GENIUS-401"]
    assert all(each.flops <= 340 for each in SMALL)
    assert all(each.flops >= 365 for each in LARGE)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("--data", "imagenet:nowhere"), "ImageNet is not in nowhere"),
        (("--data", "digits"), "augment=resized-crop-flip takes photographs: choose another augmentation"),
        (("--flops", "-", "many"), "many"),
        (("--proposer", "none"), "there is no proposer 'none'"),
        (("--final-recipe", "none"), "there is no recipe 'none'"),
        (("--final-set", "epochs=none"), "epochs must be a whole number, got 'none'"),
        (("--final-set", "epochs=3"), "warmup must be shorter than the 3 epochs, got 5"),
    ],
)
def test_wrong_arguments_are_named_before_anything_is_written(command_line, tmp_path, photographs, arguments, error):
    data = () if "--data" in arguments else ("--data", photographs)
    done = command_line("paper", "imagenet", "--proposer", "random", *data, *arguments, "--out", "a")
    assert done.returncode == 2
    assert error in done.stderr.splitlines()[-1]
    assert not (tmp_path / "a").exists()


@pytest.mark.heavy
def test_the_command_on_tiny_images_is_killed_and_goes_on(command_line, tmp_path, photographs):
    asked = ["paper", "imagenet", "--proposer", "random", "--iterations", "2", "--flops", "-", "330M", "--out", "out"]
    asked += ["--data", photographs, *(word for each in QUICK for word in ("--set", each))]
    asked += [word for each in FINAL for word in ("--final-set", each)]
    running = subprocess.Popen(
        [sys.executable, "-c", MAIN, *asked], cwd=tmp_path, env=os.environ, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 120
    while not (made := _answers(tmp_path / "out")) and running.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    running.send_signal(signal.SIGKILL)
    running.wait(30)
    assert made
    done = command_line(*asked, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert made.items() <= _answers(tmp_path / "out").items()
    assert found["retrained"]["test_value"] > 0
    assert len(_answers(tmp_path / "out")) == 3
    assert (tmp_path / "out" / "imagenet.md").is_file()
    assert list((tmp_path / "out" / "retrained").glob("*/weights.safetensors"))


def _answers(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("answer.json")}
