"""A server that lets a person, or another program, play the language model of a search: it speaks OpenAI's protocol.

    python examples/play_model.py play --port 8765
    genius search nas-bench-macro --llm openai:player --base-url http://127.0.0.1:8765/v1 --timeout 86400

Each request becomes two files of the folder, `001.json` as it came and `001.txt` to read, and waits until somebody
writes `001.reply.txt`: the answer itself, or a line `call NAME {arguments}` for each call of a tool that is named.
`001.problem.txt` says why a reply cannot be used; another one is waited for. A client that gave up and asks the same
again gets the reply to its first request.
"""

import argparse
import json
import os
import re
import select
import socket
import stat
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

LOOK = 0.2  # seconds between two looks for a reply
MOST_BYTES = 16_000_000  # of a request, and of a reply
HOSTS = ("127.0.0.1", "localhost")
_CALL = re.compile(r"call\s+([\w.-]{1,64})\s*(\{.*\})?\s*")
_NUMBERED = re.compile(r"[0-9]{1,9}\.")
_CONTROLS = re.compile(r"[^\S\n\t ]|[\x00-\x08\x0e-\x1f\x7f-\x9f]")

Json = dict[str, Any]


class Unusable(ValueError):
    """A request, or a reply, that breaks a rule; the message says which."""


class Table:
    """The folder in which requests wait for their replies, each by a number of its own."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder = folder
        self._lock = threading.Lock()
        taken = [int(path.name.partition(".")[0]) for path in folder.glob("[0-9]*.*") if _NUMBERED.match(path.name)]
        self._last = max(taken, default=0)
        self._given_up: defaultdict[str, list[str]] = defaultdict(list)  # numbers by the digest of the request

    def lay(self, request: Json) -> str:
        """Write a request for whoever plays, and return its number; one that was given up is taken up again."""
        digest = _digest(request)
        with self._lock:
            if waiting := self._given_up[digest]:
                return waiting.pop(0)
            self._last += 1
            number = f"{self._last:03d}"
        self._write(f"{number}.json", json.dumps(request, indent=1, ensure_ascii=False))
        self._write(f"{number}.txt", readable(request))
        return number

    def give_up(self, number: str, request: Json) -> None:
        """Keep the number of a request whose client went away, for when it asks again."""
        with self._lock:
            self._given_up[_digest(request)].append(number)

    def replies(self, number: str) -> Iterator[str | None]:
        """Yield each new reply to a request once it is written to its end, and None at each look in between."""
        last = shown = None
        while True:
            found = self._read(f"{number}.reply.txt")
            whole = found is not None and found == last and found.strip() and found != shown
            last = found
            if whole:
                shown = found
            yield found if whole else None
            time.sleep(LOOK)

    def refuse(self, number: str, problem: str) -> None:
        """Tell the player why a reply cannot be used."""
        self._write(f"{number}.problem.txt", f"{problem}\n")

    def _write(self, name: str, text: str) -> None:
        """Write a file whole; a link in its place is replaced, not followed."""
        partial = self.folder / f".{name}.{os.getpid()}"
        partial.unlink(missing_ok=True)
        with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(text.encode(errors="backslashreplace"))
        partial.replace(self.folder / name)

    def _read(self, name: str) -> str | None:
        """Read a plain file; None where there is none, or where it is a link or too large."""
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        try:
            opened = os.open(self.folder / name, flags)
        except OSError:
            return None
        if not stat.S_ISREG(os.fstat(opened).st_mode):
            os.close(opened)
            return None
        with open(opened, "rb") as file:
            content = file.read(MOST_BYTES + 1)
        return content.decode(errors="replace") if len(content) <= MOST_BYTES else None


def _digest(request: Json) -> str:
    return sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()


def checked(content: bytes) -> Json:
    """Return a request that can be answered.

    Raises: Unusable.
    """
    try:
        request = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise Unusable(f"the request is no JSON: {error}") from None
    messages = request.get("messages") if isinstance(request, dict) else None
    if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
        raise Unusable("a request is an object with a list of messages")
    if request.get("stream"):
        raise Unusable("this server does not stream: leave `stream` out")
    try:
        readable(request)
    except (TypeError, AttributeError, ValueError) as error:
        raise Unusable(f"the request does not keep the protocol: {error}") from None
    return request


def readable(request: Json) -> str:
    """Write a request for a person: its messages, and how to answer."""
    parts = [f"model: {request.get('model', '')}"]
    parts += [f"== {message.get('role', '')}\n{_said(message)}" for message in request["messages"]]
    if tools := tools_of(request):
        words = "\n".join(json.dumps(tool, ensure_ascii=False) for tool in tools.values())
        parts.append(f"== tools, each called by a line: call NAME {{arguments}}\n{words}")
    if (schema := schema_of(request)) is not None:
        parts.append(f"== answer with JSON of this schema\n{json.dumps(schema, indent=1, ensure_ascii=False)}")
    return _CONTROLS.sub(lambda one: one[0].encode("unicode_escape").decode(), "\n\n".join(parts)) + "\n"


def _said(message: Json) -> str:
    """Return the text of a message, and the tools that it called."""
    content = message.get("content") or ""
    pieces = content if isinstance(content, list) else [content]
    texts = [str(piece.get("text", "") if isinstance(piece, dict) else piece) for piece in pieces]
    calls = [call.get("function", {}) for call in message.get("tool_calls") or () if isinstance(call, dict)]
    return "\n".join([*texts, *(f"call {call.get('name', '')} {call.get('arguments', '')}" for call in calls)])


def tools_of(request: Json) -> dict[str, Json]:
    """Return the functions that may be called, by their names."""
    tools = [tool.get("function") for tool in request.get("tools") or () if isinstance(tool, dict)]
    return {str(tool.get("name")): tool for tool in tools if isinstance(tool, dict)}


def forced_tool(request: Json) -> str | None:
    """Return the function that must be called: some clients ask for JSON that way."""
    choice = request.get("tool_choice")
    named = choice.get("function", {}).get("name") if isinstance(choice, dict) else None
    return named if named in tools_of(request) else None


def schema_of(request: Json) -> Mapping[str, object] | None:
    """Return the schema of the JSON that is asked for; None where text will do."""
    if (tool := forced_tool(request)) is not None:
        return tools_of(request)[tool].get("parameters") or {}
    wanted = request.get("response_format") or {}
    if not isinstance(wanted, dict) or wanted.get("type") not in ("json_schema", "json_object"):
        return None
    return (wanted.get("json_schema") or {}).get("schema") or {}


def message_of(reply: str, request: Json) -> Json:
    """Turn a reply into a message of an assistant.

    Raises: Unusable.
    """
    text = reply.strip()
    if calls := list(_called(text, tools_of(request))):
        return {"role": "assistant", "content": None, "tool_calls": calls}
    if schema_of(request) is None:
        return {"role": "assistant", "content": text}
    try:
        content = json.dumps(json.loads(text), ensure_ascii=False)
    except (ValueError, RecursionError) as error:
        raise Unusable(f"the answer must be JSON alone: {error}") from None
    if (tool := forced_tool(request)) is not None:
        return {"role": "assistant", "content": None, "tool_calls": [_call(1, tool, content)]}
    return {"role": "assistant", "content": content}


def _called(text: str, tools: Mapping[str, Json]) -> Iterator[Json]:
    """Go through the tools that a reply calls, if all of its lines are calls.

    Raises: Unusable.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    calls = [_CALL.fullmatch(line) for line in lines]
    if not tools or not all(calls):
        return
    for at, call in enumerate(filter(None, calls), start=1):
        name, arguments = call[1], call[2] or "{}"
        if name not in tools:
            raise Unusable(f"there is no tool {name}; the tools are: {', '.join(tools)}")
        try:
            json.loads(arguments)
        except (ValueError, RecursionError) as error:
            raise Unusable(f"the arguments of {name} are no JSON: {error}") from None
        yield _call(at, name, arguments)


