"""The evaluator of a recording: what it knows and what not, and GPT-4's recorded searches run again with it."""

import json

import genius
import pytest
from genius.agents.replay import load_measurements, load_recording
from genius.evaluators.recorded import recorded_evaluator
from genius.tools.recording import BadRecording

MACRO, CELLS, MOBILE = (genius.get_space(n) for n in ("nas-bench-macro", "nas-bench-201-cifar10", "mobile-imagenet"))
A, B = (0,) * 8, (0,) * 7 + (1,)


async def test_it_gives_the_recorded_accuracy_again_and_again():
    evaluate = recorded_evaluator(MACRO, {A: 72.61, B: 0.0}, "talk.json")
    assert [await evaluate(a) for a in (A, B, A)] == [genius.Measurement(x) for x in (72.61, 0.0, 72.61)]


async def test_equal_functions_share_an_accuracy():
    dead, same = (0, 0, 0, 0, 0, 0), (3, 0, 0, 0, 0, 0)  # the last node gets nothing in both
    assert CELLS.identity(dead) == CELLS.identity(same)
    assert (await recorded_evaluator(CELLS, {dead: 10.0}, "talk.json")(same)).accuracy == 10.0


async def test_an_architecture_without_an_accuracy_is_a_failed_candidate():
    measurement = await recorded_evaluator(MACRO, {A: 72.61}, "talk.json")(B)
    assert measurement == genius.Measurement(error="talk.json reports no accuracy of this architecture")


def test_a_recording_without_any_accuracy_is_no_evaluator():
    with pytest.raises(BadRecording, match=r"talk\.json reports no accuracy .* of nas-bench-macro"):
        recorded_evaluator(MACRO, {}, "talk.json")


# --- where the accuracies of a recording stand


def call(trial, iteration, prompt, architecture):
    reply = {"text": f"Architecture: {list(architecture)}", "model": "m", "input_tokens": 1, "output_tokens": 1}
    messages = [{"role": "user", "content": prompt}]
    return {"trial": trial, "iteration": iteration, "attempt": 1, "prompt": messages, "reply": reply}


def lines(*values):
    return "".join(json.dumps(value) + "\n" for value in values)


def test_a_run_folder_has_them_in_its_journal(tmp_path):
    found = [
        genius.Candidate(1, 1, reply="r", architecture=A, measurement=genius.Measurement(72.614)),
        genius.Candidate(1, 2, reply="r", error="none of 10 replies gave a new architecture"),
        genius.Candidate(2, 1, reply="r", architecture=B, measurement=genius.Measurement(70.0)),
    ]
    journal = lines(*(candidate.to_json() for candidate in found))
    (tmp_path / "candidates.jsonl").write_text(journal + journal[:50])  # the last line cut short by a crash
    assert load_measurements(tmp_path, MACRO) == {A: 72.614}
    assert load_measurements(tmp_path, MACRO, trial=2) == {B: 70.0}


def test_a_log_of_calls_has_them_in_its_prompts(tmp_path):
    prompt = f"Experiments so far (architecture, accuracy):\n- iteration 1: {list(A)}, 72.61%, 12.3 M, 0.02 M"
    log = tmp_path / "calls.jsonl"
    log.write_text(lines(call(1, 1, "Propose one.", A), call(1, 2, prompt, B), call(2, 1, "Propose one.", B)))
    assert load_measurements(log, MACRO) == {A: 72.61}
    assert load_measurements(log, MACRO, trial=2) == {}
    assert len(load_recording(log)) == 2


@pytest.mark.parametrize("wrap", [list, lambda messages: {"messages": messages}])
def test_a_list_of_messages_has_them_for_every_trial(tmp_path, wrap):
    messages = [("assistant", f"{list(A)}"), ("user", "It reached 72.61% accuracy."), ("assistant", f"{list(B)}")]
    file = tmp_path / "talk.json"
    file.write_text(json.dumps(wrap([{"role": role, "content": content} for role, content in messages]), indent=2))
    assert [load_measurements(file, MACRO, trial) for trial in (1, 2)] == [{A: 72.61}] * 2
    assert [reply.text for reply in load_recording(file, trial=2)] == [f"{list(A)}", f"{list(B)}"]


@pytest.mark.parametrize("content", ["", "{", "[1]", '{"trial": 1}\n', '{"messages": 7}', "\xff"])
def test_what_is_no_recording_is_said_with_its_name(tmp_path, content):
    (tmp_path / "talk.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(BadRecording, match=r"talk\.json"):
        load_measurements(tmp_path / "talk.json", MACRO)
    (tmp_path / "candidates.jsonl").write_bytes(content.encode("latin-1") + b"\n")
    with pytest.raises(BadRecording, match=r"candidates\.jsonl"):
        load_measurements(tmp_path, MACRO)


# --- GPT-4's recorded searches

BEST = {"329M": ("GENIUS-329", 72.61), "401M": ("GENIUS-401", 73.56)}


@pytest.mark.parametrize("name", BEST)
async def test_a_search_of_the_recorded_replies_finds_the_papers_network(name, tables, tmp_path):
    """The authors compared whole millions of FLOPs: 330.22 M was within 330."""
    file = tables.parent / "transcripts" / f"{name}.json"
    result = await genius.search(
        "mobile-imagenet",
        llm=f"replay:{file}",
        evaluator=recorded_evaluator(MOBILE, load_measurements(file, MOBILE), file.name),
        flops={"329M": ("269.5M", "330.5M"), "401M": ("369.5M", "430.5M")}[name],
        flops_convention="thop",
        run=tmp_path / "run",
    )
    candidates = result.trials[0].candidates
    network, accuracy = BEST[name]
    assert (result.best.architecture, result.best.accuracy) == (MOBILE.named[network], accuracy)
    assert [c.accuracy is None for c in candidates] == [False] * 9 + [True]
    assert candidates[-1].error == f"{file.name} reports no accuracy of this architecture"
    assert sum(len(c.refusals) + 1 for c in candidates) == len(load_recording(file))
