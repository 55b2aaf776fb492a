"""Ways to come by initial weights: an initialiser, or a search from what it drew.

A search spends evaluations, so next to each genetic algorithm stands a random multistart that is
to get the very number of evaluations that the genetic algorithm spent: a search that does not
beat it has found nothing by evolving.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from workbench import checks
from workbench.checks import Seed
from workbench.errors import ArgumentError
from workbench.evolve.weights import evolve_weights
from workbench.network.dense import feedforward
from workbench.registry import Registry

if TYPE_CHECKING:
    import keras
    from scipy.optimize import OptimizeResult


@dataclass(frozen=True)
class Start:
    """A way to come by initial weights.

    Attributes:
        initial: Initialiser of `feedforward`.
        search: What `evolve_weights` is called with, if there is a search.
        budget_of: The start whose number of evaluations the search gets, seed by seed.
    """

    initial: str = "uniform"
    search: Mapping[str, Any] = field(default_factory=dict)
    budget_of: str | None = None


# Fitness of the raw weights: the call that programs for MATLAB commonly copy, whose fitness is
# 1/SSE. Fitness after training: "MATLAB Neural Networks: 30 cases".
_RAW: dict[str, Any] = {"loss": "sse", "bounds": (-1, 1)}
_TRAINED: dict[str, Any] = {"loss": "sae", "bounds": (-3, 3), "train_epochs": 20}
# Members that learn: what they are after their training is written back.
_LEARNING: dict[str, Any] = {
    "loss": "mse",
    "draw": "restart",
    "train_epochs": 20,
    "lamarckian": True,
    "population": 30,
}
_WITHOUT_END = {"method": "multistart", "population": 50, "generations": 10**6}

STARTS: Registry[Start] = Registry("initialiser")
for _name, _start in {
    "nguyen-widrow": Start("nguyen-widrow"),
    "uniform": Start("uniform"),
    "ga": Start(search=_RAW | {"preset": "gaot", "population": 50, "generations": 100}),
    "multistart": Start(search=_RAW | _WITHOUT_END, budget_of="ga"),
    "ga-trained": Start(
        search=_TRAINED | {"preset": "textbook", "population": 30, "generations": 10}
    ),
    "multistart-trained": Start(search=_TRAINED | _WITHOUT_END, budget_of="ga-trained"),
    "evolved": Start(search=_LEARNING | {"method": "memetic", "generations": 5}),
    "multistart-evolved": Start(search=_WITHOUT_END | _LEARNING, budget_of="evolved"),
}.items():
    STARTS.register(_name)(_start)
for _name in ("pso", "de", "cmaes", "aco", "sa"):
    _search = _RAW | {"method": _name, "population": 50, "generations": 100}
    STARTS.register(_name)(Start(search=_search))
    STARTS.register(f"multistart-{_name}")(Start(search=_RAW | _WITHOUT_END, budget_of=_name))
# As many forward passes as "evolved" spends on its 30 x 5 trainings of 20 epochs, an epoch of
# trainlm taken for four: three for the Jacobian, one for the step that is tried.
STARTS.register("multistart-untrained")(
    Start(search=_RAW | _WITHOUT_END | {"evaluations": 30 * 5 * 20 * 4})
)


def started_model(
    name: str,
    X: ArrayLike,
    y: ArrayLike,
    sizes: Sequence[int],
    transfer: Sequence[str] | None = None,
    *,
    seed: Seed = None,
    progress: bool = False,
    **search: Any,
) -> tuple[keras.Model, OptimizeResult | None]:
    """Build a feedforward network with the initial weights of a start.

    Args:
        name: Registered name of the start.
        X: Inputs ``(samples, inputs)`` to search with, scaled to [-1, 1].
        y: Targets ``(samples, outputs)`` likewise.
        sizes: Neurons in each layer, the inputs first.
        transfer: Transfer function of each layer after the inputs; see `feedforward`.
        seed: Generator, or seed for one.
        progress: Show a bar when the search takes longer than a second.
        **search: What `evolve_weights` is to take instead of the start's own.

    Returns:
        The network, and the result of the search if there was one. After Ctrl-C its ``stop`` is
        ``"interrupted"``.

    Raises:
        ArgumentError: An argument is out of its range, the start does not search and there are
            settings for a search, or its budget is that of another start and none is given.
        UnknownNameError: There is no such start or transfer function.
    """
    start = STARTS[name]
    rng = checks.generator(seed)
    if search and not start.search:
        requirement = f"be left out for the start {name!r}, which does not search"
        raise ArgumentError("settings of the search", requirement, repr(search))
    settings = {**start.search, **search}
    if start.budget_of is not None and "evaluations" not in settings:
        raise ArgumentError(
            "evaluations",
            f"be given for the start {name!r}, which gets as many as {start.budget_of!r} spent",
            "none",
            f"Read them off a search of {start.budget_of!r}: its result's nfev.",
        )
    model = feedforward(sizes, transfer, initial=start.initial, seed=rng)
    if not settings:
        return model, None
    return model, evolve_weights(model, X, y, seed=rng, progress=progress, **settings)
