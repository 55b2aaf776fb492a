"""What is known of candidates, each scored once, in memory and in a file.

Idea: a search whose scores can be looked up again takes the same way again, for all else comes from
its seed. So nothing but the scores has to be kept for a killed search to go on. The file is JSON,
never code, and is replaced as a whole after every score.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from workbench import checks
from workbench.architecture.candidate import Candidate
from workbench.archive import prepared_place, refuse_another
from workbench.errors import ArgumentError, WorkbenchError
from workbench.files import replace_file

_FORMAT = 1


@dataclass(frozen=True)
class Score:
    """What is known of a candidate.

    Attributes:
        accuracy: Share of images that it classified rightly.
        macs: Multiply-accumulates of one image.
        parameters: Trainable weights.
    """

    accuracy: float
    macs: int
    parameters: int


class Scores:
    """Scores by candidate, in the order in which they were entered.

    Args:
        path: The file; None keeps them in memory only.
        search: What tells this search from others, in JSON; of the seed, None stands for any.

    Raises:
        ArgumentError: There is no such folder, or the file is not one of this search.
    """

    def __init__(self, path: str | os.PathLike[str] | None, search: dict[str, Any]):
        self.search = search
        self._known: dict[Candidate, Score] = {}
        self._path = None if path is None else prepared_place(path)
        if self._path is not None and self._path.exists():
            self._read(self._path)

    def __contains__(self, candidate: Candidate) -> bool:
        return candidate in self._known

    def __getitem__(self, candidate: Candidate) -> Score:
        return self._known[candidate]

    def __iter__(self) -> Iterator[tuple[Candidate, Score]]:
        return iter(self._known.items())

    def __len__(self) -> int:
        return len(self._known)

    def enter(self, candidate: Candidate, score: Score) -> None:
        """Keep a score, in the file too.

        Raises:
            OSError: The file cannot be written; the one before is as it was.
        """
        self._known[candidate] = score
        if self._path is None:
            return
        rows = [{**asdict(one), **asdict(known)} for one, known in self]
        whole = {"format": _FORMAT, "search": self.search, "candidates": rows}
        replace_file(self._path, json.dumps(whole, indent=1).encode())

    def _read(self, path: Path) -> None:
        try:
            whole = json.loads(path.read_bytes())
            if whole["format"] != _FORMAT:
                raise ValueError(f"format {whole['format']}")
            theirs = dict(whole["search"])
            self._known = dict(map(_read_row, whole["candidates"]))
        except (ValueError, KeyError, TypeError, WorkbenchError) as error:
            raise ArgumentError(
                "checkpoint",
                "be a file of an architecture search",
                f"{path.name}: {error}",
                "Choose another file.",
            ) from error
        if self.search.get("seed") is None:
            self.search["seed"] = theirs.get("seed")
        refuse_another(path, "search", theirs, self.search)


def _read_row(row: dict[str, Any]) -> tuple[Candidate, Score]:
    candidate = Candidate(row["block"], row["width"], tuple(row["depths"]), row["se_ratio"])
    return candidate, Score(
        checks.real("accuracy", row["accuracy"], 0, 1),
        checks.integer("macs", row["macs"]),
        checks.integer("parameters", row["parameters"]),
    )
