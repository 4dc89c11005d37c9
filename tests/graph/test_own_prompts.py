"""A search with prompts of the user's own: what it says, what it notes, and whom it believes."""

import shutil

import genius
import pytest
from genius.agents.prompting import BadPrompt, Prompts
from genius.graph.trust import claims
from genius.record.settings import Settings

SPACE = genius.get_space("nas-bench-macro")


async def evaluate(architecture):
    return genius.Measurement(accuracy=80.0 + sum(architecture))


@pytest.fixture
def mine(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "answer.j2").write_text("Answer with {{ length }} numbers, please.\n")
    return tmp_path / "mine"


@pytest.fixture
def said():
    return []


@pytest.fixture
def options(said):
    async def propose(prompt, history):
        said.append(prompt[-1]["content"])
        return f"[{len(history)}, 0, 0, 0, 0, 0, 0, 0]"

    return {"space": "nas-bench-macro", "proposer": propose, "evaluator": evaluate, "iterations": 1}


def notes_of(found):
    return [step.note for step in found if step.stage == "note"]


async def test_a_folder_of_prompts_is_used_and_noted(tmp_path, mine, said, options):
    await genius.search(**options, prompts=mine, run=tmp_path / "run")
    assert said[0].endswith("Answer with 8 numbers, please.")
    settings = Settings.load(tmp_path / "run")
    assert settings.loop.prompts == str(mine)
    assert settings.run.prompts_sha256 == Prompts(mine).sha256
    await genius.search(**options, run=tmp_path / "built in")
    assert Settings.load(tmp_path / "built in").run.prompts_sha256 == Prompts().sha256


async def test_a_baseline_reads_no_prompt(tmp_path):
    await genius.search(SPACE.name, proposer="random", evaluator=evaluate, iterations=1, run=tmp_path / "run")
    assert Settings.load(tmp_path / "run").run.prompts_sha256 is None


async def test_resume_says_when_prompts_have_changed(tmp_path, mine, said, options):
    await genius.search(**options, prompts=mine, run=tmp_path / "run")
    again = {name: options[name] for name in ("proposer", "evaluator")}
    steps = []
    await genius.resume(tmp_path / "run", **again, iterations=2, progress=steps.append)
    assert notes_of(steps) == []
    (mine / "answer.j2").write_text("Now {{ length }} numbers.")
    await genius.resume(tmp_path / "run", **again, iterations=3, progress=steps.append)
    assert notes_of(steps) == ["from now on the prompts are others than this run had until here"]
    assert said[-1].endswith("Now 8 numbers.")
    assert Settings.load(tmp_path / "run").run.prompts_sha256 == Prompts(mine).sha256


async def test_a_prompt_that_cannot_be_used_is_refused_before_anything_is_written(tmp_path, mine, said, options):
    (mine / "proposal.j2").write_text("\n{{ spice }}")
    with pytest.raises(BadPrompt, match=r"proposal\.j2, line 2: there is no 'spice' here; there are advice, "):
        await genius.search(**options, prompts=mine, run=tmp_path / "run")
    assert not (tmp_path / "run").exists()
    assert said == []


async def test_the_prompts_that_a_run_folder_alone_names_are_not_opened(tmp_path, mine, said, options, monkeypatch):
    monkeypatch.setenv("GENIUS_STATE", str(tmp_path / "state"))
    await genius.search(**options, prompts=mine, run=tmp_path / "run")
    await genius.resume(tmp_path / "run", proposer=options["proposer"], evaluator=evaluate, iterations=2)  # one's own
    shutil.copytree(tmp_path / "run", tmp_path / "strangers")
    again = {"proposer": options["proposer"], "evaluator": evaluate, "iterations": 3}
    with pytest.raises(genius.GeniusError, match=r"names the prompts .*mine.* \(--prompts "):
        await genius.resume(tmp_path / "strangers", **again)
    await genius.resume(tmp_path / "strangers", **again, prompts=mine)
    assert len(said) == 3


def test_the_claim_is_the_full_path():
    settings = Settings(space=SPACE.name, proposer="random").changed({"loop.prompts": "mine"})
    assert [claim.setting for claim in claims(settings)] == ["loop.prompts"]
    assert claims(settings)[0].is_fixed
