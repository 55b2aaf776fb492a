from .dense import feedforward as feedforward
from .initialise import INITIALISERS as INITIALISERS
from .objective import jacobian as jacobian
from .performance import PERFORMANCE_FUNCTIONS as PERFORMANCE_FUNCTIONS
from .population import population_loss as population_loss
from .transfer import TRANSFER_FUNCTIONS as TRANSFER_FUNCTIONS
from .weights import vector_to_weights as vector_to_weights
from .weights import weights_to_vector as weights_to_vector
