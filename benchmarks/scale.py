"""What a search costs as it grows, and what many searches cost in one process: prints a table.

    python benchmarks/scale.py                 all rows, about five minutes on two free cores
    python benchmarks/scale.py --iterations 2000 --searches 20

Times are CPU seconds of the process that searches, so that other work on the machine counts for little. The language
model is a stand-in on the loopback interface, in a process of its own, that answers after a second.
"""

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory

import genius

SPACE = "mobile-imagenet"
_FILES = ("checkpoints.sqlite", "calls.jsonl", "candidates.jsonl", "trace.jsonl")


async def evaluate(architecture: genius.Architecture) -> float:
    """Measure nothing: the more of everything, the better."""
    return 60.0 + float(sum(architecture)) / 10


def memory() -> float:
    """Return how much memory this process holds, in MB."""
    for line in Path("/proc/self/status").read_text().splitlines():  # as Linux has it
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return float("nan")


class Meter:
    """Notes the CPU seconds and the memory at the end of each iteration."""

    def __init__(self) -> None:
        self.marks: dict[int, tuple[float, float]] = {}

    def __call__(self, progress: genius.Progress) -> None:
        if progress.stage == "finished":
            at = progress.candidate.iteration
            self.marks[at] = (time.process_time(), memory() if at % 100 == 0 else 0.0)

    def milliseconds(self, at: int, of: int = 90) -> float:
        """Return the CPU milliseconds of an iteration, the mean of those before `at`."""
        first = max(min(self.marks), at - of)
        return (self.marks[at][0] - self.marks[first][0]) / (at - first) * 1e3


def long_search(folder: Path, iterations: int, *, trace: bool) -> Meter:
    """Search at random, without training."""
    meter = Meter()
    options = {"proposer": "random", "evaluator": evaluate, "run": folder, "trace": trace, "progress": meter}
    asyncio.run(genius.search(SPACE, iterations=iterations, **options))
    return meter


def one_search(folder: Path, iterations: int) -> None:
    """Print what a long search costs: an iteration early and late, its files, its memory, showing it, going on."""
    meter = long_search(folder / "plain", iterations, trace=False)
    places = [at for at in (100, 1_000, 2_000, 7_000, 10_000) if at < iterations] + [iterations]
    times = ", ".join(f"{meter.milliseconds(at):.2f} at {at:,}" for at in places)
    row("CPU of an iteration, ms", f"{times}; ratio {meter.milliseconds(iterations) / meter.milliseconds(100):.2f}")
    first, last = meter.marks[100][1], meter.marks[iterations - iterations % 100][1]
    row("memory, MB", f"{first:.0f} at 100, {last:.0f} at {iterations:,}; ratio {last / first:.2f}")
    long_search(folder / "traced", min(iterations, 500), trace=True)
    row("bytes an iteration", ", ".join(_sizes(folder, iterations)))
    seconds, printed = timed([sys.executable, "-m", "genius", "show", str(folder / "plain")])
    row("genius show", f"{seconds:.2f} s, {printed.count(chr(10))} lines")
    code = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import scale; "
    code += f"scale.go_on(scale.Path({str(folder / 'plain')!r}), {iterations + 1})"
    seconds, printed = timed([sys.executable, "-c", code])
    row("resume, to the first new iteration", f"{seconds:.2f} s, of which {printed.strip()} s to import")


def _sizes(folder: Path, iterations: int) -> Iterator[str]:
    for file in _FILES:
        run, made = ("traced", min(iterations, 500)) if file == "trace.jsonl" else ("plain", iterations)
        yield f"{file} {(folder / run / file).stat().st_size / made:,.0f}"


def go_on(folder: Path, iterations: int) -> None:
    """Make one more iteration of a search, and print how long it took until then."""
    from genius.graph.search import resume

    print(f"{time.process_time():.2f}")
    asyncio.run(resume(folder, iterations=iterations, evaluator=evaluate))


def timed(command: list[str]) -> tuple[float, str]:
    """Return the CPU seconds of a command, and what it prints."""
    before = os.times()
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    after = os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return used, printed


async def many(folder: Path, count: int, url: str) -> tuple[float, float, float, int]:
    """Make searches at once; returns wall and CPU seconds, the longest lag of the loop, and how many were right."""
    lags = [0.0]
    watching = asyncio.create_task(_watch(lags))
    wall, cpu = time.monotonic(), time.process_time()
    options = {"llm": "openai:stand-in", "base_url": url, "evaluator": evaluate, "iterations": 10}
    searches = (genius.search(SPACE, run=folder / str(number), seed=number, **options) for number in range(count))
    results = await asyncio.gather(*searches, return_exceptions=True)
    watching.cancel()
    right = 0
    for result in results:
        if isinstance(result, BaseException):
            print(f"    {type(result).__name__}: {result}"[:300])
            continue
        right += len(result.trials[0].candidates) == 10 and all(c.accuracy for c in result.trials[0].candidates)
    return time.monotonic() - wall, time.process_time() - cpu, max(lags), right


