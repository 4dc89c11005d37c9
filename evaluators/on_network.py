"""Measures an untrained network, in a worker: its latency, its memory, or numbers of one's own. Imports torch."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from time import perf_counter

import torch
from torch import Tensor, nn

from ..errors import GeniusError
from ..printable import reason
from ..record.files import write_atomically
from ..record.measurement import Failure, Measurement
from ..record.plain import BadValue, number
from ..spaces import get_space
from ..spaces.cost import blank_inputs
from ..spaces.objective import MEMORY
from ..spaces.space import BadArchitecture, SearchSpace
from ..training.backend import checked_device, device_name
from ..training.disk import told_when_full
from ..training.export import import_onnx
from ..training.machine import is_out_of_memory
from .live_memory import allocated_memory, counted_memory
from .measures import FinishedJob, Measure, NetworkJob, Runtime, find_measures, sd_of
from .steady_median import Clock, Median, median_of, steady_median

RUNS = 30
"""How often a latency is measured at least, unless the time is up."""

_CALLS = 3  # of a function of one's own, at least
_MILLISECOND = 1e-3

Runs = Callable[[], float]
"""Runs a network once; returns the milliseconds that it took."""


def do_network_job(job: NetworkJob) -> Measurement:
    """Measure a network as its job says, and write the answer into the job's folder.

    Raises: GeniusError for measures or a device that are not there; DiskFull.
    """
    with told_when_full(job.folder):
        measurement = measure_network(get_space(job.space), job)
        write_atomically(job.files.answer, json.dumps(asdict(measurement)))
    return measurement


def do_finished_job(job: FinishedJob) -> Measurement:
    """Measure the folder of a finished training, and write the answer into the job's folder.

    Raises: GeniusError for measures that are not there; DiskFull.
    """
    with told_when_full(job.folder):
        measurement = measure_finished(job)
        write_atomically(job.files.answer, json.dumps(asdict(measurement)))
    return measurement


def measure_network(space: SearchSpace, job: NetworkJob) -> Measurement:
    """Measure a network of a space: each measure is a metric, with the standard deviation of its error behind its name.

    The value is that of the first. A network that cannot be built, run or held is a failure with its reason.
    Raises: GeniusError for measures or a device that are not there.
    """
    measures, device = find_measures(job.measures).values(), checked_device(job.device)

    def measured() -> dict[str, Median]:
        network, images = _built(space, job, device)
        return {measure.name: _of_network(measure, network, images, job) for measure in measures}

    with _set_for(job.threads):
        return _outcome(measured, device_name(device, job.threads))


def measure_finished(job: FinishedJob) -> Measurement:
    """Measure the folder of a finished training, as `measure_network` does; a function that fails is a failure.

    Raises: GeniusError for measures that are not there.
    """
    measures = find_measures(job.measures).values()
    return _outcome(lambda: {measure.name: median_of([_told(measure, job.trained)]) for measure in measures}, "")


def _outcome(measure: Callable[[], Mapping[str, Median]], device: str) -> Measurement:
    """Return the medians by name as a measurement; an exception is the architecture's failure.

    Raises: GeniusError, but for an architecture that cannot be built.
    """
    begun = perf_counter()
    try:
        found = measure()
    except Exception as error:
        if isinstance(error, GeniusError) and not isinstance(error, BadArchitecture):
            raise
        words = str(error) if isinstance(error, BadArchitecture | BadValue) else reason(error)
        memory = is_out_of_memory(error)
        failure: Failure = "out of memory" if memory else "raised"
        return Measurement(seconds=perf_counter() - begun, error=words, failure=failure, device=device)
    metrics = {name: median.value for name, median in found.items()}
    metrics |= {sd_of(name): median.sd for name, median in found.items() if median.runs > 1}
    first, seconds = next(iter(found.values())), perf_counter() - begun
    sd = first.sd if first.runs > 1 else None
    return Measurement(first.value, seconds=seconds, sd=sd, metrics=metrics, device=device)


@contextmanager
def _set_for(threads: int) -> Iterator[None]:
    """Have PyTorch run networks on so many threads, without gradients; the settings are restored."""
    before, benchmark = torch.get_num_threads(), torch.backends.cudnn.benchmark
    torch.set_num_threads(threads)
    torch.backends.cudnn.benchmark = True
    try:
        with torch.no_grad():
            yield
    finally:
        torch.set_num_threads(before)
        torch.backends.cudnn.benchmark = benchmark


def _built(space: SearchSpace, job: NetworkJob, device: torch.device) -> tuple[nn.Module, Tensor]:
    """Build the network of a job in evaluation mode, and a batch of images of zeros, or of texts.

    Raises: CannotBuild.
    """
    shape, text = space.shape_of(job.architecture), space.context is not None
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(job.seed)
        if job.classes is None:
            network = space.network(job.architecture)
        else:
            size, channels = job.size or shape[-1], job.channels or shape[0]
            network = space.build_for(job.architecture, job.classes, size, channels)
            shape = shape if text else (channels, size, size)
    return network.eval().to(device), blank_inputs(shape, job.batch, text=text).to(device)


def _of_network(measure: Measure, network: nn.Module, images: Tensor, job: NetworkJob) -> Median:
    if measure.objective == MEMORY and measure.function is None:
        take = allocated_memory if images.is_cuda else counted_memory
        return median_of([take(network, images)])
    if measure.function is None:
        return time_network(network, images, job.runtime, seconds=job.seconds, threads=job.threads)
    return steady_median(lambda: _told(measure, network, images), least=_CALLS, seconds=job.seconds)


def _told(measure: Measure, *arguments: object) -> float:
    """Call a function of one's own.

    Raises: BadValue where it returns no number; the function's own exceptions.
    """
    assert measure.function is not None
    return number(measure.name, measure.function(*arguments))


def time_network(
    network: nn.Module,
    images: Tensor,
    runtime: Runtime = "torch",
    *,
    seconds: float,
    threads: int,
    clock: Clock = perf_counter,
) -> Median:
    """Measure the median time of a batch of images, in milliseconds.

    Raises: GeniusError where the runtime is not installed.
    """
    run = _by_onnx(network, images, threads, clock) if runtime == "onnx" else _by_torch(network, images, clock)
    return steady_median(run, least=RUNS, seconds=seconds, clock=clock)


def _by_torch(network: nn.Module, images: Tensor, clock: Clock) -> Runs:
    if images.is_cuda:
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]

        def by_events() -> float:
            start.record()
            network(images)
            end.record()
            end.synchronize()
            return float(start.elapsed_time(end))

        return by_events
    return _timed(lambda: network(images), clock)


def _by_onnx(network: nn.Module, images: Tensor, threads: int, clock: Clock) -> Runs:
    """Export a network to ONNX, and run it by onnxruntime on the CPU."""
    import_onnx()
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    program = torch.onnx.export(network, (images,), dynamo=True, verbose=False)
    assert program is not None
    held = program.model_proto.SerializeToString()
    session = onnxruntime.InferenceSession(held, options, providers=["CPUExecutionProvider"])
    given = {session.get_inputs()[0].name: images.numpy()}
    return _timed(lambda: session.run(None, given), clock)


def _timed(run: Callable[[], object], clock: Clock) -> Runs:
    def once() -> float:
        begun = clock()
        run()
        return (clock() - begun) / _MILLISECOND

    return once
