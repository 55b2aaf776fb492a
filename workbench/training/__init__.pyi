from .record import STOP_MESSAGES as STOP_MESSAGES
from .record import TrainingRecord as TrainingRecord
from .trainer import train as train
