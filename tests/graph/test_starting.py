"""How searches start from settings, and how often a run that goes on is read."""

import warnings
from pathlib import Path

import genius
import pytest
from filelock import FileLock, Timeout
from genius.errors import GeniusWarning
from genius.record.journal import Journal
from langchain_core.language_models import FakeListChatModel


async def evaluate(architecture: genius.Architecture) -> genius.Measurement:
    return genius.Measurement(50.0 + sum(architecture))


BASE = genius.Settings(
    space="nas-bench-macro", proposer="random", loop=genius.LoopSettings(iterations=3, seed=4, trace=False)
)


@pytest.fixture
async def run(tmp_path: Path) -> Path:
    """Return the folder of a finished run of three iterations."""
    return (await genius.search(settings=BASE, evaluator=evaluate, run=tmp_path / "run")).run


async def test_a_search_starts_from_settings_and_what_is_named_beside_them_wins(run, tmp_path):
    first = genius.read(run)
    again = await genius.search(settings=first.settings, evaluator=evaluate, run=tmp_path / "again")
    assert [c.architecture for c in again.trials[0].candidates] == [c.architecture for c in first.trials[0].candidates]
    assert again.settings.run.id != first.settings.run.id
    options = {"settings": BASE, "evaluator": evaluate, "run": tmp_path / "other", "seed": 5}
    other = await genius.search("digits", set=["loop.iterations=2"], **options)
    assert (other.settings.space, other.settings.loop.seed, len(other.trials[0].candidates)) == ("digits", 5, 2)
    assert (other.settings.proposer, other.settings.loop.trace) == ("random", False)


async def test_settings_that_contradict_each_other_are_refused(tmp_path):
    both = BASE.changed({"llm.models": ("local",)})
    with pytest.raises(genius.GeniusError, match="an llm and a proposer exclude each other"):
        await genius.search(settings=both, evaluator=evaluate, run=tmp_path / "run")
    hot = BASE.changed({"proposer": "", "llm.temperature": 0.5})
    with pytest.raises(genius.GeniusError, match="a model object has its own temperature"):
        await genius.search(
            settings=hot, llm=FakeListChatModel(responses=["x"]), evaluator=evaluate, run=tmp_path / "run"
        )
    with pytest.raises(genius.GeniusError, match="a search needs a space"):
        await genius.search(settings=genius.Settings(), proposer="random", evaluator=evaluate, run=tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.fixture
def read(monkeypatch):
    """Return the folders whose journal was read; each must have been locked then."""
    found = []
    load = Journal.load.__func__

    def load_locked(cls, folder):
        with pytest.raises(Timeout), FileLock(folder / "lock", timeout=0, is_singleton=False):
            pass
        found.append(folder)
        return load(cls, folder)

    monkeypatch.setattr(Journal, "load", classmethod(load_locked))
    return found


async def test_a_run_that_goes_on_is_read_once_while_it_is_locked(run, read):
    assert len((await genius.resume(run, evaluator=evaluate, iterations=4)).trials[0].candidates) == 4
    assert read == [run]


async def test_a_run_that_is_forked_is_read_once_while_it_is_locked(run, read, tmp_path):
    forked = await genius.fork(run, 2, to=tmp_path / "fork", evaluator=evaluate, seed=9)
    assert len(forked.trials[0].candidates) == 3
    assert read == [run]


async def test_a_warning_points_at_the_line_that_goes_on(run, tmp_path):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", GeniusWarning)
        await genius.resume(run, evaluator=evaluate, iterations=4, proposer="local-search")
        await genius.fork(run, 2, to=tmp_path / "fork", evaluator=evaluate, proposer="evolution")
    assert [(str(each.message), each.filename) for each in told if each.category is GeniusWarning] == [
        ("random made this run; from now on local-search proposes", __file__),
        ("local-search made this run; from now on evolution proposes", __file__),
    ]
