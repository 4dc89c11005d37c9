"""The proposers that ask no language model."""

from genius.agents.baselines import PROPOSERS
from genius.agents.proposer import Briefing

BASELINES = {name: make for name, make in PROPOSERS.items() if not isinstance(make, Briefing)}