async def _watch(lags: list[float]) -> None:
    while True:
        before = time.monotonic()
        await asyncio.sleep(0.01)
        lags.append(time.monotonic() - before - 0.01)


class Model(BaseHTTPRequestHandler):
    """Speaks OpenAI's protocol: answers with a random architecture after a while, or, now and then, with a fault."""

    protocol_version = "HTTP/1.1"
    wait, faults = 1.0, 0.0

    def do_POST(self) -> None:
        """Answer a call."""
        self.rfile.read(int(self.headers["Content-Length"]))
        time.sleep(self.wait)
        numbers = [random.randrange(7) for _ in range(30)]
        answer = _completion(f"Some of each.\nArchitecture: {numbers}")
        if random.random() < self.faults:
            random.choice(_FAULTS)(self, answer)
        else:
            self.answer(200, answer)

    def answer(self, status: int, body: bytes, told: int | None = None) -> None:
        """Send an answer, or less of it than was told."""
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body) if told is None else told))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""


def _completion(text: str) -> bytes:
    usage = {"prompt_tokens": 1000, "completion_tokens": 50, "total_tokens": 1050}
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
    answer = {"id": "1", "object": "chat.completion", "created": 0, "model": "stand-in", "usage": usage}
    return json.dumps(answer | {"choices": [choice]}).encode()


def _refuses(status: int) -> bytes:
    return json.dumps({"error": {"message": f"error {status}", "type": "server_error"}}).encode()


def _hangs_up(model: Model, answer: bytes) -> None:
    model.close_connection = True
    model.connection.close()


def _is_cut_off(model: Model, answer: bytes) -> None:
    model.answer(200, answer[: len(answer) // 2], told=len(answer))
    _hangs_up(model, answer)


_FAULTS = [
    lambda model, answer: model.answer(500, _refuses(500)),
    lambda model, answer: model.answer(503, b"<html>overloaded</html>"),
    lambda model, answer: model.answer(429, _refuses(429)),
    lambda model, answer: model.answer(200, b""),
    lambda model, answer: model.answer(200, b"<html>a proxy's page</html>"),
    lambda model, answer: model.answer(200, answer[: len(answer) // 2]),
    lambda model, answer: model.answer(200, json.dumps({**json.loads(answer), "choices": []}).encode()),
    lambda model, answer: model.answer(200, json.dumps({**json.loads(answer), "choices": None}).encode()),
    lambda model, answer: model.answer(200, json.dumps({"error": {"message": "overloaded", "code": 502}}).encode()),
    _hangs_up,
    _is_cut_off,
]


def serve(wait: float, faults: float) -> None:
    """Serve the model until the input ends; prints its address."""
    Model.wait, Model.faults = wait, faults
    server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
    server.daemon_threads = True
    server.request_queue_size = 256
    print(f"http://127.0.0.1:{server.server_port}/v1", flush=True)
    from threading import Thread

    Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()


@contextmanager
def model(wait: float, faults: float = 0.0) -> Iterator[str]:
    """Run the model in a process of its own; gives its address."""
    command = [sys.executable, __file__, "--serve", str(wait), str(faults)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.stdin.close()


def row(what: str, found: str) -> None:
    """Print a row of the table."""
    print(f"{what:<36} {found}", flush=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--iterations", type=int, default=10_000)
    parser.add_argument("--searches", type=int, default=100)
    parser.add_argument("--faulty", type=int, default=20)
    parser.add_argument("--serve", type=float, nargs=2, metavar=("WAIT", "FAULTS"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve:
        serve(*asked.serve)
        return
    os.environ["OPENAI_API_KEY"] = "none-needed-here"
    with TemporaryDirectory() as folder:
        if asked.iterations:
            one_search(Path(folder), asked.iterations)
        if asked.searches:
            with model(1.0) as url:
                wall, cpu, lag, right = asyncio.run(many(Path(folder) / "many", asked.searches, url))
            row(
                f"{asked.searches} searches at once",
                f"{cpu:.1f} s of CPU, lag {lag:.2f} s, {wall:.1f} s, {right} right",
            )
        if asked.faulty:
            with model(0.05, faults=0.3) as url:
                wall, cpu, lag, right = asyncio.run(many(Path(folder) / "faulty", asked.faulty, url))
            row(f"{asked.faulty} searches, 30% faults", f"{right} end with the right result, in {wall:.1f} s")


if __name__ == "__main__":
    main()
