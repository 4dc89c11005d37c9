"""How large the prompt of a long search gets: characters and tokens at iterations 10, 100 and 1,000.

Experiments are random architectures of mobile-imagenet with random accuracies, every tenth failed; tokens are counted
by the embedded model's tokenizer, which needs `pip install 'genius-nas[local]'` and a GGUF file (see `--llm local`).
"""

import httpx
import numpy as np
from genius.agents.embedded import EmbeddedModel, find_model
from genius.agents.reflector import write_prompt
from genius.record.candidate import Candidate
from genius.record.measurement import Measurement
from genius.spaces import get_space
from genius.spaces.region import Limits, Region, parse_range
from genius.tables.fetch import downloads_folder

SPACE = get_space("mobile-imagenet")
LIMITS = Limits(parse_range("270M", "330M"), convention="thop")


def finished(iteration: int, rng: np.random.Generator) -> Candidate:
    """Make up an experiment."""
    architecture = SPACE.sample(rng)
    failed = "loss became NaN in epoch 3 of 20" if iteration % 10 == 0 else None
    measurement = Measurement(None if failed else float(rng.uniform(60, 75)), error=failed)
    cost = SPACE.cost_of(architecture)
    return Candidate(
        1, iteration, architecture=architecture, cost=cost, measurement=measurement, error=failed, reply="[...]"
    )


def main() -> None:
    """Print a line for each of the three iterations."""
    rng, history = np.random.default_rng(0), list[Candidate]()
    with EmbeddedModel(find_model(downloads_folder())) as model:
        chat = model.chat_model(temperature=0.0, seed=0, max_tokens=1, timeout=60.0)
        address = str(chat.openai_api_base).removesuffix("/v1") + "/tokenize"
        headers = {"Authorization": f"Bearer {chat.openai_api_key.get_secret_value()}"}
        for iteration in range(1, 1_001):
            if iteration in (1, 10, 100, 1_000):
                text = "\n".join(message["content"] for message in write_prompt(Region(SPACE, LIMITS), history))
                answer = httpx.post(address, json={"content": text}, headers=headers, timeout=60)
                tokens = len(answer.raise_for_status().json()["tokens"])
                print(f"iteration {iteration:5,}: {len(text):6,} characters, {tokens:6,} tokens")
            history.append(finished(iteration, rng))


if __name__ == "__main__":
    main()
