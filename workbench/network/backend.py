"""The one seam to the Keras backend: compile, differentiate, map, solve, and cache.

Everything above speaks `keras.ops` and the handful of functions here. The few other files
that import TensorFlow are named in ``tests/test_floors.py``; one is `device`, which asks about
machines.

What compiles how was measured on a CPU of 2 cores, with 1500 rows and float64. XLA fuses the
many small operations of a BP network (Jacobian of 2-5-1: 0.2 ms against 0.8 ms), yet it makes
a convolution slower and expands a Cholesky factorisation into scalar loops (201 weights:
14 ms against 0.5 ms). So the mathematics of a row is compiled with `xla` where the network
allows it. The loop around it, which solves for the step, is compiled with XLA too up to `SMALL`
weights, where elimination written out wins (100 epochs of 21 weights: 19 ms, of 41: 34 against
79, of 81: 118 against 138, of 121: 255 against 196); beyond, it is a plain `graph`.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeAlias

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.framework.config import is_op_determinism_enabled

from workbench.errors import WorkbenchError

Tensor: TypeAlias = Any
Function: TypeAlias = Callable[..., Any]

if keras.backend.backend() != "tensorflow":
    raise WorkbenchError(
        f"Keras runs on {keras.backend.backend()!r}, and workbench needs TensorFlow. Set the "
        "environment variable KERAS_BACKEND=tensorflow before Python starts."
    )

SMALL = 90  # weights; see above

# Each entry keeps a model and its compiled programs alive: enough for a lesson with many
# architectures, and bounded for a kernel that runs for weeks.
_CACHE_SIZE = 128
_cache: OrderedDict[Hashable, Any] = OrderedDict()
_lock = threading.RLock()
_within_xla: ContextVar[bool] = ContextVar("within_xla", default=False)
_place: ContextVar[str | None] = ContextVar("place", default=None)


def let_memory_grow() -> bool:
    """Let TensorFlow take the memory of GPUs as it needs it, and say whether it will.

    It can be told so only before it starts, which the first operation makes it do; and only for
    all GPUs alike.
    """
    gpus = tf.config.list_physical_devices("GPU")
    try:
        for gpu in gpus:
            tf.config.experimental.set_memory_growth(gpu, True)
    except (RuntimeError, ValueError):  # it has started; the memory was divided by hand
        return False
    return True


let_memory_grow()


@contextmanager
def on(name: str) -> Iterator[None]:
    """Compute on the device that TensorFlow calls so, within this thread; see `device.on`."""
    token = _place.set(name)
    try:
        with tf.device(name):
            yield
    finally:
        _place.reset(token)


def place() -> str | None:
    """Return the name that the innermost `on` has in this thread, None outside of any."""
    return _place.get()


def cached(key: Hashable, make: Callable[[], Any]) -> Any:
    """Return what ``make`` gave for ``key`` the first time; the least used entries go first.

    A program is compiled for a device, and for one way to compute; see `device.deterministic`.
    """
    key = (_place.get(), is_op_determinism_enabled(), key)
    with _lock:
        if key not in _cache:
            _cache[key] = make()
            while len(_cache) > _CACHE_SIZE:
                _cache.popitem(last=False)
        _cache.move_to_end(key)
        return _cache[key]


def xla(function: Function) -> Function:
    """Compile with XLA for the shapes of the first call, which all later ones must have."""
    return _Compiled(function, jit_compile=True)


def graph(function: Function) -> Function:
    """Compile into a TensorFlow graph for the shapes of the first call."""
    return _Compiled(function, jit_compile=False)


class _Compiled:
    """A function of nested tensors and numbers, traced once.

    To call the trace itself, with its tensors in a row, spares TensorFlow's search for it and
    its check of every argument: 0.2 of 0.8 ms for a population of 50. It also keeps TensorFlow
    from counting traces by line of code, and warning when the closures of one line are traced
    for many architectures.
    """

    def __init__(self, function: Function, jit_compile: bool):
        # A trace wants every argument it knows of, so it must not know of optional ones.
        def traced(*arguments: Any) -> Any:
            token = _within_xla.set(jit_compile or _within_xla.get())
            try:
                return function(*arguments)
            finally:
                _within_xla.reset(token)

        self._function = tf.function(traced, jit_compile=jit_compile, autograph=False)
        self._trace: Any = None
        self._lock = threading.Lock()

    def __call__(self, *arguments: Any) -> Any:
        if self._trace is None:
            with self._lock:
                self._trace = self._trace or self._function.get_concrete_function(*arguments)
        leaves = [
            leaf if isinstance(leaf, tf.Tensor) else tf.convert_to_tensor(leaf)
            for leaf in tf.nest.flatten(arguments)
            if leaf is not None
        ]
        # Captured are constants that an initialiser of Keras, say, has left on the device.
        return self._trace.inference_fn.call_preflattened(leaves + self._trace.captured_inputs)


def gradient(function: Function, at: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
    """Return the value of a scalar function of some arrays, and its gradient by each."""
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(at)
        value = function(at)
    return value, tape.gradient(value, at, unconnected_gradients="zero")


def map_rows(function: Function, rows: Tensor) -> Tensor:
    """Apply ``function`` to every row at once, vectorised."""
    return tf.vectorized_map(function, rows)


def map_each(function: Function, rows: Tensor) -> Tensor:
    """Apply ``function`` to one row after the other."""
    return tf.map_fn(function, rows)


def total(values: Tensor) -> Tensor:
    """Return the sum of all entries."""
    return tf.reduce_sum(values)


def solve_damped(matrix: Tensor, vector: Tensor, damping: Tensor) -> Tensor:
    """Return x of ``(matrix + damping I) x = vector``, NaN if that is not positive definite.

    `keras.ops.cholesky` would raise instead, where Levenberg-Marquardt only has to raise the
    damping.
    """
    shifted = tf.linalg.set_diag(matrix, tf.linalg.diag_part(matrix) + damping)
    return _solve(shifted, vector[:, None])[:, 0]


def inverse_trace(matrix: Tensor) -> Tensor:
    """Return the trace of the inverse of a positive definite matrix, NaN if it is not."""
    return tf.linalg.trace(_solve(matrix, tf.eye(matrix.shape[0], dtype=matrix.dtype)))


def _solve(matrix: Tensor, columns: Tensor) -> Tensor:
    """Return ``matrix^-1 columns``, NaN if the matrix is not positive definite."""
    if matrix.shape[0] <= SMALL and _within_xla.get():
        return _eliminate(matrix, columns)
    return tf.linalg.cholesky_solve(tf.linalg.cholesky(matrix), columns)


def _eliminate(matrix: Tensor, columns: Tensor) -> Tensor:
    """Solve by Gauss-Jordan elimination, one fused update of the whole array a column.

    A positive definite matrix needs no pivoting (N. J. Higham, Accuracy and Stability of
    Numerical Algorithms, 2nd ed., section 14.4), and has positive pivots throughout.
    """
    size = matrix.shape[0]
    numbers = tf.range(size)[:, None]

    def column(carried: Any) -> Any:
        k, rows, least = carried
        pivot = rows[k, k]
        row = rows[k] / pivot
        rows = tf.where(numbers == k, row[None], rows - rows[:, k][:, None] * row[None])
        return k + 1, rows, tf.minimum(least, pivot)

    start = (0, tf.concat([matrix, columns], axis=1), matrix[0, 0])
    _, rows, least = while_loop(lambda carried: carried[0] < size, column, start)
    return tf.where(least > 0, rows[:, size:], np.nan)


def gram(rows: Tensor, columns: Tensor) -> Tensor:
    """Return ``rows' columns``, the sum over samples of outer products."""
    return tf.linalg.matmul(rows, columns, transpose_a=True)


