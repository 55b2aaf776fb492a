"""LiteRT files in their own runtime, `ai_edge_litert`, with NumPy on both sides.

Numbers are real ones here whatever the file works with: inputs are brought to its integers by
q = round(x / scale) + zero point, clipped, and outputs back by x = scale (q - zero point).
"""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench import checks
from workbench.compress.extras import require
from workbench.compress.quiet import quiet
from workbench.errors import DataFileError, ModelError

BATCH = 64  # images that go through at once
FIRST_BYTES = slice(4, 8), b"TFL3"  # of a flatbuffer of LiteRT


class LiteRTModel:
    """A LiteRT network from one array to one array.

    Args:
        source: A ``.tflite`` file, or its content.
        threads: Of the runtime; its own choice if None.
        keep: Keep every tensor, for `tensors`; then operations run one by one on LiteRT's own
            kernels, where the runtime would else hand all of them to XNNPACK.

    Attributes:
        input_shape: Shape of the input, None for the number of images if it is free.
        input_dtype: Number type that the file takes.
        output_dtype: Number type that it returns.

    Raises:
        MissingPackageError: ``ai-edge-litert`` is not installed.
        DataFileError: No such file, or none of LiteRT.
        ModelError: It has several inputs or outputs, or operations that the runtime lacks.
    """

    def __init__(
        self, source: str | PathLike[str] | bytes, *, threads: int | None = None, keep: bool = False
    ):
        require("LiteRT files", "ai_edge_litert")
        content = source if isinstance(source, bytes) else _read(Path(source))
        self._interpreter = _interpreter(content, threads, keep)
        inputs, outputs = (
            self._interpreter.get_input_details(),
            self._interpreter.get_output_details(),
        )
        if len(inputs) != 1 or len(outputs) != 1:
            raise ModelError(
                f"The LiteRT network has {len(inputs)} inputs and {len(outputs)} outputs, where "
                "one of each can be served."
            )
        self._input, self._output = inputs[0], outputs[0]
        rows = int(self._input["shape_signature"][0])
        sides = (int(side) for side in self._input["shape"][1:])
        self.input_shape: tuple[int | None, ...] = (None if rows < 0 else rows, *sides)
        self.input_dtype = np.dtype(self._input["dtype"]).name
        self.output_dtype = np.dtype(self._output["dtype"]).name

    def predict(self, images: ArrayLike, batch: int = BATCH) -> NDArray[np.float32]:
        """Return the outputs, real numbers, for any number of images.

        Args:
            images: Real numbers of the shape that the network takes, as the float network has
                them.
            batch: Images that go through at once, if the file leaves that free.

        Raises:
            ArgumentError: ``images`` has another shape, or entries that are not finite.
        """
        array = checks.samples("images", images, self.input_shape[1:], "the network's input")
        batch = self.input_shape[0] or checks.integer("batch", batch)
        pieces = [self._run(array[i : i + batch]) for i in range(0, len(array), batch)]
        return np.concatenate(pieces)

    def tensors(self, images: ArrayLike) -> dict[str, NDArray[np.float32]]:
        """Return what every operation puts out for a batch, by the name of the tensor.

        Constants that are operands stand there too, where an operation puts them out.

        Raises:
            ArgumentError: See `predict`.
        """
        self._run(checks.samples("images", images, self.input_shape[1:], "the network's input"))
        details = {each["index"]: each for each in self._interpreter.get_tensor_details()}
        made = [index for op in self._interpreter._get_ops_details() for index in op["outputs"]]
        return {
            details[index]["name"]: dequantised(self._interpreter.get_tensor(index), details[index])
            for index in made
            if index in details
        }

    def constants(self) -> dict[str, tuple[NDArray[Any], NDArray[np.float32]]]:
        """Return weights and other constants: as stored, and as real numbers, by name."""
        details = {each["index"]: each for each in self._interpreter.get_tensor_details()}
        ops = self._interpreter._get_ops_details()
        made = {index for op in ops for index in op["outputs"]} | {self._input["index"]}
        used = {index for op in ops for index in op["inputs"]} - made
        found = {}
        for index in sorted(used & details.keys()):
            stored = self._interpreter.get_tensor(index)
            found[details[index]["name"]] = stored, dequantised(stored, details[index])
        return found

    def _run(self, images: NDArray[Any]) -> NDArray[np.float32]:
        count = len(images)
        fixed = self.input_shape[0]
        if fixed is not None and count < fixed:  # the last piece, filled up
            images = images[np.minimum(np.arange(fixed), count - 1)]
        where = self._input["index"]
        current = self._interpreter.get_input_details()[0]["shape"]
        if tuple(current) != images.shape:
            self._interpreter.resize_tensor_input(where, images.shape)
            self._interpreter.allocate_tensors()
        self._interpreter.set_tensor(where, quantised(images, self._input))
        self._interpreter.invoke()
        return dequantised(self._interpreter.get_tensor(self._output["index"]), self._output)[
            :count
        ]


def quantised(values: NDArray[Any], details: dict[str, Any]) -> NDArray[Any]:
    """Return real numbers as the tensor's type has them."""
    dtype, (scale, zero) = np.dtype(details["dtype"]), details["quantization"]
    if dtype.kind == "f" or not scale:
        return values.astype(dtype)
    limits = np.iinfo(dtype)
    return np.clip(np.rint(values / scale) + zero, limits.min, limits.max).astype(dtype)


def dequantised(values: NDArray[Any], details: dict[str, Any]) -> NDArray[np.float32]:
    """Return a tensor as real numbers; its scales may go along an axis."""
    facts = details["quantization_parameters"]
    scales, zeros, axis = facts["scales"], facts["zero_points"], facts["quantized_dimension"]
    if values.dtype.kind == "f" or not len(scales):
        return values.astype(np.float32)
    shape = [1] * values.ndim
    if len(scales) > 1:
        shape[axis] = len(scales)
    return (values - zeros.reshape(shape).astype(np.float32)) * scales.reshape(shape)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataFileError(f"{path} cannot be read: {error}") from error


def _interpreter(content: bytes, threads: int | None, keep: bool) -> Any:
    from ai_edge_litert import interpreter as litert

    where, expected = FIRST_BYTES
    if content[where] != expected:
        raise DataFileError("The file is none of LiteRT: it does not begin as one.")
    kind = litert.OpResolverType
    resolver = kind.BUILTIN_WITHOUT_DEFAULT_DELEGATES if keep else kind.AUTO
    try:
        with quiet():
            made = litert.Interpreter(
                model_content=content,
                num_threads=None if threads is None else checks.integer("threads", threads),
                experimental_op_resolver_type=resolver,
                experimental_preserve_all_tensors=keep,
            )
            made.allocate_tensors()
            return made
    except (RuntimeError, ValueError) as error:
        raise ModelError(f"LiteRT cannot run this network: {error}") from error
