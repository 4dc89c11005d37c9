"""An ablation of fidelities: searches, retrainings and a fixed set, which share every training."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from genius.bench.ablation import TRAININGS, ablation, plan_ablation
from genius.bench.ablation_report import ablation_markdown
from genius.bench.study import Study, even_over_flops
from genius.errors import GeniusError, RunFailed
from genius.record.measurement import Measurement
from genius.spaces import get_space
from genius.spaces.region import Region
from genius.tables.published import load_table

from .pretended import Pretended

SPACE = "tiny_network:SPACE"
MAIN = "from genius.cli import main; main()"


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    """Have the tiny space found, by workers too."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent), prepend=os.pathsep)


def trained(pool):
    """Return the architecture, the epochs and the seed of each training that was made."""
    return [(job.architecture, job.recipe.epochs, job.seed) for job in pool.jobs]


def measured(job):
    luck = np.random.default_rng(sum(job.architecture) + job.recipe.epochs + job.seed).normal()
    value = 50 + 5 * job.architecture[0] + job.recipe.epochs + luck
    return Measurement(value, value - 1, seconds=float(job.recipe.epochs), device="CPU")


@pytest.fixture
def pretended(monkeypatch):
    """Have nothing trained; gives the pool, which tells what would have been."""
    pool = Pretended(measured)
    monkeypatch.setattr("genius.bench.ablation.open_pool", lambda *_: pool)
    return pool


def planned(**named):
    asked = {"epochs": (1, 2), "evaluations": 2, "proposer": "random", "final_set": ("epochs=2",)}
    return plan_ablation(SPACE, **asked | named)


def answers(folder):
    return {path: path.stat().st_mtime_ns for path in (folder / TRAININGS).glob("*/answer.json")}


async def test_searches_retrainings_and_the_fixed_set_share_their_trainings(tmp_path, pretended):
    plan = planned(architectures=3, seeds=2)
    found = await ablation(plan, out=tmp_path / "a")
    assert len(set(trained(pretended))) == len(trained(pretended))
    first, second = found.searched
    # the best of the search at 2 epochs was trained at full fidelity, which is 2 epochs, by that search
    assert second.retrained == second.result.best.measurement
    assert first.retrained.value is not None
    wanted = {(each.architecture, 1) for each in first.result.candidates}
    wanted |= {(each.architecture, 2) for each in second.result.candidates} | {(first.architecture, 2)}
    wanted |= {(each, epochs) for each in found.study.architectures for epochs in (1, 2)}
    others = {(each, epochs) for each in found.study.architectures for epochs in (1, 2)}  # with the second seed
    kept = answers(tmp_path / "a")
    assert len(kept) == len(wanted) + len(others)
    assert [level.name for level in found.study.levels] == ["1 epoch", "full fidelity, 2 epochs"]
    assert found.study.levels[0].values.shape == (2, 3)
    assert sum(found.spent.values()) == pytest.approx(sum(json.loads(path.read_text())["seconds"] for path in kept))
    again = await ablation(plan, out=tmp_path / "a")
    assert len(trained(pretended)) == len(answers(tmp_path / "a")) == len(kept)
    assert ablation_markdown(again) == ablation_markdown(found)


async def test_the_report_has_the_papers_layout_and_its_numbers(tmp_path, pretended):
    found = await ablation(planned(epochs=(2, 10), sizes=(8,), evaluations=1), out=tmp_path / "a")
    lines = ablation_markdown(found).splitlines()
    assert "| epochs | 2 | 10 |" in lines
    assert f"- {found.notes[1]}" in lines
    assert found.notes[1].startswith("images: 200 to train on")
    assert "| the paper on ImageNet: top-1 (%) | - | 76.4 |" in lines
    assert "| the paper: GPU-days on V100 | - | 3.0 |" in lines
    assert any("arXiv:2304.10970v4, Table 3" in line for line in lines)
    assert "| input size | 8 |" in lines
    assert not any("Table 4" in line and "paper's numbers" in line for line in lines)


