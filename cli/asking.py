"""Questions of a search to a person at the terminal, each answered in one line."""

import json
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..printable import printable

if TYPE_CHECKING:
    from langgraph.types import Interrupt


async def answer(question: "Interrupt") -> Any:
    """Ask on standard error, and read the answer from standard input; None at its end."""
    from ..agents.human import read_line
    from ..graph.pause import question_in_words

    value = question.value
    approves = isinstance(value, Mapping) and "architecture" in value
    words = _proposal(value) if approves else f"{question_in_words(value)}\n\nYour answer, in one line: "
    print(f"\n{printable(words)}", end="", file=sys.stderr, flush=True)
    line = await read_line()
    if not line:
        print(file=sys.stderr)
        return None
    return read_approval(line) if approves else line.strip()


def _proposal(value: Mapping[str, Any]) -> str:
    wrong = f"That is no answer: {value['error']}\n\n" if value.get("error") else ""
    costs = [f"{value[name] / 1e6:,.3f} M {name}" for name in ("flops", "params") if value.get(name) is not None]
    options = ", ".join(f"{name} {option}" for name, option in value["options"].items())
    reason = f"\n{value['rationale']}" if value["rationale"] else ""
    head = f"iteration {value['iteration']} proposes {value['architecture']}{': ' * bool(costs)}{', '.join(costs)}"
    return f"{wrong}{head}\n({options}){reason}\n\nTrain it? yes, no and why, or another architecture as a list: "


def read_approval(line: str) -> object:
    """Parse the answer to an approval: yes, no with a reason, or an architecture; other text is returned unchanged."""
    word, _, rest = line.strip().partition(" ")
    said = word.lower().rstrip(",.:;")
    if said in ("y", "yes") and not rest:
        return {"answer": "yes"}
    if said in ("n", "no"):
        return {"answer": "no", "reason": rest.strip()}
    try:
        given = json.loads(line)
    except (ValueError, RecursionError):
        return line.strip()
    edits = isinstance(given, list) or (isinstance(given, dict) and "answer" not in given)
    return {"answer": "edit", "architecture": given} if edits else given
