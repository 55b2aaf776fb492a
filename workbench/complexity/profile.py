"""What a network costs, layer by layer and in total.

Each count has a file of its own, where its convention is stated: `parameters`, `macs`, `flops`,
`traffic`, `activation_peak`, `receptive_field`, `latency`. All are taken from one walk over the
model's graph (`graph`), by one table of rules (`rules`). Nothing but the latency is measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import nan
from typing import TYPE_CHECKING, Any

import keras

from workbench import checks
from workbench.complexity import graph as walk
from workbench.complexity import receptive_field as fields_of
from workbench.complexity.activation_peak import activation_peak
from workbench.complexity.latency import Latency, measure_latency
from workbench.complexity.parameters import Parameters, parameters
from workbench.complexity.receptive_field import Field, ReceptiveField
from workbench.complexity.rules import Rule, rule_for, rule_of
from workbench.complexity.size import depth, width
from workbench.complexity.step import Graph, Row, Step
from workbench.complexity.table import COSTS, by_stage, text_table
from workbench.complexity.traffic import Traffic, traffic
from workbench.errors import ArgumentError
from workbench.plot import plot_cost, plot_receptive_field

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

_UNKNOWN = Rule(field=fields_of.lost)


@dataclass(frozen=True, eq=False, repr=False)
class Profile:
    """What `profile` found; ``print`` shows it as a table.

    All counts are for one forward pass of ``batch`` samples in inference.

    Attributes:
        model: The model.
        batch: Samples in a forward pass.
        frame: A row a layer, in the order in which they run: ``name``, ``kind`` (its class),
            ``output_shape`` (without the batch), ``resolution`` (such as "56x56"), ``parameters``
            (trainable), ``non_trainable``, ``macs``, ``flops``, ``read`` and ``written`` (bytes),
            ``access`` (elements, by ShuffleNet V2's formula), ``field`` (longer side of the
            receptive field in pixels, NaN where there is none), ``stride`` (likewise), ``centre``
            (row and column of the middle of the first position's field; 0 is the middle of the
            first pixel), ``global`` (whether the image as a whole counts as well).
        activation_peak: Bytes of all live tensors at the worst moment.
        receptive_field: At the last feature map, before global pooling or flattening; None where
            there is none, or it is lost.
        depth: Convolutions and linear layers on the longest path, those in gates included.
        width: Most channels that one of them puts out.
        unknown: Names of layers whose costs are unknown; totals are without them.
        fields: The receptive field of each layer's output, by the layer's name. A layer that is
            called again has the last call's.
        input_shape: As it was given to `profile`.
    """

    model: keras.Model
    batch: int
    frame: pd.DataFrame
    activation_peak: int
    receptive_field: ReceptiveField | None
    depth: int
    width: int
    unknown: tuple[str, ...]
    fields: dict[str, Field]
    input_shape: Any

    @property
    def parameters(self) -> int:
        """Trainable weights."""
        return self._total("parameters")

    @property
    def non_trainable(self) -> int:
        """All other weights: moving statistics, frozen layers."""
        return self._total("non_trainable")

    @property
    def macs(self) -> int:
        """Multiply-accumulates of convolutions and linear layers; see `workbench.complexity.macs`.

        `flops` has what counts beside them.
        """
        return self._total("macs")

    @property
    def flops(self) -> int:
        """Two for each MAC and the operations of all other layers."""
        return self._total("flops")

    @property
    def memory_read(self) -> int:
        """Bytes that the layers read, weights included."""
        return self._total("read")

    @property
    def memory_written(self) -> int:
        """Bytes that the layers write."""
        return self._total("written")

    @property
    def memory_access(self) -> int:
        """Memory access cost by ShuffleNet V2's formula, in elements."""
        return self._total("access")

    def _total(self, column: str) -> int:
        return int(self.frame[column].sum())

    def stages(self) -> pd.DataFrame:
        """Return costs by the resolution of the output, in the order in which they appear.

        Vectors between images (the inside of a gate) belong to the resolution before them, those
        behind the last image to the ``head``. Padding and cropping belong to the resolution of the
        row behind them. A decoder that comes back to a resolution is summed up with the encoder's
        layers there.
        """
        return by_stage(self.frame)

    def table(self) -> str:
        """Return a text table of 100 columns: a line a layer, then the totals."""
        return text_table(self)

    def __str__(self) -> str:
        return self.table()

    def __repr__(self) -> str:
        return (
            f"Profile({self.model.name!r}, parameters={self.parameters}, macs={self.macs}, "
            f"receptive_field={self.receptive_field})"
        )

    def plot(self, what: str = "macs", ax: Axes | None = None, *, by: str = "layer") -> Axes:
        """Draw costs as bars.

        Args:
            what: A column of `frame` with costs, such as ``"macs"``, ``"parameters"``, ``"read"``.
            ax: Axes; None makes some.
            by: ``"layer"``, or ``"stage"`` for the sums of `stages`.

        Raises:
            ArgumentError: Another column, or another grouping.
        """
        if what not in COSTS:
            raise ArgumentError("what", f"be one of {', '.join(COSTS)}", repr(what))
        if by not in ("stage", "layer"):
            raise ArgumentError("by", "be 'layer' or 'stage'", repr(by))
        if by == "layer":
            return plot_cost(self.frame, what, ax)
        return plot_cost(self.stages().rename(columns={"stage": "name"}), what, ax)

    def plot_receptive_field(self, ax: Axes | None = None, *, image: Any = None) -> Axes:
        """Draw how the field grows: by layer, or as rectangles over an image.

        Args:
            ax: Axes; None makes some.
            image: Pixels (rows, columns[, channels]), or only the (rows, columns) of an image.
        """
        return plot_receptive_field(self.frame, ax, image=image)

    def latency(self, *, batch: int | None = None, repeats: int = 20, warmup: int = 3) -> Latency:
        """Measure the forward pass; see `measure_latency`."""
        return measure_latency(
            self.model,
            self.input_shape,
            batch=self.batch if batch is None else batch,
            repeats=repeats,
            warmup=warmup,
        )


