"""`genius mcp` over standard input and output, by the client of the package mcp."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

pytest.importorskip("mcp", reason="the package mcp is not installed: pip install 'genius-nas[mcp]'")
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

KEY = "sk-a-key-that-nobody-may-see"
TOOLS = {
    *("list_spaces", "describe_space", "cost", "predict", "list_runs", "read_result", "watch_search"),
    *("start_search", "resume_search", "answer", "stop_search", "hint"),
}
OWN = """\
import time
space = {"width": [1, 2, 4], "depth": [1, 2, 3]}
def train(config, trial):
    time.sleep(PAUSE)
    return 10.0 * config["width"] + config["depth"]
"""


class Assistant:
    """A client of a server; `errors` is the server's standard error."""

    def __init__(self, client, folder):
        self.client, self.folder = client, folder

    async def call(self, tool, **arguments):
        found = await self.client.call_tool(tool, arguments)
        said = "".join(part.text for part in found.content)
        assert KEY not in said
        assert not found.is_error, said
        assert json.loads(said) == found.structured_content
        return found.structured_content

    async def refused(self, tool, **arguments):
        found = await self.client.call_tool(tool, arguments)
        assert found.is_error
        said = found.content[0].text
        assert KEY not in said
        return said

    async def until(self, run, holds, seconds=60):
        for _ in range(int(seconds / 0.2)):
            if holds(watched := await self.call("watch_search", run=run)):
                return watched
            await asyncio.sleep(0.2)
        raise AssertionError(watched)


@contextlib.asynccontextmanager
async def serving(folder, *words, **environment):
    """Start a server in a folder, as an assistant does, and yield the assistant."""
    told = {name: os.environ[name] for name in ("PYTHONPATH", "OMP_NUM_THREADS") if name in os.environ}
    command = ["-P", "-m", "genius", "mcp", "--runs", str(folder / "runs"), *map(str, words)]
    server = StdioServerParameters(
        command=sys.executable, args=command, cwd=folder, env={**told, "OPENAI_API_KEY": KEY, **environment}
    )
    with (folder / "errors.txt").open("a") as errors:
        async with Client(stdio_client(server, errors)) as client:
            yield Assistant(client, folder)
    assert KEY not in (folder / "errors.txt").read_text()


