from .augmentation import AUGMENTATIONS as AUGMENTATIONS
from .depth import freeze as freeze
from .placement import join_machines as join_machines
from .prediction import accuracy as accuracy
from .prediction import predict_classes as predict_classes
from .prediction import predict_proba as predict_proba
from .record import ClassifierRecord as ClassifierRecord
from .trainer import train_classifier as train_classifier