def write(buffer: Tensor, index: Tensor, row: Tensor) -> Tensor:
    """Return ``buffer`` with row ``index`` replaced."""
    return tf.tensor_scatter_nd_update(buffer, [[index]], row[None])


def while_loop(condition: Function, body: Function, state: Any) -> Any:
    """Repeat ``state = body(state)`` while ``condition(state)``, for any nested state."""
    return tf.while_loop(condition, lambda state: (body(state),), (state,))[0]


def tensor(value: Any, dtype: str | None = None) -> Tensor:
    """Put an array, or the present value of a variable, onto the device."""
    if isinstance(value, np.ndarray):
        return tf.constant(value, dtype=dtype)  # 20 µs sooner than convert_to_tensor
    found, place = tf.convert_to_tensor(value, dtype=dtype), _place.get()
    if place is None or not tf.executing_eagerly() or found.device.endswith(place[1:]):
        return found
    return tf.identity(found)  # the value of a variable comes where the variable is


def assign(variables: Sequence[keras.Variable], arrays: Sequence[np.ndarray]) -> None:
    """Write arrays into variables of their shapes: in half the time of Keras's own call each."""
    for variable, array in zip(variables, arrays, strict=True):
        variable.value.assign(tf.constant(array, dtype=variable.dtype), read_value=False)


def values(variables: Sequence[keras.Variable]) -> list[np.ndarray]:
    """Return what variables hold: plain ones in a third of the time of Keras's own call each."""
    return [
        tf.raw_ops.ReadVariableOp(resource=variable.value.handle, dtype=variable.dtype).numpy()
        if hasattr(variable.value, "handle")
        else variable.numpy()
        for variable in variables
    ]


def numpy(structure: Any) -> Any:
    """Bring every tensor of a nested structure back as a NumPy array."""
    return tf.nest.map_structure(lambda leaf: leaf.numpy(), structure)
