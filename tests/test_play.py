"""The example server by which a person or a program plays the language model of a search."""

import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import genius
import pytest

SERVER = Path(__file__).parents[1] / "examples" / "play_model.py"


@pytest.fixture
def served(tmp_path):
    """Serve a folder; returns it with the address."""
    folder = tmp_path / "play"
    running = subprocess.Popen(
        [sys.executable, SERVER, str(folder), "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    url = running.stdout.readline().split()[0]
    yield folder, url
    running.terminate()
    assert "Traceback" not in running.communicate(timeout=20)[1]


def ask(url, path="/chat/completions", headers=None, **body):
    content = json.dumps({"model": "m", "messages": [{"role": "user", "content": "?"}]} | body).encode()
    request = urllib.request.Request(url + path, content, {"Content-Type": "application/json", **(headers or {})})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def wait_for(path):
    deadline = time.monotonic() + 60
    while not path.is_file() and time.monotonic() < deadline:
        time.sleep(0.02)
    return path.read_text()


def played(folder, url, reply, number="001", **body):
    """Ask a request and reply to it; returns the message."""
    threading.Thread(target=lambda: (wait_for(folder / f"{number}.txt"), write(folder, number, reply))).start()
    status, answer = ask(url, **body)
    assert status == 200
    return answer["choices"][0]["message"] | {"finish": answer["choices"][0]["finish_reason"]}


def write(folder, number, reply):
    (folder / f"{number}.reply.txt").write_text(reply)


async def test_a_search_is_played_by_files(served, tables, tmp_path):
    folder, url = served
    said = [[2] * 8, [2, 2, 2, 2, 2, 2, 2, 1], [2, 2, 2, 2, 2, 2, 1, 2]]

    def play():
        for number, architecture in enumerate(said, start=1):
            wait_for(folder / f"{number:03d}.txt")
            write(folder, f"{number:03d}", json.dumps({"rationale": "I think so.", "architecture": architecture}))

    player = threading.Thread(target=play)
    player.start()
    result = await genius.search(
        "nas-bench-macro",
        llm="openai:player",
        proposer="model",
        base_url=url,
        iterations=3,
        downloads=tables,
        run=tmp_path / "run",
    )
    player.join()
    assert [list(c.architecture) for c in result.trials[0].candidates] == said
    assert result.trials[0].candidates[0].rationale == "I think so."
    assert json.loads((folder / "001.json").read_text())["model"] == "player"


def test_clients_are_answered_each_by_its_own_reply(served):
    folder, url = served
    answers = {}
    clients = [
        threading.Thread(
            target=lambda at=at: answers.update({at: ask(url, messages=[{"role": "user", "content": at}])})
        )
        for at in ("one", "two", "three")
    ]
    for client in clients:
        client.start()
    for number in ("003", "001", "002"):
        asked = re.search(r"one|two|three", wait_for(folder / f"{number}.txt"))[0]
        write(folder, number, f"to {asked}")
    for client in clients:
        client.join()
    assert {at: answer["choices"][0]["message"]["content"] for at, (_, answer) in answers.items()} == {
        at: f"to {at}" for at in ("one", "two", "three")
    }


def test_tools_are_told_and_called(served):
    folder, url = served
    tools = [{"type": "function", "function": {"name": name, "parameters": {}}} for name in ("cost", "predict")]
    message = played(folder, url, 'call cost {"architectures": [[1]]}\ncall predict\n', tools=tools)
    assert [(call["function"]["name"], call["function"]["arguments"]) for call in message["tool_calls"]] == [
        ("cost", '{"architectures": [[1]]}'),
        ("predict", "{}"),
    ]
    assert message["finish"] == "tool_calls"
    assert "call NAME" in (folder / "001.txt").read_text()
    results = [{"role": "assistant", "content": None, "tool_calls": message["tool_calls"]}]
    results += [{"role": "tool", "tool_call_id": "call_1", "content": "7 MFLOPs"}]
    assert (
        played(folder, url, "call me anything", "002", tools=tools, messages=results)["content"] == "call me anything"
    )
    shown = (folder / "002.txt").read_text()
    assert 'call cost {"architectures": [[1]]}' in shown
    assert "7 MFLOPs" in shown


@pytest.mark.parametrize("forced", [False, True])
def test_a_reply_that_is_no_json_is_sent_back_where_json_is_asked_for(served, forced):
    folder, url = served
    schema = {"type": "object", "properties": {"architecture": {}}}
    tool = {"type": "function", "function": {"name": "propose", "parameters": schema}}
    asked = {"response_format": {"type": "json_schema", "json_schema": {"name": "proposal", "schema": schema}}}
    if forced:
        asked = {"tools": [tool], "tool_choice": {"type": "function", "function": {"name": "propose"}}}

    def play():
        assert '"architecture"' in wait_for(folder / "001.txt")
        write(folder, "001", "I would take [1]")
        assert wait_for(folder / "001.problem.txt").startswith("the answer must be JSON alone")
        write(folder, "001", '{"architecture": [1]}')

    player = threading.Thread(target=play)
    player.start()
    _, answer = ask(url, **asked)
    player.join()
    message = answer["choices"][0]["message"]
    found = message["tool_calls"][0]["function"]["arguments"] if forced else message["content"]
    assert json.loads(found) == {"architecture": [1]}


def test_a_client_that_gave_up_gets_the_reply_when_it_asks_again(served):
    folder, url = served
    host, port = re.match(r"http://([\d.]+):(\d+)/", url).groups()
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "?"}]})
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection((host, int(port))) as client:
        client.sendall((head + body).encode())
        wait_for(folder / "001.txt")
    time.sleep(1)
    write(folder, "001", "late")
    assert ask(url)[1]["choices"][0]["message"]["content"] == "late"
    assert not (folder / "002.txt").exists()


