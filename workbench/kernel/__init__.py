"""The Jupyter kernel ``workbench``: IPython with the public names at hand."""

from workbench.kernel.register import SPECS as SPECS
from workbench.kernel.register import install_kernel as install_kernel
from workbench.kernel.register import list_kernels as list_kernels
from workbench.kernel.register import remove_kernel as remove_kernel
