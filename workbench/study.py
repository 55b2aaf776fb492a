"""Does a better start help? Paired comparisons of initial weights over many seeds.

For every seed all ways to start share the rows, the scaling and the number of epochs; what
differs is only where the training begins. A search spends evaluations, so next to each genetic
algorithm stands a random multistart with the very number of evaluations that the genetic
algorithm spent on that seed: a search that does not beat it has found nothing by evolving.

Errors span orders of magnitude, so everything is compared by ratio: the median of the paired
ratios with a percentile bootstrap interval, and Wilcoxon's signed-rank test (F. Wilcoxon,
Biometrics Bulletin 1 (1945), pp. 80-83) on the logarithms.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench import checks
from workbench import progress as progress_bar
from workbench.data.scaling import MapMinMax
from workbench.data.splitting import split
from workbench.errors import ArgumentError
from workbench.evolve.starts import STARTS, started_model
from workbench.registry import Registry
from workbench.training.record import TrainingRecord
from workbench.training.trainer import train

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

# Those of MATLAB programs and textbooks, and their controls.
CLASSICAL = ("nguyen-widrow", "uniform", "ga", "multistart", "ga-trained", "multistart-trained")
_RESAMPLES = 9999
_CONFIDENCE = 0.95


@dataclass(frozen=True)
class Paired:
    """How one start compares with another, seed by seed.

    Attributes:
        ratio: Median over the seeds of its test error divided by the other's.
        low: Lower end of the 95 % bootstrap interval of that median.
        high: Upper end.
        wins: Seeds in which its error is lower.
        seeds: Seeds in all.
        p: Two-sided p of Wilcoxon's signed-rank test on the logarithms of the ratios.
    """

    ratio: float
    low: float
    high: float
    wins: int
    seeds: int
    p: float


@dataclass(frozen=True)
class Comparison:
    """What a comparison found.

    Attributes:
        runs: A row for each seed and initialiser, with the columns ``seed``, ``initialiser``,
            ``evaluations`` (of the search), ``start_mse`` and ``test_mse`` (test rows before and
            after training), ``train_mse``, ``epochs`` and ``stop``; errors in scaled units.
        curves: Test error by epoch, ``(seeds, epochs + 1)`` for each initialiser. A training
            that ended early keeps its best.
        baseline: The initialiser that `frame` compares the others with.
        interrupted: Ctrl-C ended it; only complete seeds are in it.
    """

    runs: pd.DataFrame
    curves: dict[str, NDArray[np.float64]]
    baseline: str
    interrupted: bool = False

    @property
    def initialisers(self) -> tuple[str, ...]:
        """Their names, in the order asked for."""
        return tuple(self.curves)

    @property
    def frame(self) -> pd.DataFrame:
        """A row for each initialiser: medians, and how it compares with the baseline."""
        return self.against(self.baseline)

    def against(self, baseline: str) -> pd.DataFrame:
        """Return a row for each initialiser: medians, and how it compares with ``baseline``.

        Columns: ``evaluations``, ``start_mse`` and ``test_mse`` (medians), and ``ratio``,
        ``low``, ``high``, ``wins`` and ``p`` of `Paired`, missing for the baseline itself.
        """
        import pandas as pd

        columns = ["evaluations", "start_mse", "test_mse"]
        medians = self.runs.groupby("initialiser", sort=False)[columns].median()
        rows = {}
        for name in self.initialisers:
            if name != baseline:
                pair = self.paired(name, baseline)
                rows[name] = {k: getattr(pair, k) for k in ("ratio", "low", "high", "wins", "p")}
        versus = pd.DataFrame.from_dict(rows, orient="index")
        joined = medians.join(versus) if rows else medians
        return joined.astype({"wins": "Int64"}) if rows else joined

    def paired(self, one: str, other: str) -> Paired:
        """Compare the test errors of two initialisers, seed by seed.

        Raises:
            UnknownNameError: One of them is not in the comparison.
        """
        known: Registry[str] = Registry("initialiser of this comparison")
        for name in self.initialisers:
            known.register(name)(name)
        errors = self.runs.pivot(index="seed", columns="initialiser", values="test_mse")
        # An error of exactly zero has no logarithm; the smallest float stands for it.
        logs = np.log(errors.to_numpy().clip(min=np.finfo(float).tiny))
        column = {name: logs[:, place] for place, name in enumerate(errors.columns)}
        return _paired(column[known[one]] - column[known[other]])

    @property
    def verdict(self) -> str:
        """What the comparison shows, in a sentence for each initialiser.

        Each stands against the baseline, and each search that has a random multistart of the
        same budget in the comparison stands against that as well. A difference counts as shown
        when p is below 0.05.
        """
        pairs = [(name, self.baseline) for name in self.initialisers if name != self.baseline]
        for name in self.initialisers:
            rival = STARTS[name].budget_of
            if rival in self.initialisers and rival != self.baseline:
                pairs.append((str(rival), name))
        return "\n".join(_sentence(one, other, self.paired(one, other)) for one, other in pairs)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw every seed's test error, by initialiser."""
        from workbench.plot import plot_comparison

        return plot_comparison(self.runs, ax=ax)