def test_numbers_go_on_after_those_of_an_earlier_server(served):
    folder, url = served
    assert played(folder, url, "one")["content"] == "one"
    assert played(folder, url, "two", "002")["content"] == "two"


@pytest.mark.skipif(not hasattr(os, "O_NOFOLLOW"), reason="links are not refused here")
def test_a_link_is_no_reply_and_nothing_is_written_through_one(served, tmp_path):
    folder, url = served
    secret, target = tmp_path / "secret", tmp_path / "target"
    secret.write_text("a key")
    target.write_text("mine")
    (folder / "001.txt").symlink_to(target)
    done = threading.Thread(target=lambda: played_answers.append(ask(url)[1]))
    played_answers = []
    done.start()
    wait_for(folder / "001.json")
    (folder / "001.reply.txt").symlink_to(secret)
    time.sleep(1)
    assert not played_answers
    (folder / "001.reply.txt").unlink()
    write(folder, "001", "mine")
    done.join()
    assert played_answers[0]["choices"][0]["message"]["content"] == "mine"
    assert target.read_text() == "mine"


def test_terminal_codes_in_a_prompt_are_shown_and_not_sent(served):
    folder, url = served
    played(folder, url, "so", messages=[{"role": "user", "content": "a\x1b[2Jb\x9b\ud800"}])
    shown = (folder / "001.txt").read_text()
    assert "\x1b" not in shown
    assert "\x9b" not in shown
    assert "a\\x1b[2Jb" in shown


@pytest.mark.parametrize(
    ("asked", "status", "said"),
    [
        ({"stream": True}, 400, "does not stream"),
        ({"messages": "hello"}, 400, "a list of messages"),
        ({"messages": [{"role": "user", "tool_calls": 3}]}, 400, "does not keep the protocol"),
        ({"path": "/../../etc/passwd"}, 404, "this server has"),
        ({"headers": {"Origin": "http://evil.example"}}, 404, "this server has"),
        ({"headers": {"Host": "evil.example:80"}}, 404, "this server has"),
    ],
)
def test_what_is_no_request_gets_a_sentence_and_no_file(served, asked, status, said):
    folder, url = served
    code, answer = ask(url, **asked)
    assert code == status
    assert said in answer["error"]["message"]
    assert not list(folder.iterdir())


def test_models_are_listed(served):
    with urllib.request.urlopen(served[1] + "/models", timeout=20) as answer:
        assert json.load(answer)["data"][0]["id"] == "player"
