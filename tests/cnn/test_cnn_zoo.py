"""What holds for every network of the zoo, against figures and outputs of its reference."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from random_weights import random_images, random_state
from saved_digits import digits
from zoo_cases import FIGURES, FIXTURES, OUTPUTS, asked

from workbench import build_cnn, list_cnns
from workbench.cnn import load_state_dict
from workbench.cnn.spec import ZOO
from workbench.complexity import profile

LARGE = ("vgg16", "alexnet", "inception_resnet_v2", "se_inception_resnet_v2")


def test_every_published_network_has_reference_figures() -> None:
    published = {name for name in list_cnns() if not name.startswith("tiny_")}
    assert {asked(figure)[0] for figure in FIGURES} == published


@pytest.mark.parametrize("figure", FIGURES)
def test_parameters_are_the_references_and_so_are_macs(figure: str) -> None:
    name, options = asked(figure)
    facts = FIGURES[figure]
    shape = (facts["size"], facts["size"], 3)
    found = profile(build_cnn(name, shape, facts["classes"], seed=0, **options))
    assert found.parameters == facts["parameters"]
    assert found.macs == pytest.approx(facts["macs"], rel=1e-3)


def output_case(figure: str) -> Any:
    large = figure in LARGE
    return pytest.param(figure, marks=[pytest.mark.slow] if large else [])


@pytest.mark.parametrize("figure", [output_case(figure) for figure in OUTPUTS])
def test_with_the_references_weights_outputs_are_the_references(figure: str) -> None:
    name, options = asked(figure)
    with np.load(FIXTURES / "outputs" / f"{figure}.npz") as file:
        expected, facts = file["output"], json.loads(file["facts"].tobytes())
    if name == "mobilenet_v1":
        options = {**options, "follow": "timm"}
    model = build_cnn(
        name,
        tuple(facts["input_shape"][1:]),
        facts["classes"],
        classifier_activation=None,
        seed=0,
        **options,
    )
    load_state_dict(model, random_state(facts["shapes"], facts["seed"], facts["gain"]))
    found = np.asarray(model(random_images(facts["input_shape"], facts["input_seed"])))
    assert found.shape == expected.shape
    assert abs(found - expected).max() <= 1e-4 * abs(expected).max()


@pytest.mark.parametrize("name", ZOO)
def test_conventions_and_source_are_stated(name: str) -> None:
    table = ZOO[name]()
    assert table.name == name
    assert table.source
    assert table.total_stride in (2, 4, 8, 16, 32)


SAVED = [name for name in ZOO if name not in LARGE]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, list[str]]]:
    """Every network in a file, with what it predicts, in hexadecimal digits."""
    folder = tmp_path_factory.mktemp("saved")
    predicted = {}
    for name in SAVED:
        model = build_cnn(name, (40, 40, 3), 3, seed=0)
        model.save(folder / f"{name}.keras")
        predicted[name] = digits(model)
    return folder, predicted


# NumPy's warning is of how Keras reads its variables.
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_saved_networks_predict_the_same_bits_in_a_new_process(
    saved: tuple[Path, dict[str, list[str]]],
) -> None:
    folder, predicted = saved
    code = (
        "import json, sys\n"
        "from workbench import load_model\n"
        "assert 'keras' not in sys.modules\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from saved_digits import digits\n"
        f"names = {SAVED!r}\n"
        f"found = {{name: digits(load_model(f'{folder}/{{name}}.keras')) for name in names}}\n"
        "assert 'workbench.cnn.build' not in sys.modules\n"
        "print(json.dumps(found))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.splitlines()[-1]) == predicted
