"""A search space within limits: the feasible set of a search. Other rooms import from here alone."""

from .changes import in_order as in_order
from .feasible import Extremes as Extremes
from .feasible import Integers as Integers
from .further import cost_within as cost_within
from .further import costs_for as costs_for
from .further import further_costs as further_costs
from .limits import HIDDEN_UNIT as HIDDEN_UNIT
from .limits import NO_LIMITS as NO_LIMITS
from .limits import OPEN as OPEN
from .limits import Limits as Limits
from .limits import Range as Range
from .limits import in_words as in_words
from .limits import parse_range as parse_range
from .limits import range_of as range_of
from .predicted import CostTerm as CostTerm
from .predicted import PredictedCost as PredictedCost
from .region import Region as Region
