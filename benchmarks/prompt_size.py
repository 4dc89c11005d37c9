"""How large the prompt of a long search gets: characters and tokens at iterations 1, 10, 100 and 1,000.

Experiments are random architectures with random accuracies, every tenth failed: of mobile-imagenet within its limits,
and of a space of 200 decisions with 20 options each. Tokens are counted by the embedded model's tokenizer, which needs
`pip install 'genius-nas[local]'` and a GGUF file (see `--llm local`).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import numpy as np
from genius.agents.embedded import EmbeddedModel, find_model
from genius.agents.reflector import Terms, write_prompt
from genius.record.candidate import Candidate
from genius.record.history import History, Index
from genius.record.measurement import Measurement
from genius.spaces import get_space
from genius.spaces.decision import Decision
from genius.spaces.region import Limits, Region, parse_range
from genius.spaces.space import SearchSpace
from genius.tables.fetch import downloads_folder

_OPTIONS = tuple(f"option {at}" for at in range(20))
REGIONS = {
    "mobile-imagenet, 270M to 330M": Region(
        get_space("mobile-imagenet"), Limits(parse_range("270M", "330M"), convention="thop")
    ),
    "200 decisions of 20 options": Region(
        SearchSpace("large", tuple(Decision(f"decision {at}", _OPTIONS) for at in range(200)), "200 decisions.")
    ),
}


def finished(region: Region, iteration: int, rng: np.random.Generator) -> Candidate:
    """Make up an experiment."""
    architecture = region.space.sample(rng)
    failed = "loss became NaN in epoch 3 of 20" if iteration % 10 == 0 else None
    measurement = Measurement(None if failed else float(rng.uniform(60, 75)), error=failed, sd=0.2)
    cost = region.space.cost_of(architecture)
    known = {"architecture": architecture, "cost": cost, "measurement": measurement, "error": failed, "reply": "[...]"}
    return Candidate(1, iteration, **known, expected=70.0, expected_sd=1.0)


@contextmanager
def tokenizer() -> Iterator[Callable[[str], int]]:
    """Yield a function that counts the tokens of a text."""
    with EmbeddedModel(find_model(downloads_folder())) as model:
        chat = model.chat_model(temperature=0.0, seed=0, max_tokens=1, timeout=60.0)
        address = str(chat.openai_api_base).removesuffix("/v1") + "/tokenize"
        headers = {"Authorization": f"Bearer {chat.openai_api_key.get_secret_value()}"}

        def count(text: str) -> int:
            answer = httpx.post(address, json={"content": text}, headers=headers, timeout=60)
            return len(answer.raise_for_status().json()["tokens"])

        yield count


def main() -> None:
    """Print a line for each iteration."""
    with tokenizer() as count:
        for name, region in REGIONS.items():
            print(name)
            rng, index = np.random.default_rng(0), Index()
            for iteration in range(1, 1_001):
                if iteration in (1, 10, 100, 1_000):
                    prompt = write_prompt(region, History(index, iteration - 1), Terms(iterations=1_000))
                    text = "\n".join(message["content"] for message in prompt)
                    print(f"  iteration {iteration:5,}: {len(text):6,} characters, {count(text):6,} tokens")
                index.add(finished(region, iteration, rng))


if __name__ == "__main__":
    main()
