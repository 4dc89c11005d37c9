"""The request to Slurm: how its texts are read, and what is refused."""

import shlex

import genius
import pytest
from genius.record.settings import TrainingSettings
from genius.record.settings.options import by_path
from genius.record.settings.slurm_request import read_request


@pytest.mark.parametrize(
    ("texts", "options"),
    [
        (["partition=gpu,gres=gpu:1,time=04:00:00"], {"partition": "gpu", "gres": "gpu:1", "time": "04:00:00"}),
        (["nodelist=a[1,3],b2,time=1-0"], {"nodelist": "a[1,3],b2", "time": "1-0"}),
        (["partition=a,exclusive,time=9", "requeue"], {"partition": "a", "exclusive": "", "time": "9", "requeue": ""}),
        (["--cpus_per_task=4", "cpus-per-task=4"], {"cpus-per-task": "4"}),
        (["comment=two words; $(touch x) `y` #z"], {"comment": "two words; $(touch x) `y` #z"}),
        ([], {}),
    ],
)
def test_options_are_read_as_sbatch_names_them(texts, options):
    assert read_request(texts).options == options


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("partition=a,partition=b", "names partition twice, 'a' and 'b'"),
        ("partition", "takes sbatch's options as NAME=VALUE"),
        ("partition=", "takes sbatch's options as NAME=VALUE"),
        ("", "takes sbatch's options as NAME=VALUE"),
        ("Partition=a", "sbatch has no option 'Partition'"),
        ("a b=c", "sbatch has no option"),
        ("comment=a\ntouch /tmp/x", "holds a line break, a quote or a backslash"),
        ("comment=a\rb", "holds a line break"),
        ("comment=it's", "holds a line break, a quote"),
        ("comment=a\\", "holds a line break, a quote or a backslash"),
        ("array=0-9", "cannot set array: each evaluation is a job of one task"),
        ("nodes=2", "cannot set nodes"),
        ("job-name=mine", "cannot set job-name: the search finds its jobs by it"),
        ("output=/etc/passwd", "cannot set output"),
        ("wait=1", "cannot set wait"),
        ("export=ALL", "cannot set export: jobs get the search's environment without its secrets"),
        ("cpus-per-task=0", "a whole number from 1, got '0'"),
        ("cpus-per-task=many", "a whole number from 1, got 'many'"),
    ],
)
def test_what_is_no_request_is_refused(text, words):
    with pytest.raises(genius.GeniusError) as failure:
        read_request([text])
    assert words in str(failure.value)


@pytest.mark.parametrize(
    ("text", "has"),
    [
        ("gres=gpu:a100:2", True),
        ("gpus=1", True),
        ("gpus-per-task=1", True),
        ("tres-per-task=gres/gpu:1", True),
        ("gres=shard:1,gpus=0", False),
        ("partition=gpu", False),
    ],
)
def test_gpus_are_seen_in_the_request(text, has):
    assert read_request([text]).has_gpu == has


def test_a_request_reads_as_it_was_written():
    text = "partition=gpu,gres=gpu:1,exclusive"
    assert read_request(shlex.split(text)).words == text


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"slurm": ("partition=a",)}, "trainings run on local: add --on slurm"),
        (
            {"on": "slurm", "slurm": ("cpus-per-task=4",), "threads": 2},
            "--threads is 2, and --slurm cpus-per-task is 4",
        ),
        ({"on": "slurm", "slurm": ("wait=1",)}, "cannot set wait"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(settings, words):
    with pytest.raises(genius.GeniusError, match=words):
        TrainingSettings(**settings).check()


@pytest.mark.parametrize("given", ["partition=a", ["partition=a"], ("partition=a",)])
def test_python_takes_one_text_or_several(given):
    assert by_path({"slurm": given}) == {"training.slurm": ("partition=a",)}
