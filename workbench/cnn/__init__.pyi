from .build import build_cnn as build_cnn
from .catalogue import list_cnns as list_cnns
from .model import CNN as CNN
from .preprocessing import Preprocessing as Preprocessing
from .recalibrate import recalibrate as recalibrate
from .state_dict import load_state_dict as load_state_dict
