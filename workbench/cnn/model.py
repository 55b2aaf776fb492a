"""A functional Keras model that remembers which network it is and what its images go through.

It is a `keras.Model` like any other: it compiles, fits and saves as one. Cut out of it
(``keras.Model(cnn.input, cnn.layers[7].output)``) is a plain functional model. A copy by
``CNN.from_config(cnn.get_config())`` remembers as much; one by ``keras.models.clone_model`` does
not, for that hands on inputs and outputs and nothing else.
"""

from __future__ import annotations

from typing import Any

import keras

from workbench.cnn.preprocessing import Preprocessing


@keras.saving.register_keras_serializable("workbench")
class CNN(keras.Model):
    """A network of the zoo.

    Attributes:
        architecture: Name in the zoo, None for a model that was made by hand.
        options: The options that it was built with.
        preprocessing: What photographs go through on their way in; None if nobody said.
    """

    # Keras tells functional models by this very signature, so the rest is set afterwards.
    def __init__(self, inputs: Any, outputs: Any, name: str | None = None, **kwargs: Any):
        super().__init__(inputs, outputs, name=name, **kwargs)
        self.architecture: str | None = None
        self.options: dict[str, Any] = {}
        self.preprocessing: Preprocessing | None = None

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal model of."""
        settings = None if self.preprocessing is None else self.preprocessing.settings()
        own = {
            "architecture": self.architecture,
            "options": dict(self.options),
            "preprocessing": settings,
        }
        return {**super().get_config(), **own}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> CNN:
        """Return the model, its weights new; options that are sequences come back as tuples."""
        config = dict(config)
        architecture = config.pop("architecture", None)
        options = config.pop("options", {})
        settings = config.pop("preprocessing", None)
        model = super().from_config(config, custom_objects)
        model.architecture = architecture
        model.options = {  # JSON has lists only
            name: tuple(value) if isinstance(value, list) else value
            for name, value in options.items()
        }
        model.preprocessing = None if settings is None else Preprocessing(**settings)
        return model
