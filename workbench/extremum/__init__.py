"""The extremum of a fitted surface: a search over all of it, then a descent through the model."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
