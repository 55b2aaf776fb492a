"""What int8 costs every family in its tiny form, on digits of 8 x 8 pixels, and every export.

Each network is trained shortly (a cosine of 20 epochs, no augmentation: the differences count here
and not the accuracies), or read from a folder where an earlier run has left it. Then it goes to
int8 with 256 training images as the sample, and to LiteRT, ONNX and SavedModel, and all are
compared with Keras on 500 images that training has not seen.

    python benchmarks/quantisation.py [--families resnet mobilenet_v3] [--models FOLDER] [--aware 3]

Columns: test accuracy in float and int8 and the loss, in percent; signal-to-noise of the outputs
and of the worst layer, in dB; agreement of the best answer, in percent; bytes of the int8 file as
a part of the float LiteRT file's and of the .keras file's, without an optimizer; largest difference
of an output (a probability) by format. With ``--aware N``, accuracy and signal-to-noise after N
epochs of training with rounded numbers.

On 2 cores no family lost more than 0.6 % (ShuffleNet V1; MobileNet V3 0.4 %). The int8 files were
12 to 30 % of the .keras files, and 27 to 29 % of the float LiteRT files of AlexNet, VGG and ResNet;
of the others they were 31 to 81 %, the more the fewer weights, and of ShuffleNet V1 with its 5,000
no less than the float file: names, shapes and scales are most of it. Full-size networks (MobileNet
V2 and V3-Small, ShuffleNet V2) come to 28 %. LiteRT, ONNX and SavedModel were within 3.5e-6 of
Keras.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from workbench import build_cnn, list_cnns, load_model
from workbench.compress.aware_training import quantization_aware
from workbench.compress.exports import export
from workbench.compress.quantization import Quantized, quantize

EPOCHS, BATCH, TESTED, SAMPLE = 20, 64, 500, 256
FAMILIES = [name.removeprefix("tiny_") for name in list_cnns() if name.startswith("tiny_")]


def digits() -> list[Any]:
    """Return training and test images, from 0 to 1, and their classes."""
    X, y = load_digits(return_X_y=True)
    images = (X.reshape(-1, 8, 8, 1) / 16).astype("float32")
    return train_test_split(images, y, test_size=TESTED, stratify=y, random_state=0)


def fit(model: keras.Model, X: Any, y: Any, rate: Any, epochs: int) -> None:
    keras.utils.set_random_seed(0)
    optimizer = keras.optimizers.AdamW(rate, weight_decay=1e-3)
    model.compile(optimizer, "sparse_categorical_crossentropy", jit_compile=False)
    model.fit(X, y, batch_size=BATCH, epochs=epochs, verbose=0)


def trained(family: str, X: Any, y: Any, folder: Path | None) -> keras.Model:
    """Return a trained network, from the folder if it is there."""
    path = None if folder is None else folder / f"tiny_{family}.keras"
    if path is not None and path.exists():
        return load_model(path)
    model = build_cnn(f"tiny_{family}", (8, 8, 1), 10, seed=0)
    steps = EPOCHS * -(-len(X) // BATCH)
    fit(model, X, y, keras.optimizers.schedules.CosineDecay(3e-3, steps), EPOCHS)
    model.compile()  # the optimizer's state is no part of the network
    if path is not None:
        model.save(path)
    return model


def row(family: str, data: Any, folder: Path | None, aware_epochs: int) -> dict[str, Any]:
    X, others, y, classes = data
    model = trained(family, X, y, folder)
    correct = np.asarray(model(others, training=False)).argmax(axis=1) == classes
    with tempfile.TemporaryDirectory() as name:
        made = quantize(model, Path(name) / "int8.tflite", X[:SAMPLE], compare=others)
        exports = {
            each: export(model, Path(name) / path, images=others, tolerance=1e-3)
            for each, path in (
                ("litert", "net.tflite"),
                ("onnx", "net.onnx"),
                ("saved_model", "net"),
                ("keras", "net.keras"),
            )
        }
        result = {
            "float": 100 * correct.mean(),
            **{f"int8{name}": value for name, value in figures(made, others, classes).items()},
            "loss": 100 * (correct.mean() - made.accuracy(others, classes)),
            "worst": made.layers["snr"].min(),
            "agree": 100 * made.agreement,
            "/litert": made.ratio,
            "/keras": made.bytes / exports["keras"].bytes,
            "kB": made.bytes / 1000,
            **{each: exported.max_difference for each, exported in exports.items()},
        }
        if aware_epochs:
            aware, plain = quantization_aware(model)
            fit(aware, X, y, 1e-4, aware_epochs)
            made = quantize(plain, Path(name) / "aware.tflite", X[:SAMPLE], compare=others)
            result |= {f"aware{n}": v for n, v in figures(made, others, classes).items()}
    return result


def figures(made: Quantized, images: Any, classes: Any) -> dict[str, float]:
    return {"": 100 * made.accuracy(images, classes), " dB": made.snr}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--families", nargs="+", default=FAMILIES, choices=FAMILIES, metavar="NAME")
    parser.add_argument("--models", type=Path, help="folder of trained networks, or to keep them")
    parser.add_argument("--aware", type=int, default=0, metavar="N", help="epochs of fine-tuning")
    asked = parser.parse_args()
    if asked.models is not None:
        asked.models.mkdir(exist_ok=True)
    data = digits()
    rows = {}
    for family in asked.families:
        rows[family] = row(family, data, asked.models, asked.aware)
        print(family, {k: round(float(v), 4) for k, v in rows[family].items()}, flush=True)
    frame = pd.DataFrame(rows).T
    with pd.option_context("display.width", 250, "display.max_columns", None):
        print(frame.to_string(float_format=lambda value: f"{value:.4g}"))
    print(
        f"\nlargest loss {frame['loss'].max():.2f} %, median ratio {frame['/litert'].median():.2f}"
    )


if __name__ == "__main__":
    main()
