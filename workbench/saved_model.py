"""Models saved with ``model.save("net.keras")``, this package's functions and layers included.

A new process in which nothing else of this package has been used does not know its transfer
functions, the layers of its convolutional networks or these themselves, and
``keras.saving.load_model`` would refuse the file. `load_model` makes all of them known first; from
then on Keras's own function takes such files as well.
"""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.errors import ArgumentError, DataFileError

if TYPE_CHECKING:
    import keras


def load_model(path: str | PathLike[str]) -> keras.Model:
    """Load a model from a ``.keras`` file, which is data and never code (Keras's safe mode).

    Args:
        path: The file.

    Returns:
        The model with its weights; an optimizer that was saved with it is left out.

    Raises:
        ArgumentError: The file has another ending.
        DataFileError: It is missing, damaged, or needs code that is not at hand.
    """
    path = Path(path)
    if path.suffix != ".keras":
        raise ArgumentError(
            "path", "end in .keras", f"{path}", 'Save the model with model.save("net.keras").'
        )
    if not path.is_file():
        raise DataFileError(
            f"There is no file {path}. Save a model with model.save({str(path)!r})."
        )
    import keras

    # Each registers what it defines.
    from workbench.cnn import model as model
    from workbench.cnn import ops as ops
    from workbench.network import activations as activations

    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise DataFileError(
            f"{path} cannot be loaded as a Keras model: {error} Save it anew, or load it with "
            "keras.saving.load_model and the custom_objects that it was built with."
        ) from error
