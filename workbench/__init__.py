"""Workbench: a MATLAB-style scientific workbench for small neural networks.

The public names load when first used (SPEC 1), so that ``import workbench`` costs
milliseconds and brings in no Keras. ``__init__.pyi`` lists them once, for the loader, for
type checkers and for editors alike.
"""

import lazy_loader

from workbench._version import __version__ as __version__

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
