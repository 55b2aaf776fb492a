"""The one walk over a Keras graph, from which everything is counted.

Idea: a model is run as Keras itself runs it, node by node, on shapes instead of numbers. Nested
models are spread out. A layer that no rule knows is looked into: its ``call`` is run on symbolic
tensors, which writes down the layers and the operations of `keras.ops` that it is composed of. So
a squeeze-and-excitation layer, a Lambda or a subclassed model is counted by its parts. What does
TensorFlow's own operations, or loops over values, cannot be written down so, and stays one step.

Nothing is left behind in the model, except that one without weights is built.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import keras
from keras import tree

from workbench import checks
from workbench.complexity.step import Graph, Row, Step, Symbol
from workbench.errors import ArgumentError, ModelError

Known = Callable[[keras.Operation], bool]

# What code that was not written for symbolic tensors raises on one.
_UNFIT = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)


def trace(model: keras.Model, input_shape: Any = None, batch: int = 1, *, known: Known) -> Graph:
    """Return the steps of a model's forward pass in inference.

    Args:
        model: Functional, sequential, or a subclass whose ``call`` works on symbolic tensors.
        input_shape: Shape of the input without the batch; a list of shapes for several inputs.
            Needed only where the model does not know it.
        batch: Number of samples.
        known: Says whether an operation is to be one step; all others are looked into.

    Raises:
        ArgumentError: Not a Keras model, or an input shape that is missing or does not fit.
        ModelError: The model cannot be run on symbolic tensors.
    """
    inputs = symbolic_inputs(model, input_shape, batch)
    walk = _Walk(known)
    try:
        outputs = walk.model(model, (inputs,), {}, "")
    except _UNFIT as error:
        raise ModelError(
            f"The model {model.name!r} cannot be run on symbolic tensors of shape "
            f"{[tuple(leaf.shape) for leaf in tree.flatten(inputs)]}: {error} A subclassed model "
            "must be written in keras.ops and Keras layers, and be called with its input alone."
        ) from error
    return Graph(tuple(tree.flatten(inputs)), tuple(tree.flatten(outputs)), tuple(walk.rows))


def symbolic_inputs(model: keras.Model, input_shape: Any = None, batch: int = 1) -> Any:
    """Return symbolic inputs in the structure that a model takes, and build it if it is not.

    Raises:
        ArgumentError: Not a Keras model, or an input shape that is missing or does not fit.
        ModelError: The model cannot be built.
    """
    if not isinstance(model, keras.Model):
        raise ArgumentError("model", "be a Keras model", model)
    inputs = _inputs(model, input_shape, checks.integer("batch", batch))
    if not model.built:
        try:
            model(inputs)
        except _UNFIT as error:
            raise ModelError(f"The model {model.name!r} cannot be built: {error}") from error
    return inputs


class _Walk:
    """Runs operations on shapes, and keeps a row for each."""

    def __init__(self, known: Known):
        self._known = known
        self.rows: list[Row] = []
        self._composite: list[Step] | None = None  # steps of the layer that is being looked into

    def model(self, model: Any, args: Any, kwargs: Any, path: str) -> Any:
        """Run a model; its layers become rows."""
        if isinstance(model, keras.Sequential):
            (x,) = args
            for layer in model.layers:
                x = self.operation(layer, (x,), {}, path)
            return x
        if isinstance(model, keras.Function):
            nodes = [
                node
                for depth in sorted(model._nodes_by_depth, reverse=True)
                for node in model._nodes_by_depth[depth]
            ]
            tensors = dict(zip(map(id, model.inputs), tree.flatten((args, kwargs)), strict=False))
            self._nodes(nodes, tensors, path)
            outputs = [tensors[id(x)] for x in model.outputs]
            return tree.pack_sequence_as(model._outputs_struct, outputs)
        return self._inside(model, args, kwargs, path)

    def operation(self, operation: Any, args: Any, kwargs: Any, path: str) -> Any:
        """Run one operation, and return what comes out."""
        if isinstance(operation, keras.Model | keras.Function):
            return self.model(operation, args, kwargs, f"{path}{operation.name}/")
        if self._composite is not None:
            return self._spread(operation, args, kwargs)
        self._composite = []
        outputs = self._spread(operation, args, kwargs)
        steps, self._composite = self._composite, None
        flat = tuple(tree.flatten(outputs))
        self.rows.append(Row(path + operation.name, operation, tuple(steps), flat))
        return outputs

    def _spread(self, operation: Any, args: Any, kwargs: Any) -> Any:
        if self._composite is None:
            raise RuntimeError("a composite layer is spread out within its row")
        if isinstance(operation, keras.Layer) and not self._known(operation):
            before = len(self._composite)
            try:
                return self._inside(operation, args, kwargs, "")
            except _UNFIT:  # then it is one step, and its costs are unknown
                del self._composite[before:]
        outputs = _outputs(operation, args, kwargs)
        self._composite.append(Step(operation, args, kwargs, tuple(tree.flatten(outputs))))
        return outputs

    def _inside(self, layer: Any, args: Any, kwargs: Any, path: str) -> Any:
        """Run what a layer's ``call`` is composed of."""
        outer = [
            leaf for leaf in tree.flatten((args, kwargs)) if isinstance(leaf, keras.KerasTensor)
        ]
        stand_ins = [keras.Input(batch_shape=x.shape, dtype=x.dtype) for x in outer]
        places = dict(zip(map(id, outer), stand_ins, strict=True))
        inner_args, inner_kwargs = tree.map_structure(
            lambda leaf: places[id(leaf)] if isinstance(leaf, keras.KerasTensor) else leaf,
            (args, kwargs),
        )
        with _without_traces(layer):
            returned = layer.call(*inner_args, **inner_kwargs)
            if not all(isinstance(leaf, keras.KerasTensor) for leaf in tree.flatten(returned)):
                raise ValueError(f"{layer.name!r} returns something that is no tensor.")
            tensors = {id(places[id(x)]): x for x in outer}
            self._nodes(list(_nodes_of(tree.flatten(returned))), tensors, path)
        return tree.map_structure(lambda leaf: tensors[id(leaf)], returned)

    def _nodes(self, nodes: Iterable[Any], tensors: dict[int, Any], path: str) -> None:
        """Run nodes in order; ``tensors`` takes up what comes out, by the node's own tensors."""
        for node in nodes:
            if node.is_input or any(id(x) not in tensors for x in node.input_tensors):
                continue
            args, kwargs = node.arguments.fill_in(tensors)
            outputs = self.operation(node.operation, args, kwargs, path)
            tensors.update(zip(map(id, node.outputs), tree.flatten(outputs), strict=True))


