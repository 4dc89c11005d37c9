"""Networks are measured: their latency, their memory, and numbers of one's own."""

import sys
from itertools import count
from pathlib import Path

import pytest
import torch
from genius.errors import GeniusError
from genius.evaluators.measures import FinishedJob, NetworkJob, sd_of
from genius.evaluators.on_network import RUNS, measure_finished, measure_network, time_network

sys.path.insert(0, str(Path(__file__).parent))
import measured


def job(*measures, architecture=(0, 0), **fields):
    return NetworkJob(
        folder=Path("nowhere"), space="measured:PLAIN", architecture=architecture, measures=measures, **fields
    )


def test_a_latency_is_the_time_that_a_network_takes():
    fast, slow, slower = (
        measure_network(measured.SLEEPING, job("latency", architecture=(at, 0), seconds=0.5)).value for at in range(3)
    )
    assert fast < 2.0 < slow < 100.0 < slower  # none is asleep for less than its 2 and its 100 ms


def test_a_latency_is_in_milliseconds_and_has_a_standard_deviation():
    ticks = count(step=2)
    network = torch.nn.Flatten()
    found = time_network(network, torch.zeros(1, 2), seconds=2.0, threads=1, clock=lambda: next(ticks) * 1e-3)
    assert found.value == pytest.approx(2.0)
    assert found.runs >= RUNS
    measurement = measure_network(measured.PLAIN, job("latency", seconds=0.2))
    assert measurement.sd == measurement.metrics[sd_of("latency")]
    assert measurement.value == measurement.metrics["latency"] > 0
    assert measurement.device == "CPU (1 thread)"
    assert measurement.seconds > 0


@pytest.mark.parametrize(("at", "width"), enumerate((1000, 2000, 4000)))
@pytest.mark.parametrize("batch", [1, 32])
def test_memory_on_a_cpu_is_that_of_weights_images_and_live_activations(at, width, batch):
    weights, images, hidden = 26 * width, 16 * batch, width * batch
    first = measure_network(measured.PLAIN, job("memory", architecture=(at, 0), batch=batch))
    again = measure_network(measured.PLAIN, job("memory", architecture=(at, 0), batch=batch))
    assert first.value == again.value == pytest.approx(4e-6 * (weights + images + 2 * hidden))
    assert first.sd is None


def test_memory_that_is_freed_meanwhile_does_not_count():
    from genius.evaluators.live_memory import counted_memory

    deep = torch.nn.Sequential(*[torch.nn.ReLU() for _ in range(50)])
    with torch.no_grad():
        assert counted_memory(deep, torch.zeros(1, 1000)) == pytest.approx(4e-6 * 3 * 1000)


def test_measures_of_one_s_own_are_told_of_the_network_in_evaluation_mode():
    found = measure_network(measured.PLAIN, job("measured:layers", "measured:images_seen", batch=7, seconds=0.2))
    assert found.value == found.metrics["layers"] == 4
    assert found.metrics["images_seen"] == 7
    assert found.metrics["layers sd"] == 0


@pytest.mark.parametrize(
    ("measure", "said"),
    [
        ("measured:not_a_number", "expected a finite number, got nan as not_a_number"),
        ("measured:raises", "RuntimeError: no meter is plugged in (measured.py:"),
    ],
)
def test_a_measure_that_fails_is_a_failure_with_its_reason(measure, said):
    found = measure_network(measured.PLAIN, job(measure))
    assert said in found.error
    assert (found.value, found.failure) == (None, "raised")


def test_a_network_that_cannot_be_built_is_a_failure_with_its_reason():
    found = measure_network(measured.FAILING, job("latency"))
    assert found.error == "[0, 0] cannot be built: ValueError: no such layer"


def test_a_network_is_built_for_the_data_set_that_is_named():
    from genius.spaces import get_space

    space = get_space("nas-bench-macro")
    told = NetworkJob(
        folder=Path(), space=space.name, architecture=(1,) * 8, measures=("memory",), classes=1000, size=64
    )
    here = NetworkJob(folder=Path(), space=space.name, architecture=(1,) * 8, measures=("memory",))
    assert measure_network(space, told).value > 2 * measure_network(space, here).value


def test_the_settings_of_torch_are_restored():
    before = torch.get_num_threads(), torch.backends.cudnn.benchmark, torch.is_grad_enabled()
    measure_network(measured.PLAIN, job("latency", threads=1, seconds=0.1))
    assert (torch.get_num_threads(), torch.backends.cudnn.benchmark, torch.is_grad_enabled()) == before


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_device_that_is_not_there_ends_the_search():
    with pytest.raises(GeniusError, match="device is cuda"):
        measure_network(measured.PLAIN, job("latency", device="cuda"))


def test_an_unknown_measure_ends_the_search():
    with pytest.raises(GeniusError, match="there is no measure 'warmth'"):
        measure_network(measured.PLAIN, job("warmth"))


def test_the_folder_of_a_finished_training_is_measured(tmp_path):
    (tmp_path / "weights.safetensors").write_bytes(b"")
    found = measure_finished(FinishedJob(folder=tmp_path / "m", measures=("measured:files",), trained=tmp_path))
    assert found.metrics == {"weight files": 1.0}


def test_onnxruntime_runs_the_network():
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    found = measure_network(measured.PLAIN, job("latency", runtime="onnx", seconds=0.2))
    assert found.error is None
    assert found.value > 0