async def test_another_plan_in_the_same_folder_is_refused_with_the_reason(tmp_path, pretended):
    await ablation(planned(epochs=(1,), evaluations=1), out=tmp_path / "a")
    for other, reason in [
        ({"evaluations": 2}, "was begun with evaluations 1, and this call asks for 2"),
        ({"evaluations": 1, "seed": 3}, "was begun with loop.seed null, and this call asks for 3"),
        ({"evaluations": 1, "final_set": ("epochs=3",)}, "was begun with final_changes"),
        ({"evaluations": 1, "set": ("lr=0.2",)}, "was begun with final_changes"),
    ]:
        with pytest.raises(GeniusError, match=reason):
            await ablation(planned(epochs=(1,), **other), out=tmp_path / "a")
    same = planned(epochs=(1,), evaluations=1, threads=1, deadline=500.0)  # who trains does not matter
    assert (await ablation(same, out=tmp_path / "a")).searched[0].retrained.value is not None
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "mine.txt").write_text("mine")
    with pytest.raises(GeniusError, match="exists and holds no ablation: name another folder with --out"):
        await ablation(planned(), out=tmp_path / "b")


async def test_trouble_that_no_architecture_has_a_part_in_ends_the_fixed_set_in_one_sentence(tmp_path, pretended):
    def broken(job):
        raise RunFailed("an image is broken")

    pretended.measured = broken
    with pytest.raises(RunFailed, match="an image is broken"):
        await ablation(planned(evaluations=0, architectures=3), out=tmp_path / "a")


async def test_an_ablation_of_epochs_and_of_sizes_trains_their_common_fidelity_once(tmp_path, pretended):
    plan = planned(epochs=(1, 2), sizes=(8, 16), set=("epochs=2", "size=8"), final_set=("epochs=3",))
    found = await ablation(plan, out=tmp_path / "a")
    by_epochs, by_size = found.searched[1], found.searched[2]
    assert [each.measurement for each in by_epochs.result.candidates] == [
        each.measurement for each in by_size.result.candidates
    ]
    assert len(set(trained(pretended))) < len(trained(pretended))  # 8 and 16 pixels, which it does not tell apart
    assert len(trained(pretended)) == 3 * 2 + len({each.architecture for each in found.searched})


async def test_an_ablation_on_digits_trains_for_real(tmp_path):
    found = await ablation(planned(evaluations=1, epochs=(1,), architectures=3), out=tmp_path / "a")
    (searched,) = found.searched
    assert searched.retrained.value > 0
    assert searched.seconds > 0
    assert found.study.levels[0].values.shape == (1, 3)
    assert found.study.advice


def test_the_full_fidelity_is_the_spaces_own_or_the_one_that_is_named():
    plan = plan_ablation("mobile-imagenet", epochs=(10,), proposer="random")
    assert (plan.final_recipe, plan.final_changes) == ("retrain-imagenet", ("epochs=180",))
    assert plan.at(plan.fidelities[0]).training.recipe == "search-imagenet"
    own = plan_ablation("mobile-imagenet", epochs=(10,), proposer="random", final_set=("epochs=3", "lr=0.1"))
    assert own.final_changes == ("epochs=3", "lr=0.1")
    plain = plan_ablation("digits", epochs=(5,), proposer="random", set=("lr=0.2",))
    assert (plain.final_recipe, plain.final_changes) == ("digits", ("lr=0.2",))
    assert plain.at(plain.fidelities[0]).training.recipe_changes == ("lr=0.2", "epochs=5")


def test_architectures_lie_evenly_over_flops():
    region = Region(get_space("nas-bench-macro"))
    chosen = even_over_flops(region, 12, np.random.default_rng(0))
    flops = region.space.costs(chosen)[:, 0]
    assert len(set(chosen)) == 12
    assert sorted(flops) == flops.tolist()
    steps = np.diff(flops)
    assert steps.max() < 4 * (flops[-1] - flops[0]) / 11
    assert chosen == even_over_flops(region, 12, np.random.default_rng(0))
    assert chosen != even_over_flops(region, 12, np.random.default_rng(1))
    assert len(even_over_flops(Region(get_space(SPACE)), 50, np.random.default_rng(0))) == 10  # all that there are


