"""A fresh process in which TensorFlow sees two CPUs, for tests of `device`.

TensorFlow can be told to divide the CPU only before it starts, so a test that wants two of them
runs in a process of its own. Both compute with the same cores: what is tested is where arrays
and programs lie.
"""

import json
import os
import subprocess
import sys
from typing import Any

_BEGIN = """
import json
import warnings
import numpy as np
import tensorflow as tf
warnings.simplefilter("error")
(cpu,) = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from workbench.network import backend
CPUS = ("cpu:0", "cpu:1")

class Watched:
    # Notes where the arguments and results of compiled programs lie.
    def __init__(self):
        self.given, self.found, plain = set(), set(), backend._Compiled.__call__
        def watched(compiled, *arguments):
            results = plain(compiled, *arguments)
            self.given |= self.places(arguments)
            self.found |= self.places(results)
            return results
        backend._Compiled.__call__ = watched
    def places(self, structure):
        tensors = (leaf for leaf in tf.nest.flatten(structure) if isinstance(leaf, tf.Tensor))
        return {tensor.device.rpartition("/device:")[2] for tensor in tensors if tensor.device}
    def taken(self):
        both = {"given": sorted(self.given), "found": sorted(self.found)}
        self.given, self.found = set(), set()
        return both
"""


def answers(program: str) -> Any:
    """Return what ``program`` puts into ``answer``, by way of JSON."""
    lines = [_BEGIN, program, "print()", "print(json.dumps(answer))"]
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)],
        capture_output=True,
        text=True,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])
