"""A functional Keras model as the steps that it runs, and what of them no training changes.

Idea: a step is *live* if it has a weight that is trained, or reads what a live step has written.
All other steps give the same for the same rows, whatever the trained weights are. So they are run
once, and what the live steps read of theirs, the features, takes the place of the inputs.

Nested models are spread out, so that a frozen half of one counts as well. A model with a ``call``
of its own (a subclass) is not known from inside: as a part it is one step, as a whole it has none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import keras
from keras import tree

from workbench.network.backend import Tensor

# Channels of the image's size that a model not known from inside may have.
_CHANNELS = 64


@dataclass(frozen=True, eq=False)
class Step:
    """One call of an operation.

    Attributes:
        operation: The layer, or the operation of `keras.ops`.
        arguments: Of the call, as Keras remembers them: with symbolic tensors.
        reads: Number of each tensor among them, by the identity of the symbolic one.
        writes: Numbers of the tensors that come out.
        symbols: Their symbolic tensors.
    """

    operation: Any
    arguments: Any
    reads: dict[int, int]
    writes: tuple[int, ...]
    symbols: tuple[Any, ...]

    @property
    def sizes(self) -> list[int | None]:
        """Numbers in a row of each tensor that comes out, None where a side is not known."""
        shapes = [symbol.shape[1:] for symbol in self.symbols]
        return [None if None in shape else prod(shape) for shape in shapes]

    @property
    def masks(self) -> bool:
        """Whether a mask comes out beside a tensor."""
        return any(getattr(symbol, "_keras_mask", None) is not None for symbol in self.symbols)

    @property
    def variables(self) -> list[Any]:
        """Weights that the step reads, those included that are passed to an operation."""
        given = tree.flatten((self.arguments.args, self.arguments.kwargs))
        passed = [leaf for leaf in given if isinstance(leaf, keras.Variable)]
        return [*getattr(self.operation, "variables", ()), *passed]

    def run(self, tensors: dict[int, Tensor]) -> None:
        """Run in inference mode; ``tensors`` has what is read, and takes up what is written."""
        found = {symbol: tensors[number] for symbol, number in self.reads.items()}
        args, kwargs = self.arguments.fill_in(found)
        # As Keras's functional models hand it on, whatever the layer was called with.
        if "training" in getattr(self.operation, "_call_context_args", ()):
            kwargs = {**kwargs, "training": False}
        outputs = tree.flatten(self.operation(*args, **kwargs))
        tensors.update(zip(self.writes, outputs, strict=True))


@dataclass(frozen=True, eq=False)
class Steps:
    """A model with one input and one output as steps; the input is tensor 0.

    Attributes:
        model: The model.
        all: Its steps, in an order in which they can run.
        output: Number of the tensor that comes out.
    """

    model: keras.Model
    all: tuple[Step, ...]
    output: int

    @cached_property
    def live(self) -> tuple[Step, ...]:
        """The steps that depend on trainable weights."""
        trained = {id(variable) for variable in self.model.trainable_variables}
        written: set[int] = set()
        found = []
        for step in self.all:
            own = any(id(variable) in trained for variable in step.variables)
            if own or not written.isdisjoint(step.reads.values()):
                written.update(step.writes)
                found.append(step)
        return tuple(found)

    @cached_property
    def frozen(self) -> tuple[Step, ...]:
        """All others."""
        live = set(map(id, self.live))
        return tuple(step for step in self.all if id(step) not in live)

    @cached_property
    def features(self) -> tuple[int, ...]:
        """Numbers of the tensors that live steps read and frozen steps, or nobody, wrote."""
        written = {number for step in self.live for number in step.writes}
        read = {number for step in self.live for number in step.reads.values()}
        return tuple(sorted(read - written))

    @property
    def has_frozen_beginning(self) -> bool:
        """Whether there are frozen weights before trained ones, and nothing but tensors between."""
        live = {number for step in self.live for number in step.writes}
        masks = any(step.masks for step in self.frozen)
        return self.output in live and not masks and any(step.variables for step in self.frozen)

    def run(
        self, steps: Sequence[Step], tensors: dict[int, Tensor], values: Sequence[Tensor]
    ) -> None:
        """Run some steps on values that are not those of the model's variables.

        Args:
            steps: Which, in their order.
            tensors: By number what they read; takes up what they write.
            values: Of the trainable variables, then of all others, in the model's order.
        """
        variables = [*self.model.trainable_variables, *self.model.non_trainable_variables]
        mapping = list(zip(variables, values, strict=True))
        with keras.StatelessScope(state_mapping=mapping):
            for step in steps:
                step.run(tensors)


def steps_of(model: keras.Model) -> Steps | None:
    """Return the steps of a model with one input and one output.

    Returns:
        None for a model that is not functional, or sequential, throughout its own ``call``.
    """
    graph = _graph(model)
    if graph is None or len(graph.inputs) != 1 or len(graph.outputs) != 1:
        return None
    numbers = {id(graph.inputs[0]): 0}
    steps = list(_steps(graph, numbers, [1]))
    return Steps(model, tuple(steps), numbers[id(graph.outputs[0])])


def widest(steps: Sequence[Step] | None, row: Sequence[int]) -> int:
    """Return how many numbers of a row the largest tensor has, what comes in included.

    Args:
        steps: What runs; None if that is not known.
        row: Shape of a row that comes in.
    """
    sizes = [prod(row), *(size for step in steps or () for size in step.sizes)]
    known = [size for size in sizes if size is not None]
    # A guess on the safe side: more blocks than needed cost little.
    return max(known) if steps is not None and len(known) == len(sizes) else _CHANNELS * prod(row)


def _graph(model: Any) -> Any:
    """Return the graph that a model runs in its ``call``, None if it has a ``call`` of its own."""
    owner = next((base for base in type(model).__mro__ if "call" in vars(base)), object)
    if isinstance(model, keras.Sequential):
        return model._functional if owner is keras.Sequential else None
    if isinstance(model, keras.Function) and owner.__name__ in ("Functional", "Function"):
        return model
    return None


def _steps(graph: Any, numbers: dict[int, int], counter: list[int]) -> Iterator[Step]:
    """Yield the steps of a graph in order.

    Args:
        graph: A functional model.
        numbers: Of its inputs by the identity of their symbolic tensors; takes up all others.
        counter: The next free number, alone in a list that all graphs share.
    """
    for depth in sorted(graph._nodes_by_depth, reverse=True):
        for node in graph._nodes_by_depth[depth]:
            if node.is_input or any(id(x) not in numbers for x in node.input_tensors):
                continue
            reads = {id(x): numbers[id(x)] for x in node.input_tensors}
            inner = _spread(node)
            if inner is not None:
                given = [reads[id(x)] for x in node.input_tensors]
                within = dict(zip(map(id, inner.inputs), given, strict=True))
                yield from _steps(inner, within, counter)
                came = [within[id(x)] for x in inner.outputs]
            else:
                came = list(range(counter[0], counter[0] + len(node.outputs)))
                counter[0] += len(came)
                symbols = tuple(node.outputs)
                yield Step(node.operation, node.arguments, reads, tuple(came), symbols)
            numbers.update(zip(map(id, node.outputs), came, strict=True))


def _spread(node: Any) -> Any:
    """Return the graph of the model that a node calls, None for anything else."""
    inner, given = _graph(node.operation), node.input_tensors
    if inner is None or len(inner.inputs) != len(given):
        return None
    # Other than a functional model, a sequential one casts what it is given to its own dtype.
    casts = any(x.dtype != node.operation.compute_dtype for x in given)
    return None if inner is not node.operation and casts else inner