def profile(model: keras.Model, input_shape: Any = None, *, batch: int = 1) -> Profile:
    """Count what a network costs.

    Args:
        model: Any Keras model: functional, sequential, nested, or a subclass whose ``call`` is
            written in Keras layers and `keras.ops`.
        input_shape: Shape of the input without the batch, such as (224, 224, 3); a list of shapes
            for several inputs. Needed only where the model leaves it open.
        batch: Samples in a forward pass.

    Returns:
        The counts; ``print`` shows them as a table. The model is as before, but built.

    Raises:
        ArgumentError: Not a Keras model, or a shape that is missing or does not fit.
        ModelError: A subclass that cannot be run on symbolic tensors.

    Example:
        >>> cost = profile(keras.applications.ResNet50(weights=None))
        >>> cost.parameters, round(cost.macs / 1e6, 1), int(cost.receptive_field)
        (25583592, 3858.0, 483)
    """
    batch = checks.integer("batch", batch)
    graph = walk.trace(model, input_shape, batch, known=lambda operation: bool(rule_for(operation)))
    rules = {id(step): rule_of(step) or _UNKNOWN for step in graph.steps}
    fields = fields_of.receptive_fields(graph, lambda step: rules[id(step)].field)
    numbers, rest = parameters(graph, model)
    rows = [
        _row(row, number, rules, fields[id(row.outputs[0])])
        for row, number in zip(graph.rows, numbers, strict=True)
    ]
    if rest != Parameters():
        rows.append(_rest(rest))
    return Profile(
        model=model,
        batch=batch,
        frame=_frame(rows),
        activation_peak=activation_peak(graph, lambda step: rules[id(step)].view),
        receptive_field=_last(graph, fields),
        depth=depth(graph, lambda step: rules[id(step)].macs(step)),
        width=width(graph, lambda step: rules[id(step)].macs(step)),
        unknown=_unknown(graph, rules),
        fields={row.name: fields[id(row.outputs[0])] for row in graph.rows},
        input_shape=input_shape,
    )


def _row(row: Row, number: Parameters, rules: dict[int, Rule], seen: Field) -> dict[str, Any]:
    pairs = [(step, rules[id(step)]) for step in row.steps]
    moved = sum((_moved(step, rule) for step, rule in pairs), Traffic())
    macs = sum(rule.macs(step) for step, rule in pairs)
    others = sum(rule.flops(step) for step, rule in pairs)
    shape = tuple(row.outputs[0].shape[1:])
    sides = [side for side, span in zip(shape, seen.axes[1:], strict=True) if span is not None]
    spans = seen.spans
    return {
        "name": row.name,
        "kind": type(row.layer).__name__,
        "output_shape": shape,
        "resolution": "x".join(map(str, sides)),
        "parameters": number.trainable,
        "non_trainable": number.fixed,
        "macs": macs,
        "flops": 2 * macs + others,
        "read": moved.read,
        "written": moved.written,
        "access": moved.access,
        "field": max((float(span.size) for span in spans), default=nan),
        "stride": max((float(span.stride) for span in spans), default=nan),
        "centre": tuple(nan if span.centre is None else float(span.centre) for span in spans),
        "global": seen.whole,
    }


def _rest(rest: Parameters) -> dict[str, Any]:
    """Return the row of weights that no layer of the graph has."""
    words = {"name": "(not in the graph)", "kind": "", "output_shape": (), "resolution": ""}
    costs = {**dict.fromkeys(COSTS, 0), "parameters": rest.trainable, "non_trainable": rest.fixed}
    return {**words, **costs, "field": nan, "stride": nan, "centre": (), "global": False}


def _moved(step: Step, rule: Rule) -> Traffic:
    return Traffic() if rule.view else traffic(step, partial=rule.partial)


def _frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(rows)


def _last(graph: Graph, fields: dict[int, Field]) -> ReceptiveField | None:
    for row in reversed(graph.rows):
        field = fields[id(row.outputs[0])]
        if field.lost and len(field.axes) > 2:
            return None
        if field.spans:
            return ReceptiveField(field, row.name)
    return None


def _unknown(graph: Graph, rules: dict[int, Rule]) -> tuple[str, ...]:
    names = (
        f"{row.name} ({type(step.operation).__name__})"
        for row in graph.rows
        for step in row.steps
        if rules[id(step)] is _UNKNOWN
    )
    return tuple(dict.fromkeys(names))
