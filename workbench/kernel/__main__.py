"""Start the kernel: ``python -m workbench.kernel -f CONNECTION_FILE``."""

import os

# Has to stand before TensorFlow's first import. 2 would let through an error about CUDA on every
# machine without a GPU; `workbench doctor` tells of devices. The user's own choice comes first.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# A kernel has no use for a backend chosen for scripts, such as Agg, under which the figures of
# a notebook would silently be missing; `%matplotlib` in a cell still chooses another.
os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"

from workbench.kernel.app import WorkbenchKernelApp

WorkbenchKernelApp.launch_instance()
