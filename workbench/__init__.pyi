from ._version import __version__ as __version__
from .data import list_datasets as list_datasets
from .data import load_dataset as load_dataset
from .evolve import minimize as minimize
from .network import feedforward as feedforward
from .training import TrainingRecord as TrainingRecord
from .training import train as train
