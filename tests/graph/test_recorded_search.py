"""GPT-4's recorded search over the ImageNet space, run again through the graph."""

import json
from pathlib import Path

import genius
import pytest

RECORDING = Path(__file__).parents[3] / "shared" / "data" / "transcripts" / "329M.json"
LIMITS = {"flops": ("270M", "330M"), "flops_convention": "thop"}


@pytest.fixture
def recording():
    if not RECORDING.is_file():
        pytest.skip(f"the recorded conversation is not at {RECORDING}")
    return RECORDING


async def test_what_the_authors_refused_is_refused_and_what_they_accepted_is_accepted(recording, tmp_path):
    result = await genius.search("mobile-imagenet", llm=f"replay:{recording}", run=tmp_path / "run", **LIMITS)
    messages = json.loads(recording.read_text())
    accepted, refusals = [], 0
    for reply, answer in zip(messages, [*messages[1:], None], strict=True):
        if reply["role"] == "assistant":
            if answer is not None and "fails to meet the FLOPS" in answer["content"]:
                refusals += 1
            else:
                accepted.append(refusals)
                refusals = 0
    candidates = result.trials[0].candidates
    assert [len(candidate.refusals) for candidate in candidates] == accepted
    assert sum(accepted) == 16
    # the accuracies of the later prompts; the conversation ends before it tells the last one
    told = [71.71, 72.46, 72.39, 72.61, 72.53, 72.42, 72.07, 72.47, 72.27, None]
    assert [candidate.accuracy for candidate in candidates] == told
    assert "reports no accuracy of this architecture" in candidates[-1].error
    assert result.best.architecture == genius.get_space("mobile-imagenet").named["GENIUS-329"]
    assert result.finished


async def test_with_repair_no_reply_is_wasted(recording, tmp_path):
    options = {"repair": "nearest", "iterations": 26, "run": tmp_path / "run", **LIMITS}
    result = await genius.search("mobile-imagenet", llm=f"replay:{recording}", **options)
    candidates = result.trials[0].candidates
    assert len(candidates) == 26
    assert not any(candidate.refusals for candidate in candidates)
    assert sum(candidate.repair is not None for candidate in candidates) == 16


async def test_a_recording_that_is_used_up_ends_the_search_with_what_it_found(recording, tmp_path):
    options = {"iterations": 12, "run": tmp_path / "run", **LIMITS}
    with pytest.raises(genius.RunFailed, match="the recording holds 26 replies"):
        await genius.search("mobile-imagenet", llm=f"replay:{recording}", **options)
    result = genius.read(tmp_path / "run")
    assert len(result.trials[0].candidates) == 10
    assert result.best.accuracy == 72.61