def test_a_published_order_is_a_column(tables):
    space = get_space("nas-bench-macro")
    chosen = even_over_flops(Region(space), 4, np.random.default_rng(0))
    table = load_table(space, tables)
    published = [table.measure(each).value for each in chosen]
    found = {("full", 0, each): Measurement(value, seconds=1.0) for each, value in zip(chosen, published, strict=True)}
    found |= {
        ("1 epoch", 0, each): Measurement(100 - value)
        for (_, _, each), value in zip(list(found), published, strict=True)
    }
    study = Study.of(space, chosen, ["1 epoch", "full"], found, published)
    assert [level.published.value for level in study.levels] == [-1.0, 1.0]
    assert study.levels[0].tau.value == -1.0
    failed = found | {("1 epoch", 0, chosen[1]): Measurement(error="it broke")}
    rest = Study.of(space, chosen, ["1 epoch", "full"], failed, "no table here")
    assert rest.left_out == [chosen[1]]
    assert len(rest.architectures) == 3
    assert rest.note == "no table here"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((SPACE,), "an ablation compares fidelities: name them, as in --epochs 10,20,30 or --size 224,196"),
        ((SPACE, "--epochs", "1,two"), "--epochs takes whole numbers from 1 with commas between, as in 10,20,50, got"),
        ((SPACE, "--epochs", str(10**20)), "epochs must be at least 1 and at most 9007199254740992"),
        ((SPACE, "--size", "0"), "--size takes whole numbers from 1"),
        ((SPACE, "--epochs", "1", "--evaluations", "0"), "--evaluations 0 makes no searches, and --architectures 0"),
        ((SPACE, "--epochs", "1", "--architectures", "2"), "an order takes at least 3 architectures, got 2"),
        ((SPACE, "--epochs", "1", "--architectures", "4", "--seeds", "0"), "--seeds must be at least 1, got 0"),
        ((SPACE, "--epochs", "1", "--evaluations", "-1"), "--evaluations must be at least 0, got -1"),
        ((SPACE, "--epochs", "1", "--final-recipe", "none"), "there is no recipe 'none'"),
        ((SPACE, "--epochs", "1", "--final-set", "epoch=2"), "a recipe has no field 'epoch'; did you mean epochs?"),
        ((SPACE, "--epochs", "1", "--set", "loss=2"), "loss"),
        ((SPACE, "--epochs", "1", "--flops", "-", "many"), "many"),
        (("nowhere", "--epochs", "1"), "there is no space 'nowhere'"),
        ((SPACE, "--epochs", "1", "--data", "folder:nowhere"), "there is no folder nowhere"),
    ],
)
def test_wrong_arguments_are_named_before_anything_is_written(command_line, tmp_path, arguments, error):
    done = command_line("ablate", *arguments, "--proposer", "random", "--out", "a")
    assert done.returncode == 2
    assert error in done.stderr.splitlines()[-1]
    assert done.stdout == ""
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGKILL, marks=pytest.mark.heavy)])
def test_an_ablation_that_is_cut_off_goes_on_and_trains_nothing_twice(command_line, tmp_path, number):
    asked = ["ablate", SPACE, "--epochs", "1,2", "--proposer", "random", "--evaluations", "2", "--architectures", "3"]
    asked += ["--final-set", "epochs=3", "--out", "a"]
    options = {"stderr": subprocess.PIPE, "text": True, "start_new_session": True, "preexec_fn": _heed_interrupts}
    running = subprocess.Popen([sys.executable, "-c", MAIN, *asked], cwd=tmp_path, **options)
    deadline = time.monotonic() + 120
    while len(answers(tmp_path / "a")) < 3 and running.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    running.send_signal(number)
    said = running.communicate(timeout=60)[1]
    before = answers(tmp_path / "a")
    assert 3 <= len(before) < 15
    if number == signal.SIGINT:
        assert said.splitlines()[-1] == "stopped: go on with the same command and `--out a`"
    done = command_line(*asked, "--json")
    assert done.returncode == 0, done.stderr
    assert before.items() <= answers(tmp_path / "a").items()
    found = json.loads(done.stdout)
    assert [each["value"] for each in found["searches"]] == [1, 2]
    assert len(found["study"]["architectures"]) == 3
    assert found["study"]["advice"]
    assert (tmp_path / "a" / "ablation.png").read_bytes().startswith(b"\x89PNG")
    assert json.loads((tmp_path / "a" / "ablation.json").read_text()) == found


def _heed_interrupts():
    """Undo what a process in the background inherits: it ignores SIGINT."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
