"""An estimator as two files: ``model.keras``, and ``estimator.json`` with all the rest.

No pickle: Keras reads its own format in safe mode, and the rest is plain JSON. That names the
SHA-256 of the network it belongs to, so a pair that does not belong together is told.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench._version import __version__
from workbench.errors import DataFileError
from workbench.estimators.plain import from_plain, to_plain
from workbench.estimators.scale import NetworkScale
from workbench.saved_model import load_model
from workbench.training.record import TrainingRecord

if TYPE_CHECKING:
    import keras

FORMAT = 1
_SCALER = ("data_min_", "data_max_", "range_", "constant_", "n_features_in_")
MODEL, REST = "model.keras", "estimator.json"


def save(estimator: Any, folder: Path) -> Path:
    """Write a fitted estimator to a folder; see `BPEstimator.save`."""
    model = _model_bytes(estimator.model_)
    fitted = {
        name: _fitted_to_plain(name, getattr(estimator, name))
        for name in estimator.fitted_names
        if hasattr(estimator, name)
    }
    parameters = estimator.get_params(deep=False)
    content = {
        "format": FORMAT,
        "estimator": type(estimator).__name__,
        "versions": {
            "workbench": __version__,
            **{name: version(name) for name in ("keras", "numpy", "scikit-learn")},
        },
        "model_sha256": hashlib.sha256(model).hexdigest(),
        "parameters": {name: to_plain(name, value) for name, value in parameters.items()},
        "fitted": fitted,
    }
    text = json.dumps(content, indent=1, allow_nan=False) + "\n"
    folder.mkdir(parents=True, exist_ok=True)
    _replace({folder / MODEL: model, folder / REST: text.encode()})
    return folder


def load(folder: Path, kinds: Mapping[str, type[Any]]) -> Any:
    """Read an estimator of one of some kinds, by the name of its class.

    Raises:
        DataFileError: A file is missing or damaged, or it is none of these kinds.
    """
    content, model = _read(folder / REST), _read(folder / MODEL)
    try:
        described = json.loads(content)
        if described["format"] != FORMAT:
            raise DataFileError(
                f"{folder / REST} has the format {described['format']!r}, and this version of "
                f"workbench reads {FORMAT}. Read it with version "
                f"{described['versions']['workbench']} or newer."
            )
        name = described["estimator"]
        if name not in kinds:
            raise DataFileError(
                f"{folder} holds a {name}, not a {' or '.join(kinds)}. "
                "workbench.estimators.load reads every kind."
            )
        estimator = _estimator(kinds[name], described)
        belongs = described["model_sha256"] == hashlib.sha256(model).hexdigest()
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DataFileError(
            f"{folder / REST} is damaged ({type(error).__name__}: {error}). Save it anew."
        ) from error
    if not belongs:
        raise DataFileError(
            f"{folder / MODEL} is damaged, or not the one that {REST} belongs to: the SHA-256 "
            "differs. Save both anew."
        )
    estimator._adopt(_model(folder / MODEL, estimator))
    return estimator


def _estimator(kind: type[Any], described: Mapping[str, Any]) -> Any:
    """Return an estimator with parameters and fitted attributes, its network yet to come."""
    parameters = {name: from_plain(value) for name, value in described["parameters"].items()}
    estimator = kind(**parameters)
    for name in kind.fitted_names:
        if name in described["fitted"]:
            setattr(estimator, name, _fitted_from_plain(name, described["fitted"][name]))
        elif name != "feature_names_in_":
            raise KeyError(name)
    return estimator


def _fitted_to_plain(name: str, value: Any) -> Any:
    if isinstance(value, NetworkScale):
        return to_plain(name, vars(value))
    if isinstance(value, TrainingRecord):
        # Of several trainings the best is enough: the others only tell how it was chosen.
        value = dataclasses.replace(value, members=())
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return to_plain(name, fields)
    return to_plain(name, value)


def _fitted_from_plain(name: str, plain: Any) -> Any:
    value = from_plain(plain)
    if name.endswith("_scaler_"):
        scaler = NetworkScale()
        for key in _SCALER:
            setattr(scaler, key, value[key])
        return scaler
    return TrainingRecord(**value) if name == "record_" else value


def _model_bytes(model: keras.Model) -> bytes:
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch, MODEL)
        model.save(path)
        return path.read_bytes()


def _model(path: Path, estimator: Any) -> keras.Model:
    model = load_model(path)
    shapes = getattr(model, "input_shape", None), getattr(model, "output_shape", None)
    wanted = (None, estimator.n_features_in_), (None, estimator.n_outputs_)
    if shapes != wanted:
        raise DataFileError(
            f"{path} is a network from {shapes[0]} to {shapes[1]}, and {REST} beside it "
            f"describes one from {wanted[0]} to {wanted[1]}. Save both anew."
        )
    return model


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataFileError(
            f"{path} cannot be read ({error.strerror}). A folder that an estimator's save has "
            f"written holds {MODEL} and {REST}."
        ) from error


def _replace(contents: Mapping[Path, bytes]) -> None:
    """Replace files only when all new ones are written, as `workbench.files` does for one."""
    beside = {path: path.with_name(f".{path.name}.{os.getpid()}.new") for path in contents}
    try:
        for path, content in contents.items():
            beside[path].write_bytes(content)
        for path, new in beside.items():
            os.replace(new, path)
    finally:
        for new in beside.values():
            new.unlink(missing_ok=True)