def _outputs(operation: Any, args: Any, kwargs: Any) -> Any:
    """Return the symbolic outputs of an operation, with complete shapes and new identities."""
    outputs = operation.compute_output_spec(*args, **kwargs)
    if any(None in leaf.shape for leaf in tree.flatten(outputs)):
        # Some layers remember that a size was unknown when they were built; a trace does not.
        outputs = keras.Operation.compute_output_spec(operation, *args, **kwargs)
    return tree.map_structure(lambda x: keras.KerasTensor(x.shape, dtype=x.dtype), outputs)


def _nodes_of(outputs: Sequence[Symbol]) -> Iterator[Any]:
    """Yield the nodes that lead to some tensors, depth first, each behind those it needs."""
    seen: set[int] = set()
    stack: list[tuple[Any, bool]] = [(_node(x), False) for x in reversed(outputs)]
    while stack:
        node, ready = stack.pop()
        if ready:
            yield node
        elif id(node) not in seen:
            seen.add(id(node))
            stack.append((node, True))
            stack.extend((_node(x), False) for x in reversed(node.input_tensors))


def _node(tensor: Symbol) -> Any:
    history = tensor._keras_history
    return history.operation._inbound_nodes[history.node_index]


@contextmanager
def _without_traces(layer: keras.Layer) -> Iterator[None]:
    """Forget the nodes that layers below ``layer`` get meanwhile: their model knows nothing of it.

    Else ``model.layers[3].output`` would raise afterwards, for having two.
    """
    below = layer._flatten_layers(include_self=True, recursive=True)
    kept = [(part, len(part._inbound_nodes), len(part._outbound_nodes)) for part in below]
    try:
        yield
    finally:
        for part, inbound, outbound in kept:
            del part._inbound_nodes[inbound:]
            del part._outbound_nodes[outbound:]


def _inputs(model: keras.Model, input_shape: Any, batch: int) -> Any:
    """Return symbolic inputs in the structure that the model takes them in."""
    structure = getattr(model, "_inputs_struct", None)
    if isinstance(model, keras.Sequential) and model.built:
        structure = model.inputs[0]
    known = tree.flatten(structure) if structure is not None else []
    shapes = [tuple(x.shape[1:]) for x in known] if input_shape is None else _shapes(input_shape)
    if not shapes or any(None in shape for shape in shapes):
        raise ArgumentError(
            "input_shape",
            "be given for a model that does not know the size of its input",
            f"input_shape={input_shape!r}, and {shapes or 'nothing'} in the model",
            "Name it without the batch, such as input_shape=(224, 224, 3).",
        )
    wanted = [tuple(x.shape[1:]) for x in known] or shapes
    if len(wanted) != len(shapes) or not all(map(_fits, shapes, wanted)):
        raise ArgumentError("input_shape", f"fit the model's {wanted}", f"{shapes}")
    dtypes = [x.dtype for x in known] or [None] * len(shapes)
    flat = [
        keras.Input(batch_shape=(batch, *shape), dtype=dtype)
        for shape, dtype in zip(shapes, dtypes, strict=True)
    ]
    if structure is None:
        return flat[0] if len(flat) == 1 else flat
    return tree.pack_sequence_as(structure, flat)


def _shapes(input_shape: Any) -> list[tuple[int, ...]]:
    several = isinstance(input_shape, list) or (
        isinstance(input_shape, tuple) and input_shape and isinstance(input_shape[0], tuple | list)
    )
    if not isinstance(input_shape, tuple | list):
        raise ArgumentError("input_shape", "be a tuple of integers, or a list of them", input_shape)
    shapes = input_shape if several and isinstance(input_shape[0], tuple | list) else [input_shape]
    return [tuple(checks.integer("input_shape", side) for side in shape) for shape in shapes]


def _fits(came: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    pairs = zip(came, wanted, strict=False)
    return len(came) == len(wanted) and all(side in (None, size) for size, side in pairs)
