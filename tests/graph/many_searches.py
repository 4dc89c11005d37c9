"""Many searches in one process, as `python many_searches.py MODEL WAY FOLDER`: what each leaves behind is printed.

Imported by nobody; a test runs it, since warnings at the end of a process count too.
"""

import asyncio
import gc
import importlib.util
import json
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import count
from pathlib import Path

import genius

MODEL, WAY, FOLDER = sys.argv[1], sys.argv[2], Path(sys.argv[3])
SEARCHES, AT_ONCE = (1, 1) if MODEL == "training" else (4, 4)
found = importlib.util.spec_from_file_location("shared_by_tests", Path(__file__).parents[1] / "conftest.py")
conftest = sys.modules["shared_by_tests"] = importlib.util.module_from_spec(found)
found.loader.exec_module(conftest)
server = conftest.OpenAIServer()
calls, runs = count(), count()


def says(call):
    """Answer as OpenAI, Anthropic or Ollama does; every sixth call fails as an overloaded server does."""
    number = next(calls)
    if number % 6 == 1:
        return conftest.fails(503, "overloaded")
    text = f"Architecture: {[number // 3**digit % 3 for digit in range(8)]}"
    if MODEL == "anthropic":
        content, usage = [{"type": "text", "text": text}], {"input_tokens": 1, "output_tokens": 1}
        message = {"id": "1", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn"}
        return conftest.Answer(json.dumps(message | {"content": content, "usage": usage}))
    if MODEL == "ollama":
        answer = {"model": "m", "message": {"role": "assistant", "content": text}, "done": True, "done_reason": "stop"}
        return conftest.Answer(json.dumps(answer) + "\n", headers={"Content-Type": "application/x-ndjson"})
    return conftest.says(text)


server.answer = says


def chat_openai():
    from langchain_openai import ChatOpenAI

    return ChatOpenAI(model="m", base_url=server.url, api_key="k", max_retries=0)


shared = chat_openai() if MODEL == "one object" else None


def proposer():
    if MODEL in ("openai", "anthropic", "ollama"):
        url = server.url if MODEL == "openai" else server.url.removesuffix("/v1")
        return {"llm": f"{MODEL}:m", "base_url": url, "proposer": "model"}
    if MODEL in ("objects", "one object", "bound"):
        llm = shared or chat_openai()
        return {"llm": llm.bind(stop=["END"]) if MODEL == "bound" else llm, "proposer": "model"}
    return {"proposer": "random"}


async def evaluate(architecture):
    return 50.0


async def search():
    common = {"run": FOLDER / str(next(runs)), **proposer()}
    if MODEL == "training":
        result = await genius.search("digits", iterations=1, set=("epochs=1",), **common)
    else:
        result = await genius.search("nas-bench-macro", evaluator=evaluate, iterations=2, **common)
    assert result.finished
    assert result.best


def children():
    """Count the processes that this one has started and that have not ended."""
    parents = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has just ended
            parents.append(int(path.read_text().rpartition(")")[2].split()[1]))
    return parents.count(os.getpid())


def look():
    gc.collect()
    return {"files": len(os.listdir("/proc/self/fd")), "threads": threading.active_count(), "children": children()}


async def in_one_loop():
    await search()
    looks = [look()]
    for _ in range(SEARCHES // AT_ONCE):
        await asyncio.gather(*(search() for _ in range(AT_ONCE)))
    return [*looks, look()]


def run(_=None):
    asyncio.run(search())


if WAY == "one loop":
    before, after = asyncio.run(in_one_loop())
else:
    run()
    before = look()
    if WAY == "a loop each":
        for _ in range(SEARCHES):
            run()
    else:
        with ThreadPoolExecutor(AT_ONCE) as threads:
            list(threads.map(run, range(SEARCHES)))
    after = look()
server.close()
print(json.dumps({"before": before, "after": after}))
