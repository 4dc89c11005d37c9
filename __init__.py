"""GENIUS: neural architecture search led by a language model."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    __version__: str
    from .agents.proposer import Proposer as Proposer
    from .agents.proposer import briefing as briefing
    from .agents.proposer import seeded as seeded
    from .errors import GeniusError as GeniusError
    from .errors import RunFailed as RunFailed
    from .evaluators.evaluator import Evaluator as Evaluator
    from .evaluators.measures import after_training as after_training
    from .evaluators.pools import CommandPool as CommandPool
    from .evaluators.pools import Pool as Pool
    from .evaluators.trial_object import Trial as Trial
    from .graph.ask_tell import Asked as Asked
    from .graph.ask_tell import AskTell as AskTell
    from .graph.ask_tell import open as open
    from .graph.build import build_graph as build_graph
    from .graph.hinting import hint as hint
    from .graph.pause import Paused as Paused
    from .graph.progress import BegunSearch as BegunSearch
    from .graph.progress import Progress as Progress
    from .graph.search import fork as fork
    from .graph.search import resume as resume
    from .graph.search import search as search
    from .graph.state import Context as Context
    from .graph.state import SearchState as SearchState
    from .graph.studio import make_graph as make_graph
    from .record.call import Reply as Reply
    from .record.candidate import Candidate as Candidate
    from .record.candidate import Message as Message
    from .record.confirmation import Confirming as Confirming
    from .record.goal import Goal as Goal
    from .record.measurement import Measurement as Measurement
    from .record.result import SearchResult as SearchResult
    from .record.result import read as read
    from .record.search_picture import draw as draw
    from .record.settings import LimitSettings as LimitSettings
    from .record.settings import LLMSettings as LLMSettings
    from .record.settings import LoopSettings as LoopSettings
    from .record.settings import MeasureSettings as MeasureSettings
    from .record.settings import Settings as Settings
    from .record.settings import TrainingSettings as TrainingSettings
    from .report.notebook_display import live as live
    from .spaces import get_space as get_space
    from .spaces.decision import Decision as Decision
    from .spaces.mapping import space_of as space_of
    from .spaces.objective import ACCURACY as ACCURACY
    from .spaces.objective import Objective as Objective
    from .spaces.published_table import PublishedTable as PublishedTable
    from .spaces.region import Limits as Limits
    from .spaces.region import Region as Region
    from .spaces.sketch import CellEdge as CellEdge
    from .spaces.sketch import CellSketch as CellSketch
    from .spaces.sketch import ChainSketch as ChainSketch
    from .spaces.sketch import Layer as Layer
    from .spaces.space import Architecture as Architecture
    from .spaces.space import SearchSpace as SearchSpace
    from .trackers.tracker import Tracker as Tracker
    from .trackers.tracking import Tracking as Tracking
    from .training.recipes import Recipe as Recipe

_HOMES = {
    "agents.proposer": ("Proposer", "briefing", "seeded"),
    "record.call": ("Reply",),
    "evaluators.evaluator": ("Evaluator",),
    "evaluators.measures": ("after_training",),
    "evaluators.pools": ("CommandPool", "Pool"),
    "evaluators.trial_object": ("Trial",),
    "graph.ask_tell": ("AskTell", "Asked", "open"),
    "graph.build": ("build_graph",),
    "record.search_picture": ("draw",),
    "report.notebook_display": ("live",),
    "graph.hinting": ("hint",),
    "graph.pause": ("Paused",),
    "record.result": ("SearchResult", "read"),
    "record.settings": (
        "LLMSettings",
        "LimitSettings",
        "LoopSettings",
        "MeasureSettings",
        "Settings",
        "TrainingSettings",
    ),
    "graph.studio": ("make_graph",),
    "graph.search": ("fork", "resume", "search"),
    "graph.state": ("Context", "SearchState"),
    "graph.progress": ("BegunSearch", "Progress"),
    "trackers.tracking": ("Tracking",),
    "trackers.tracker": ("Tracker",),
    "spaces": ("get_space",),
    "errors": ("GeniusError", "RunFailed"),
    "spaces.decision": ("Decision",),
    "spaces.mapping": ("space_of",),
    "spaces.published_table": ("PublishedTable",),
    "training.recipes": ("Recipe",),
    "spaces.region": ("Limits", "Region"),
    "spaces.sketch": ("CellEdge", "CellSketch", "ChainSketch", "Layer"),
    "spaces.space": ("Architecture", "SearchSpace"),
    "record.candidate": ("Candidate", "Message"),
    "record.confirmation": ("Confirming",),
    "record.goal": ("Goal",),
    "record.measurement": ("Measurement",),
    "spaces.objective": ("ACCURACY", "Objective"),
}


if not TYPE_CHECKING:  # a type checker knows the names above, and reports any other

    def __getattr__(name: str) -> object:
        """Import a name on its first use, so that `import genius` loads neither torch nor LangChain."""
        from importlib import import_module

        if name == "__version__":
            return import_module(".record.versions", __name__).own_version()
        for home, names in _HOMES.items():
            if name in names:
                return getattr(import_module(f".{home}", __name__), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(name for names in _HOMES.values() for name in names)