def compare_initialisers(
    X: ArrayLike,
    y: ArrayLike,
    sizes: Sequence[int] = (2, 5, 1),
    *,
    seeds: int | Iterable[int] = 20,
    initialisers: Sequence[str] = CLASSICAL,
    epochs: int = 100,
    train_fn: str = "trainlm",
    test: float = 0.25,
    progress: bool = True,
) -> Comparison:
    """Train from several kinds of initial weights, for many seeds, and compare.

    Each seed draws its own test rows; inputs and targets are scaled to [-1, 1] by the other
    rows. A multistart needs the genetic algorithm whose budget it gets, which is therefore run
    even if it is not asked for.

    Args:
        X: Inputs ``(samples, inputs)``, in their own units.
        y: Targets ``(samples, outputs)``, or ``(samples,)`` for one output.
        sizes: Neurons in each layer, the inputs first.
        seeds: Number of seeds, counted from 0, or the seeds themselves.
        initialisers: Names out of `STARTS`; the first is the baseline.
        epochs: Epochs of training after each start.
        train_fn: Registered name of the training function.
        test: Fraction of the rows to test with.
        progress: Show a bar when it takes longer than a second.

    Returns:
        The comparison. After Ctrl-C it has the seeds that were complete.

    Raises:
        ArgumentError: An argument is out of its range, or the data do not fit the sizes.
        UnknownNameError: There is no such initialiser or training function.
        KeyboardInterrupt: Ctrl-C before the first seed was complete.
    """
    X, y = checks.matrix("X", X), checks.matrix("y", y)
    checks.same_rows(X, y)
    sizes = checks.layer_sizes("sizes", sizes)
    numbers = range(checks.integer("seeds", seeds)) if isinstance(seeds, int) else list(seeds)
    numbers = [checks.integer("seeds", number, minimum=0) for number in numbers]
    names = list(dict.fromkeys(initialisers))
    starts = {name: STARTS[name] for name in names}
    if not names or not numbers or len(set(numbers)) < len(numbers):
        raise ArgumentError("seeds and initialisers", "be non-empty and distinct", numbers or names)
    fraction = checks.real("test", test, 0, 1, open_low=True)
    rows, curves, interrupted = [], {name: [] for name in names}, False  # type: ignore[var-annotated]
    with progress_bar.bar(len(numbers), "compare", "seed", enabled=progress) as bar:
        for seed in numbers:
            try:
                data = _scaled_split(X, y, fraction, seed)
                done = _one_seed(data, sizes, starts, seed, epochs, train_fn)
            except KeyboardInterrupt:
                if not rows:
                    raise
                interrupted = True
                break
            rows += [row for row, _ in done.values()]
            for name, (_, curve) in done.items():
                curves[name].append(curve)
            bar.update()
    return _comparison(rows, curves, names[0], interrupted)


