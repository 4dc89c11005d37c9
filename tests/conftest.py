"""What several tests share."""

import faulthandler
import gc
import json
import os
import signal
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import hypothesis
import pytest

# how long examples take depends on the load of the machine
hypothesis.settings.register_profile("any load", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("any load")
os.environ["LANGGRAPH_STRICT_MSGPACK"] = "true"  # read when LangGraph is imported
os.environ["LANGSMITH_TRACING"] = "false"
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in the background of a script: processes inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--within", type=float, metavar="SECONDS", help="end the run with a failure after so long")


def pytest_configure(config: pytest.Config) -> None:
    """Watch over a run whose tests run in processes of their own; those are configured, too, and are left alone."""
    gc.set_threshold(50_000, 20, 100)  # the tests leave little garbage, and much of the packages stays
    if hasattr(config, "workerinput"):
        return
    if seconds := config.getoption("within"):
        faulthandler.dump_traceback_later(seconds, exit=True, file=os.dup(2))
    if config.getoption("dist", "no") != "no":
        config.pluginmanager.register(Processes())


def pytest_collection_finish() -> None:
    """Spare the collector the modules of all tests, and of all that they import."""
    gc.freeze()


@pytest.hookimpl(optionalhook=True)  # of pytest-xdist
def pytest_xdist_auto_num_workers() -> int:
    """Use a process more than there are cores: many tests wait for processes of their own, or for a deadline."""
    return (os.cpu_count() or 1) + 1


class Processes:
    """Has a run fail when one of its processes dies: pytest-xdist by itself lets some deaths pass."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.died: dict[str, str] = {}

    def pytest_testnodeready(self, node: Any) -> None:
        self.nodes.append(node)

    def pytest_testnodedown(self, node: Any, error: object) -> None:
        if error:
            self.died[node.gateway.id] = str(error)

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None]:
        yield  # by then all of them have ended, or were killed since they did not
        for node in self.nodes:
            if (code := node.gateway._io.wait()) not in (0, -signal.SIGKILL):
                self.died.setdefault(node.gateway.id, f"it ended with code {code}")
        if self.died:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for name, why in self.died.items():
            terminalreporter.write_line(f"the process {name} died, and not all tests may have run: {why}", red=True)


@dataclass(frozen=True)
class Answer:
    """How the server treats one call: `status` and `body` after `delay` seconds, or half of it and no more.

    With `drip` the body comes a byte at a time, each after so many seconds.
    """

    body: str | bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    cut_off: bool = False
    drip: float = 0.0


def says(
    text: str | None,
    *,
    finish: str = "stop",
    tokens: tuple[int, int] = (100, 20),
    delay: float = 0.0,
    drip: float = 0.0,
    **message: object,
) -> Answer:
    """Answer as a chat model does; `tokens` are those of the prompt and of the reply."""
    usage = {"prompt_tokens": tokens[0], "completion_tokens": tokens[1], "total_tokens": sum(tokens)}
    message = {"role": "assistant", "content": text, **message}
    completion = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "m-2025",
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": usage,
    }
    return Answer(json.dumps(completion), delay=delay, drip=drip)


def fails(
    status: int,
    message: str,
    *,
    code: str | None = None,
    param: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Answer with an error in OpenAI's form."""
    error = {"message": message, "type": "error", "param": param, "code": code}
    return Answer(json.dumps({"error": error}), status, headers or {})


class OpenAIServer:
    """An OpenAI-compatible server on loopback: first it goes through `script`, then `answer` answers.

    `calls` holds the body of every request in the order they came, `headers` their headers, `paths` their paths.
    """

    says = staticmethod(says)
    fails = staticmethod(fails)
    Answer = Answer

    def __init__(self) -> None:
        self.script: list[Answer] = []
        self.answer: Callable[[dict[str, Any]], Answer] = lambda call: fails(400, "nothing is left to say")
        self.calls: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.closing = threading.Event()
        self._lock = threading.Lock()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._http.server_port}/v1"
        threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True).start()

    def take(self, path: str, call: dict[str, Any], headers: dict[str, str]) -> Answer:
        """Note a request and choose its answer."""
        with self._lock:
            self.paths.append(path)
            self.calls.append(call)
            self.headers.append(headers)
            return self.script.pop(0) if self.script else self.answer(call)

    def close(self) -> None:
        """Stop at once, whoever still waits."""
        self.closing.set()
        self._http.shutdown()
        self._http.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                call = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                answer = server.take(self.path, call, {name.lower(): value for name, value in self.headers.items()})
                server.closing.wait(answer.delay)
                try:
                    self._send(answer)
                except OSError:  # the client went away
                    self.close_connection = True

            def _send(self, answer: Answer) -> None:
                content = answer.body if isinstance(answer.body, bytes) else answer.body.encode()
                self.send_response(answer.status)
                for name, value in {"Content-Type": "application/json", **answer.headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                content = content[: len(content) // 2] if answer.cut_off else content
                for at in range(len(content)) if answer.drip else ():
                    self.wfile.write(content[at : at + 1])
                    if server.closing.wait(answer.drip):
                        break
                else:
                    self.wfile.write(b"" if answer.drip else content)
                self.close_connection = self.close_connection or answer.cut_off

            def log_message(self, format: str, *args: object) -> None: ...

        return Handler


@pytest.fixture
def openai_server() -> Iterator[OpenAIServer]:
    """Give a server that speaks as OpenAI's does, without a script."""
    server = OpenAIServer()
    yield server
    server.close()


@pytest.fixture(scope="module")
def openai_server_of_module() -> Iterator[OpenAIServer]:
    """Give a server for what several tests of a module start from."""
    server = OpenAIServer()
    yield server
    server.close()


@pytest.fixture(autouse=True, scope="session")
def _certificates_once() -> Iterator[None]:
    """Read the certificates once in a session, not twice for each client: no server here speaks TLS."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssl, "create_default_context", cache(ssl.create_default_context))
        yield


@pytest.fixture(autouse=True)
def _own_state(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the key that seals runs among the files of the tests."""
    monkeypatch.setenv("GENIUS_STATE", str(tmp_path_factory.getbasetemp() / "state"))


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave no test the keys and the choice of model of whoever runs it."""
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_API_BASE", "ANTHROPIC_API_KEY", "GENIUS_LLM"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def tables():
    """Return the folder of the published tables."""
    folder = Path(__file__).parents[2] / "shared" / "data" / "tables"
    if not folder.is_dir():
        pytest.skip(f"the published tables are not in {folder}")
    return folder


@pytest.fixture
def command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs `genius` with its words in this process, and in the folder of the test or another.

    A process of its own takes longer to begin than most commands do. The other keywords are environment variables.
    """

    def run(*words: object, folder: Path = tmp_path, **environment: str) -> subprocess.CompletedProcess[str]:
        from genius.cli import main

        with monkeypatch.context() as patch:
            patch.chdir(folder)
            patch.setattr(sys, "argv", ["genius", *map(str, words)])
            for name, value in environment.items():
                patch.setenv(name, value)
            with pytest.raises(SystemExit) as end:
                main()
        return subprocess.CompletedProcess(words, int(end.value.code or 0), *capsys.readouterr())

    return run


@pytest.fixture
def genius(
    command_line: Callable[..., subprocess.CompletedProcess[str]],
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs `genius` with its words, which succeeds, or with `ok=False` fails by a sentence."""

    def run(*words: object, ok: bool = True) -> subprocess.CompletedProcess[str]:
        done = command_line(*words)
        assert "Traceback" not in done.stderr, done.stderr
        assert (done.returncode == 0) == ok, done.stderr
        return done

    return run


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the trials of a bench made in a thread: a process of its own takes longer to begin than a small bench."""
    monkeypatch.setattr("genius.bench.plan.ProcessPoolExecutor", lambda *args, **options: ThreadPoolExecutor(1))
