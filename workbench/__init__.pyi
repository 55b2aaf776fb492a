from ._version import __version__ as __version__
from .data import list_datasets as list_datasets
from .data import load_dataset as load_dataset