def _comparison(rows, curves, baseline, interrupted) -> Comparison:
    import pandas as pd

    stacked = {name: np.stack(each) for name, each in curves.items()}
    return Comparison(pd.DataFrame(rows), stacked, baseline, interrupted)


def _scaled_split(X, y, fraction, seed):
    """Return the scaled pairs (training, test) of a seed; test rows do not shape the scale."""
    division = split(
        len(X), train=1 - fraction, validation=0.0, test=fraction, seed=np.random.default_rng(seed)
    )
    scale_x, scale_y = MapMinMax().fit(X[division.train]), MapMinMax().fit(y[division.train])
    return tuple(
        (scale_x.transform(X[rows]), scale_y.transform(y[rows]))
        for rows in (division.train, division.test)
    )


def _one_seed(data, sizes, starts, seed, epochs, train_fn):
    """Return the row and the curve of every start, for one seed."""
    spent: dict[str, int] = {}
    done = {}
    for name, start in starts.items():
        if start.budget_of is not None and start.budget_of not in spent:
            _started(start.budget_of, data, sizes, seed, spent)
        model = _started(name, data, sizes, seed, spent)
        inputs, targets = data[0]
        record = train(
            model, inputs, targets, train_fn, epochs=epochs, test=data[1], progress=False
        )
        if record.stop == "interrupted":
            raise KeyboardInterrupt
        done[name] = _row(name, seed, spent[name], record), _curve(record, epochs)
    return done


def _started(name, data, sizes, seed, spent):
    """Return a model with the initial weights of a start, and enter what its search spent."""
    # Each start has its own stream, whichever others are compared with it.
    rng = np.random.default_rng([seed, 1 + list(STARTS).index(name)])
    rival = STARTS[name].budget_of
    budget = {} if rival is None else {"evaluations": spent[rival]}
    inputs, targets = data[0]
    model, found = started_model(name, inputs, targets, sizes, seed=rng, **budget)
    if found is not None and found.stop == "interrupted":
        raise KeyboardInterrupt
    spent[name] = 0 if found is None else found.nfev
    return model


def _row(name: str, seed: int, evaluations: int, record: TrainingRecord) -> dict[str, Any]:
    return {
        "seed": seed,
        "initialiser": name,
        "evaluations": evaluations,
        "start_mse": record.tperf[0],
        "test_mse": record.best_tperf,
        "train_mse": record.best_perf,
        "epochs": record.num_epochs,
        "stop": record.stop,
    }


def _curve(record: TrainingRecord, epochs: int) -> NDArray[np.float64]:
    missing = epochs - record.num_epochs
    return np.r_[record.tperf, np.full(missing, record.best_tperf)]


def _sentence(one: str, other: str, pair: Paired) -> str:
    if not pair.p < 0.05:  # NaN, of a single seed, shows nothing either
        judgement = "no difference shown"
    else:
        judgement = "it ends lower" if pair.ratio < 1 else "it ends higher"
    return (
        f"{one} against {other}: {judgement}. Test error {pair.ratio:.2g} times as high in the "
        f"median ({pair.low:.2g} to {pair.high:.2g}), lower for {pair.wins} of {pair.seeds} "
        f"seeds, p = {pair.p:.2g}."
    )


def _paired(logs: NDArray[np.float64]) -> Paired:
    """Summarise the logarithms of paired ratios, shape (seeds,)."""
    from scipy import stats

    low = high = p = np.nan
    if len(logs) > 1:
        interval = stats.bootstrap(
            (logs,),
            np.median,
            n_resamples=_RESAMPLES,
            confidence_level=_CONFIDENCE,
            method="percentile",
            rng=np.random.default_rng(0),  # the same data give the same interval
        ).confidence_interval
        low, high = np.exp(interval)
        p = float(stats.wilcoxon(logs).pvalue) if logs.any() else 1.0
    wins = int((logs < 0).sum())
    return Paired(float(np.exp(np.median(logs))), float(low), float(high), wins, len(logs), p)
