from .find import find_extremum as find_extremum
from .optima import Extremum as Extremum
from .optima import ExtremumWarning as ExtremumWarning
from .optima import Optima as Optima
