from .population import population_trainer as population_trainer
from .population import trained_loss as trained_loss
from .record import STOP_MESSAGES as STOP_MESSAGES
from .record import TrainingRecord as TrainingRecord
from .trainer import train as train