def processes(folder):
    """Return the processes whose current folder is this one."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.cwd() == str(folder):
                found.append(process)
    return [each for each in found if each.pid != os.getpid()]


def wait_for_none(folder, seconds=30):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not (left := processes(folder)):
            return
        time.sleep(0.2)
    raise AssertionError([each.cmdline() for each in left])


@pytest.fixture
def folder(tmp_path):
    """Return the folder of a server; afterwards no process of it is left."""
    yield tmp_path
    wait_for_none(tmp_path)


def own(folder, pause=0.0):
    (folder / "train.py").write_text(OWN.replace("PAUSE", str(pause)))
    return "train.py"


async def test_tools_have_types_and_descriptions(folder):
    async with serving(folder) as assistant:
        tools = {tool.name: tool for tool in (await assistant.client.list_tools()).tools}
    assert set(tools) == TOOLS
    for tool in tools.values():
        assert tool.description
        assert tool.input_schema["additionalProperties"] is False
        for name, argument in tool.input_schema["properties"].items():
            assert {"type", "anyOf", "enum", "items"} & set(argument), (tool.name, name)
    assert tools["predict"].annotations.read_only_hint
    assert not tools["start_search"].annotations.read_only_hint


async def test_spaces_and_costs(folder):
    async with serving(folder) as assistant:
        spaces = {each["name"]: each for each in (await assistant.call("list_spaces"))["spaces"]}
        assert spaces["digits"]["architectures"] == 19_683
        assert spaces["digits"]["objective"] == {"name": "accuracy", "unit": "%", "better": "higher"}
        told = await assistant.call("describe_space", space="digits", params=[None, "20K"])
        assert "within the limits:" in told["words"]
        assert len(told["decision_options"]) == 9
        asked = [[2] * 9, "[1, 1, 1, 1, 1, 1, 1, 1, 1]", [5], {"a": 1}]
        costs = await assistant.call("cost", space="digits", architectures=asked)
        assert costs["costs"][0] == {"architecture": [2] * 9, "flops": 5_965_440, "params": 334_522}
        assert costs["units"] == {"flops": "multiply-adds of one input", "params": "parameters"}
        assert costs["costs"][1]["params"] == 18_482
        assert all("no architecture" in each["error"] for each in costs["costs"][2:])


WRONG = [
    ("cost", {"space": "digits"}, "architectures"),
    ("cost", {"space": "digits", "architectures": [[0] * 9], "flop": 1}, "flop"),
    ("cost", {"space": "digits", "architectures": [[0] * 9] * 21}, "at most 20"),
    ("cost", {"space": "os:system", "architectures": [[0] * 9]}, "there is no space 'os:system' here"),
    ("describe_space", {"space": "train.py"}, "there is no space 'train.py' here"),
    ("describe_space", {"space": "../x\x1b[31m"}, "there is no space"),
    ("describe_space", {"space": "digits", "flops": ["1K", "much"]}, "much"),
    ("predict", {"run": "../elsewhere", "architectures": [[0]]}, "by its path below"),
    ("read_result", {"run": "/etc"}, "by its path below"),
    ("read_result", {"run": "nothing"}, "is not a run folder"),
    ("read_result", {"run": "link"}, "leads through a link"),
    ("read_result", {"run": ""}, "printable characters"),
    ("watch_search", {"run": "nothing"}, "is not a run folder"),
    ("stop_search", {"run": "nothing"}, "is not running in this server"),
    ("answer", {"run": "nothing", "answer": "yes"}, "is not running in this server"),
    ("hint", {"run": "nothing", "text": "x"}, "is not a run folder"),
    ("resume_search", {"run": "nothing"}, "is not a run folder"),
    ("start_search", {"space": "digits", "iterations": 0}, "iterations"),
    ("start_search", {"space": "digits", "proposer": "nobody"}, "nobody"),
    ("start_search", {"space": "digits", "proposer": "os:system"}, "--proposer"),
    ("start_search", {"space": "digits", "llm": "human"}, "no person sits at a terminal"),
    ("start_search", {"space": "digits", "llm": "replay:/etc/passwd"}, "--llm"),
    ("start_search", {"space": "digits", "llm": "replay:/etc/passwd", "proposer": "model"}, "--llm"),
    ("start_search", {"space": "digits", "settings": ["llm.models=replay:/etc/passwd"]}, "--llm"),
    ("start_search", {"space": "digits", "settings": ["llm.reflector_llm=replay:/etc/passwd"]}, "--reflector-llm"),
    ("start_search", {"space": "digits", "settings": ["loop.arms=os:system"], "llm": "local"}, "--arm"),
    ("start_search", {"space": "digits", "llm": "openai:m@http://127.0.0.1:9/v1"}, "--llm"),
    ("start_search", {"space": "digits", "settings": ["llm.base_url=http://127.0.0.1:9/v1"]}, "--base-url"),
    ("start_search", {"space": "digits", "settings": ["command=touch owned"]}, "no setting of a group"),
    ("start_search", {"space": "digits", "settings": ["evaluator=os:system"]}, "no setting of a group"),
    ("start_search", {"space": "digits", "settings": ["loop.prompts=/etc"]}, "--prompts"),
    ("start_search", {"space": "digits", "settings": ["training.on=os:system"]}, "--on"),
    ("start_search", {"space": "digits", "settings": ["training.data=os:system"]}, "--data"),
    ("start_search", {"space": "digits", "run": "a/../../b"}, "by its path below"),
    ("start_search", {"space": "digits", "objectives": ["os:system"], "proposer": "random"}, "one of the user's own"),
    ("start_search", {"space": "digits", "limits": {"os:system": [0, 1]}}, "one of the user's own"),
    ("start_search", {"space": "digits", "proposer": "random", "flops": [None, "1"]}, "digits"),
]


async def test_wrong_arguments_are_refused_in_a_sentence(folder):
    (folder / "runs").mkdir()
    (folder / "runs" / "link").symlink_to(folder)
    (folder / "os.py").write_text("open('owned', 'w')")
    own(folder)
    async with serving(folder) as assistant:
        for tool, arguments, words in WRONG:
            said = await assistant.refused(tool, **arguments)
            assert words in said, (tool, arguments, said)
            assert "\x1b" not in said
        assert (await assistant.call("list_runs"))["runs"] == []
    assert not (folder / "owned").exists()
    assert os.listdir(folder / "runs") == ["link"]


async def test_a_search_is_started_watched_stopped_resumed_and_read(folder):
    async with serving(folder, own(folder, 0.3)) as assistant:
        names = [each["name"] for each in (await assistant.call("list_spaces"))["spaces"]]
        assert "train.py" in names
        begun = await assistant.call(
            "start_search", space="train.py", proposer="random", iterations=9, run="first", seed=1
        )
        assert (begun["run"], begun["state"], begun["iterations_planned"]) == ("first", "running", 9)
        assert "already" in await assistant.refused("start_search", space="train.py", run="first")
        watched = await assistant.until("first", lambda each: each["iterations_made"] >= 2)
        assert watched["last_experiments"][-1]["values"]
        assert watched["units"]["spent.hours"] == "device-hours"
        stopped = await assistant.call("stop_search", run="first")
        assert stopped["state"] == "it was stopped"
        made = stopped["iterations_made"]
        assert 2 <= made < 9
        asked = [{"width": 4, "depth": 3}, {"width": 3}]
        told = await assistant.call("predict", run="first", architectures=asked)
        assert told["measurements"] == made
        assert told["forecasts"][0]["standard_deviation"] > 0
        assert "no architecture" in told["forecasts"][1]["error"]
        again = await assistant.call("resume_search", run="first", iterations=made + 1)
        assert again["iterations_planned"] in (9, made + 1)
        ended = await assistant.until("first", lambda each: each["state"] == "the search ended")
        assert (ended["finished"], ended["iterations_made"]) == (True, made + 1)
        result = await assistant.call("read_result", run="first", first=2, count=1)
        assert [each["iteration"] for each in result["iterations"]] == [2]
        assert result["best"]["value" if "value" in result["best"] else "accuracy"] > 10
        listed = (await assistant.call("list_runs"))["runs"]
        assert [(each["run"], each["finished"]) for each in listed] == [("first", True)]


async def test_a_pending_approval_is_seen_and_answered(folder, tables):
    words = ("--approve", "--downloads", tables, "--proposer", "random")
    async with serving(folder, *words) as assistant:
        begun = await assistant.call(
            "start_search",
            space="nas-bench-macro",
            iterations=2,
            run="a",
            approve=False,
            settings=["loop.approve=false"],
        )
        assert begun["run"] == "a"
        asks = lambda each: "question" in each  # noqa: E731
        first = await assistant.until("a", asks)
        assert first["state"] == "waits for an answer"
        assert first["question"]["architecture"]
        assert first["question"]["flops"] > 0
        wrong = await assistant.call("answer", run="a", answer="perhaps")
        assert "an answer is" in wrong["question"]["error"]
        refused = await assistant.call("answer", run="a", answer="no", reason="too small")
        assert refused["question"]["architecture"] != first["question"]["architecture"]
        second = await assistant.call("answer", run="a", answer="edit", architecture=[2] * 8)
        assert "error" not in second
        third = await assistant.until("a", asks)
        assert third["iterations_made"] == 1
        await assistant.call("answer", run="a", answer="yes")
        await assistant.until("a", lambda each: each["finished"])
        said = await assistant.refused("answer", run="a", answer="yes")
        assert "is not running" in said or "waits for no answer" in said
        result = await assistant.call("read_result", run="a")
        assert result["iterations"][0]["architecture"] == [2] * 8
        assert result["iterations"][0]["refusals"][0].endswith(": too small")


async def test_budgets_are_shared_and_cannot_be_lifted(folder, tables, openai_server):
    reply = openai_server.says("Architecture: [0, 1, 2, 0, 1, 2, 0, 1]", tokens=(900, 200))
    openai_server.answer = lambda call: reply
    words = ("--downloads", tables, "--llm", "openai:m", "--base-url", openai_server.url)
    words += ("--max-llm-tokens", 1_000, "--max-cost", 5, "--price", 1, 1)
    async with serving(folder, *words, "--proposer", "model") as assistant:
        said = await assistant.refused("start_search", space="nas-bench-macro", settings=["llm.price=0 0"])
        assert "--price" in said
        begun = {"space": "nas-bench-macro", "iterations": 3, "run": "a", "settings": ["loop.max_llm_tokens=1000000"]}
        await assistant.call("start_search", **begun)
        ended = await assistant.until("a", lambda each: each["state"] == "the search ended")
        assert "the budget of 1,000 tokens is spent" in ended["stopped_early"]
        assert ended["spent"]["tokens"] == 1_100
        said = await assistant.refused("start_search", space="nas-bench-macro", run="b")
        assert "have used its budget, --max-llm-tokens 1000" in said
        said = await assistant.refused("resume_search", run="a", settings=["loop.max_llm_tokens=1000000"])
        assert "have used its budget" in said
        free = await assistant.call("start_search", space="nas-bench-macro", proposer="random", run="c", iterations=1)
        assert free["proposer"] == "random"
        await assistant.until("c", lambda each: each["finished"])
    assert len(openai_server.calls) == 1


async def test_a_hint_reaches_the_model(folder, tables, openai_server):
    reply = openai_server.says("Architecture: [0, 1, 2, 0, 1, 2, 0, 1]", delay=1.0)
    later = openai_server.says("Architecture: [1, 1, 2, 0, 1, 2, 0, 1]")
    openai_server.answer = lambda call: later if "wider is better" in json.dumps(call) else reply
    words = ("--downloads", tables, "--llm", "openai:m", "--base-url", openai_server.url, "--proposer", "model")
    async with serving(folder, *words) as assistant:
        await assistant.call("start_search", space="nas-bench-macro", iterations=2, run="a")
        assert (await assistant.call("hint", run="a", text="wider is better"))["told"] == "wider is better"
        assert "plain text" in await assistant.refused("hint", run="a", text="\x1b[31m")
        await assistant.until("a", lambda each: each["finished"])
        result = await assistant.call("read_result", run="a")
        assert [1, 1, 2, 0, 1, 2, 0, 1] in [each["architecture"] for each in result["iterations"]]
        assert result["notes"]["hints"] == ["wider is better"]


async def test_nothing_that_a_run_folder_names_is_imported(folder):
    search = ("search", own(folder), "--proposer", "random", "--iterations", "2", "--run", "runs/own")
    command = [sys.executable, "-m", "genius", *search]
    done = await asyncio.to_thread(subprocess.run, command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (folder / "train.py").write_text("open('owned', 'w')\n" + OWN)
    async with serving(folder) as assistant:
        for tool, more in (("resume_search", {"iterations": 3}), ("predict", {"architectures": [[0, 0]]})):
            said = await assistant.refused(tool, run="own", **more)
            assert "an assistant uses no more than its server was started with" in said
        assert (await assistant.call("read_result", run="own"))["finished"]
    assert not (folder / "owned").exists()


async def test_no_module_of_the_folder_takes_the_place_of_a_library(folder, tables):
    for name in ("json", "typer", "asyncio", "numpy", "genius"):
        (folder / f"{name}.py").write_text("open('owned', 'w')")
    async with serving(folder, "--downloads", tables) as assistant:
        await assistant.call("start_search", space="nas-bench-macro", proposer="random", iterations=1, run="a")
        await assistant.until("a", lambda each: each["finished"])
    assert not (folder / "owned").exists()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
async def test_a_server_that_is_killed_leaves_no_process(folder, number):
    with contextlib.suppress(Exception):
        async with serving(folder, own(folder, 60)) as assistant:
            await assistant.call("start_search", space="train.py", proposer="random", run="a")
            await assistant.until("a", lambda each: each["now"] and each["now"][-1]["stage"] == "training")
            servers = [each for each in processes(folder) if "mcp" in each.cmdline()]
            assert len(processes(folder)) >= 2
            servers[0].send_signal(number)
            await asyncio.to_thread(wait_for_none, folder)
            (folder / "none-left").touch()
    assert (folder / "none-left").exists()


async def test_a_search_ends_with_the_server_unless_it_is_to_go_on(folder):
    async with serving(folder, own(folder, 0.5)) as assistant:
        for run, keeps in (("ends", False), ("goes-on", True)):
            begun = {"space": "train.py", "proposer": "random", "iterations": 6, "keep_running": keeps}
            assert (await assistant.call("start_search", **begun, run=run))["keeps_running"] is keeps
    await asyncio.to_thread(wait_for_none, folder)

    def made(run):
        return len((folder / "runs" / run / "candidates.jsonl").read_text().splitlines())

    assert made("goes-on") == 6
    assert made("ends") < 6
    async with serving(folder, "train.py") as assistant:
        assert (await assistant.call("watch_search", run="goes-on"))["state"] == "no process of this server"
        await assistant.call("resume_search", run="ends")
        await assistant.until("ends", lambda each: each["finished"])


def test_without_the_package_the_extra_is_named(command_line, monkeypatch):
    monkeypatch.setitem(sys.modules, "mcp.server", None)
    done = command_line("mcp")
    assert (done.returncode, done.stdout) == (2, "")
    assert "genius-nas[mcp]" in done.stderr


def test_the_folder_of_a_server_need_not_exist(tmp_path):
    from genius.assistant.run_folders import RunFolders

    assert RunFolders(Path(tmp_path / "none")).all() == []