def _call(at: int, name: str, arguments: str) -> Json:
    return {"id": f"call_{at}", "type": "function", "function": {"name": name, "arguments": arguments}}


def completion(number: str, request: Json, message: Json) -> Json:
    """Make the answer of the protocol; a token is counted as four characters."""
    spent = {"prompt_tokens": len(json.dumps(request["messages"])) // 4, "completion_tokens": len(str(message)) // 4}
    return {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": str(request.get("model", "player")),
        "choices": [
            {"index": 0, "message": message, "finish_reason": "tool_calls" if "tool_calls" in message else "stop"}
        ],
        "usage": spent | {"total_tokens": sum(spent.values())},
    }


def is_gone(client: socket.socket) -> bool:
    """Tell whether a client has closed its connection."""
    try:
        return bool(select.select([client], [], [], 0)[0]) and client.recv(1, socket.MSG_PEEK) == b""
    except OSError:
        return True


class Handler(BaseHTTPRequestHandler):
    """Answers a request once its player has."""

    table: Table

    def do_GET(self) -> None:
        """List the one model."""
        if self._is_welcome("/v1/models"):
            self._send(200, {"object": "list", "data": [{"id": "player", "object": "model"}]})

    def do_POST(self) -> None:
        """Answer a request for a completion."""
        if not self._is_welcome("/v1/chat/completions"):
            return
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > MOST_BYTES:
            self._fail(413, f"a request has a Content-Length, of up to {MOST_BYTES:,} bytes")
            return
        try:
            request = checked(self.rfile.read(int(length)))
        except Unusable as error:
            self._fail(400, str(error))
            return
        number = self.table.lay(request)
        if (message := self._played(number, request)) is not None:
            self._send(200, completion(number, request, message))

    def _played(self, number: str, request: Json) -> Json | None:
        """Wait for the first reply that can be used; None where the client has gone."""
        for reply in self.table.replies(number):
            if is_gone(self.connection):
                self.table.give_up(number, request)
                return None
            if reply is not None:
                try:
                    return message_of(reply, request)
                except Unusable as error:
                    self.table.refuse(number, str(error))
        return None

    def _is_welcome(self, path: str) -> bool:
        """Tell whether a request is for a path, from a program of this machine and not from a page in a browser."""
        host = self.headers.get("Host", "")
        welcome = self.path == path and host.rpartition(":")[0] in HOSTS and "Origin" not in self.headers
        if not welcome:
            self._fail(404, "this server has /v1/models and /v1/chat/completions")
        return welcome

    def _fail(self, status: int, words: str) -> None:
        self._send(status, {"error": {"message": words, "type": "invalid_request_error", "code": None}})

    def _send(self, status: int, body: Json) -> None:
        content = json.dumps(body).encode()
        try:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
        except OSError:  # the client went away at this moment
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing: the folder tells all."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until it is interrupted."""
    parser = argparse.ArgumentParser(description="Play the language model of a search by files.")
    parser.add_argument("folder", type=Path, help="where requests lie and replies are written")
    parser.add_argument("--port", type=int, default=8765, help="0 for any that is free")
    given = parser.parse_args(arguments)
    Handler.table = Table(given.folder)
    server = ThreadingHTTPServer(("127.0.0.1", given.port), Handler)
    print(f"http://127.0.0.1:{server.server_port}/v1 waits for requests; they lie in {given.folder}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()


if __name__ == "__main__":
    main()
