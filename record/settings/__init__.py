"""The settings of a search in groups, as `search.json` holds them: `llm`, `limits`, `training`, `measures`, `loop`."""

from .facts import working_folder as working_folder
from .limit_settings import LimitSettings as LimitSettings
from .limit_settings import RepairMode as RepairMode
from .llm_settings import LLMSettings as LLMSettings
from .loop_settings import LoopSettings as LoopSettings
from .loop_settings import Memory as Memory
from .loop_settings import Order as Order
from .loop_settings import WhenDone as WhenDone
from .measure_settings import MeasureSettings as MeasureSettings
from .options import BY_NAME as BY_NAME
from .options import OPTIONS as OPTIONS
from .options import Options as Options
from .options import Setting as Setting
from .options import by_path as by_path
from .reading import read_file as read_file
from .reading import read_set as read_set
from .settings import COMMAND as COMMAND
from .settings import HYBRID as HYBRID
from .settings import MODEL as MODEL
from .settings import MODEL_BEFORE as MODEL_BEFORE
from .settings import SETTINGS_FILE as SETTINGS_FILE
from .settings import TOLD as TOLD
from .settings import Settings as Settings
from .training_settings import TrainingSettings as TrainingSettings
