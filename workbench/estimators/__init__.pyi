from .classifier import BPClassifier as BPClassifier
from .loading import load as load
from .regressor import BPRegressor as BPRegressor
