"""The one loop of the searches, and what a search method is.

A method says which members to try next; the `Ledger` owns everything else. Methods in ask/tell
form (after N. Hansen's pycma, and R. T. Lange's evosax, arXiv:2212.04180) run in the loop of
`AskTell`; a method with a loop of its own keeps it, and reports to the same ledger.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from workbench.evolve.ledger import Ledger, Memory
from workbench.evolve.space import Space as Space
from workbench.registry import Registry

Floats = NDArray[np.float64]


class Method(Protocol):
    """A search method: a frozen dataclass whose fields are its options."""

    def search(
        self,
        ledger: Ledger,
        members: Floats,
        rng: np.random.Generator,
        memory: Memory | None = None,
    ) -> None:
        """Search from ``members`` (members, genes) until the ledger says to stop.

        Args:
            ledger: Evaluates, and records every generation with what the method remembers.
            members: The first population; or the last one that was recorded.
            rng: Source of all random numbers.
            memory: What was last recorded, to go on from there; None begins.
        """


METHODS: Registry[Callable[..., Method]] = Registry("search method")


def kinds_of(method: Any) -> frozenset[str]:
    """Return the kinds of genes that a method serves."""
    return getattr(method, "kinds", frozenset({"real", "integer", "binary"}))


class Population(Protocol):
    """What every state holds: the members (n, genes) it stands at, and their values (n,)."""

    @property
    def members(self) -> Floats: ...  # noqa: D102
    @property
    def values(self) -> Floats: ...  # noqa: D102


S = TypeVar("S", bound=Population)


class AskTell(Generic[S]):
    """A method that proposes candidates and is told their values.

    All that it remembers is in its state, a small frozen dataclass of arrays, numbers and
    strings: a checkpoint holds its fields.
    """

    State: ClassVar[Callable[..., Any]]  # what makes a state of its fields

    def init(self, space: Space, members: Floats, rng: np.random.Generator) -> S:
        """Return the state before anything is evaluated; ``members`` are told first."""
        raise NotImplementedError

    def ask(self, state: S, space: Space, rng: np.random.Generator) -> tuple[Floats, S]:
        """Return the candidates to evaluate, shape (n, genes), and the state that awaits them."""
        raise NotImplementedError

    def tell(self, state: S, candidates: Floats, values: Floats) -> S:
        """Return the state that knows the values of the candidates.

        An objective that trains has written what it made of them into the candidates.
        """
        raise NotImplementedError

    def search(
        self,
        ledger: Ledger,
        members: Floats,
        rng: np.random.Generator,
        memory: Memory | None = None,
    ) -> None:
        """Search from ``members`` (members, genes) until the ledger says to stop."""
        if memory is None:
            state = self.init(ledger.space, members, rng)
            state = self.tell(state, members, ledger.evaluate(members))
            if not ledger.record(state.members, state.values, _remembered(state)):
                return
        else:
            state = self.State(**memory)
        while True:
            candidates, state = self.ask(state, ledger.space, rng)
            state = self.tell(state, candidates, ledger.evaluate(candidates))
            if not ledger.record(state.members, state.values, _remembered(state)):
                return


def _remembered(state: Any) -> Memory:
    return {field.name: getattr(state, field.name) for field in fields(state)}


def run(
    method: Method,
    ledger: Ledger,
    members: Floats,
    rng: np.random.Generator,
    memory: Memory | None = None,
) -> None:
    """Search, and take Ctrl-C for an end like others once there is something to keep.

    Raises:
        KeyboardInterrupt: It came before the first generation was complete.
    """
    try:
        method.search(ledger, members, rng, memory)
    except KeyboardInterrupt:
        if ledger.population is None:
            raise
        ledger.stop = "interrupted"
