from .candidate import BLOCKS as BLOCKS
from .candidate import Candidate as Candidate
from .candidate import SearchSpace as SearchSpace
from .search import ArchitectureResult as ArchitectureResult
from .search import search_architecture as search_architecture
from .search import trained_accuracy as trained_accuracy
