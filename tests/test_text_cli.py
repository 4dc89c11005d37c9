"""Language models on the command line: `train`, `search`, and the commands that refuse them."""

import json
import signal
import subprocess
import sys

import genius
import pytest
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage

from .training.test_language import unigram_bits
from .training.texts import write_text

ARCHITECTURE = '{"depth": 1, "width": 32, "heads": 2, "ratio": 1, "context": 32}'
SET = ("--data", "text:t.txt", "--set", "batch=8", "--set", "lr=0.005", "--set", "warmup=0.2")
TRAIN = ("train", "gpt-tiny", ARCHITECTURE, *SET)
SMALL = ("--flops", "-", "2M", "--params", "-", "60K")
SEARCH = ("search", "gpt-tiny", *SET, *SMALL, "--set", "epochs=2", "--iterations", "3", "--threads", "1")


@pytest.fixture
def run_genius(command_line):
    def run(*arguments, ok=True):
        done = command_line(*arguments)
        assert "Traceback" not in done.stderr, done.stderr
        assert (done.returncode == 0) == ok, done.stderr
        return done

    return run


@pytest.fixture(autouse=True)
def written(tmp_path):
    return write_text(tmp_path / "t.txt").read_text()


def validation_bits(written):
    """Return the bits per character that letter frequencies alone reach on the validation text."""
    held = len(written) // 10
    return unigram_bits(written[: -2 * held], written[-2 * held : -held])


def test_a_network_is_trained_once_and_told_in_bits_per_character(run_genius, tmp_path, written):
    asked = (*TRAIN, "--set", "epochs=2", "--set", "measure_every=1")
    done = run_genius(*asked, "--json")
    found = json.loads(done.stdout)
    assert found["bits_per_character"] < validation_bits(written)
    assert found["folder"].startswith("runs/train-gpt-tiny-00100-seed0-text-t.txt-gpt-tiny")
    assert "epoch 2/2: loss " in done.stderr
    assert f", bits per character {found['bits_per_character']:.4g}"[:26] in done.stderr
    assert " windows/s" in done.stderr
    assert "images" not in done.stderr
    assert f"text: {len(written):,} characters\n" in done.stderr
    again = run_genius(*asked)
    assert "is finished: nothing was trained again" in again.stderr
    value, test = found["bits_per_character"], found["test_bits_per_character"]
    assert f"bits per character {value:.3f}"[:-1] in again.stdout
    assert f", test bits per character {test:.3f}"[:-1] in again.stdout
    assert (tmp_path / found["folder"] / "curve.png").stat().st_size > 10_000
    refused = run_genius("export", found["folder"], ok=False).stderr
    assert "holds no training of a classifier, but a job of the kind language" in refused
    other = write_text(tmp_path / "t.txt", seed=1).read_text()
    assert other != written
    refused = run_genius(*asked, ok=False).stderr
    assert "holds another training: name another folder with --out" in refused


