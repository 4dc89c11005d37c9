"""The settings of a search in groups: `llm`, `limits`, `training` and `loop`, as `search.json` holds them."""

from .limits import LimitSettings as LimitSettings
from .limits import RepairMode as RepairMode
from .llm import LLMSettings as LLMSettings
from .loop import LoopSettings as LoopSettings
from .loop import Order as Order
from .loop import WhenDone as WhenDone
from .options import OPTIONS as OPTIONS
from .options import Option as Option
from .options import Options as Options
from .options import by_path as by_path
from .reading import read_file as read_file
from .reading import read_set as read_set
from .settings import LLM as LLM
from .settings import SETTINGS_FILE as SETTINGS_FILE
from .settings import Settings as Settings
from .training import TrainingSettings as TrainingSettings