def test_a_training_that_is_killed_goes_on(run_genius, tmp_path):
    options = (*TRAIN, "--set", "epochs=12", "--json")
    command = [sys.executable, "-c", "from genius.cli import main; main()", *options, "--out", "t"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    while not process.stderr.readline().startswith("epoch 3/12"):
        assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.communicate()
    resumed = json.loads(run_genius(*options, "--out", "t").stdout)
    whole = json.loads(run_genius(*options, "--out", "u").stdout)
    for name in ("bits_per_character", "test_bits_per_character", "sd"):
        assert resumed[name] == whole[name]


def test_a_search_goes_down_in_bits_per_character_in_worker_processes(run_genius, tmp_path, written):
    found = json.loads(run_genius(*SEARCH, "--proposer", "guided", "--workers", "2", "--run", "run", "--json").stdout)
    values = [iteration["value"] for iteration in found["iterations"]]
    assert len(values) == 3
    assert found["best"]["value"] == min(values) < validation_bits(written)
    assert 0 < found["best"]["test_value"] < validation_bits(written)
    shown = run_genius("show", "run").stdout
    assert f"bits per character {min(values):.3f}"[:-1] in " ".join(shown.split())
    assert json.loads((tmp_path / "run" / "search.json").read_text())["goal"]["objectives"][0]["better"] == "lower"
    assert (tmp_path / "run" / "search.png").stat().st_size > 10_000
    (job, *_) = (tmp_path / "run" / "evaluations").rglob("job.json")
    told = json.loads(job.read_text())
    assert told["kind"] == "language"
    assert (told["found"]["validation"], len(told["found"]["digest"])) == (len(written) // 10, 64)


async def test_a_model_is_told_that_lower_is_better_and_what_was_measured(tmp_path, monkeypatch, written):
    monkeypatch.chdir(tmp_path)
    replies = [ARCHITECTURE, ARCHITECTURE.replace('"heads": 2', '"heads": 4')]
    result = await genius.search(
        "gpt-tiny",
        llm=GenericFakeChatModel(messages=iter([AIMessage(reply) for reply in replies])),
        proposer="model",
        data="text:t.txt",
        set=("batch=8", "lr=0.005", "warmup=0.2", "epochs=1"),
        flops=(None, "2M"),
        iterations=2,
        threads=1,
        run=tmp_path / "run",
    )
    first, second = result.trials[0].candidates
    assert (first.architecture, second.architecture) == ((0, 0, 1, 0, 0), (0, 0, 2, 0, 0))
    calls = [json.loads(line) for line in (tmp_path / "run" / "calls.jsonl").read_text().splitlines()]
    asked = " ".join(" ".join(message["content"] for message in calls[-1]["prompt"]).split())
    assert "lower is better" in asked
    assert f"{first.measurement.value:.3f}"[:-1] in asked
    assert "at most 2 M FLOPs (multiply-adds of one text as long as the context)" in asked
    assert "one image" not in asked


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (("search", "gpt-tiny"), "gpt-tiny has no table: name a text, as in --data text:FILE"),
        (("search", "gpt-tiny", "--data", "digits"), "name it as text:PATH, got 'digits'"),
        (("search", "digits", "--data", "text:t.txt"), "text:t.txt holds text, which language models read"),
        (("search", "gpt-tiny", "--data", "text:none"), "there is no text at none: name a file, or a folder"),
        ((*SEARCH, "--set", "mixup=1"), "a language model is trained without mixup, which is of images"),
        ((*SEARCH, "--objective", "accuracy"), "bits per character, lower is better, is measured here"),
        ((*SEARCH, "--objective", "bits per character", "--objective", "top5"), "nothing measures top5 here"),
        (("export", "gpt-tiny", ARCHITECTURE), "gpt-tiny reads text, and networks of images alone are exported"),
        (("detect", "gpt-tiny", ARCHITECTURE, "--data", "coco:x", "--scratch"), "gpt-tiny reads text, and networks of"),
        (("ablate", "gpt-tiny", "--data", "text:t.txt", "--epochs", "1,2"), "gpt-tiny reads text, and an ablation"),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, tuple) else None,
)
def test_commands_say_in_a_sentence_what_texts_and_images_are_not_for(run_genius, asked, words):
    refused = run_genius(*asked, *(("--proposer", "random") if asked[0] == "search" else ()), ok=False).stderr
    assert words in " ".join(refused.split())


@pytest.mark.parametrize("measure", ["latency", "memory"])
def test_networks_are_measured_on_sequences_as_long_as_their_context(run_genius, measure):
    done = run_genius("latency", "gpt-tiny", ARCHITECTURE, "--measure", measure, "--json")
    assert json.loads(done.stdout)[measure] > 0


def test_a_search_is_limited_by_measures_of_its_networks(run_genius):
    done = run_genius(*SEARCH, "--proposer", "random", "--measure", "memory", "--iterations", "1", "--json")
    (iteration,) = json.loads(done.stdout)["iterations"]
    assert iteration["metrics"]["memory"] > 0


def test_costs_are_told(run_genius):
    counting = "(multiply-adds of one text as long as the context)"
    assert counting in run_genius("cost", "gpt-tiny", ARCHITECTURE).stdout
    told = run_genius("spaces", "gpt-tiny", "--flops", "-", "2M").stdout
    assert counting in told
    assert "- context: 32, 64, 128, 256" in told
    assert counting in " ".join(run_genius(*SEARCH[:2], *SET, "--flops", "1", "2", ok=False).stderr.split())
