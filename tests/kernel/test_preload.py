import ast
import builtins
from typing import Any

import pytest

import workbench
from workbench.kernel.preload import Preload, global_names, identifiers, offered_names


def names_in(cell: str) -> set[str]:
    return set(global_names(ast.parse(cell)))


@pytest.mark.parametrize(
    "cell",
    [
        "load_dataset('iris')",
        "def f():\n    return load_dataset('iris')",
        "class C:\n    data = load_dataset('iris')",
        "[load_dataset(name) for name in ()]",
        "x = lambda: load_dataset",
        "await load_dataset('iris')",
        "f'{load_dataset}'",
        "get_ipython().run_line_magic('pinfo', 'load_dataset')",
        "get_ipython().run_line_magic('prun', 'print(load_dataset(1))')",
    ],
)
def test_a_name_that_is_read_as_a_global_is_found(cell: str) -> None:
    assert "load_dataset" in names_in(cell)


@pytest.mark.parametrize(
    "cell",
    [
        "def f(train):\n    return train",
        "def f():\n    train = 1\n    return train",
        "train = 1",
        "model.train()",
        "f(train=1)",
        "'train'",
        "import workbench.training as w",
        "get_ipython().run_line_magic('cd', 'train')",
        "get_ipython().system('train')",
        "return train",
    ],
)
def test_other_uses_of_a_name_cost_nothing(cell: str) -> None:
    assert "train" not in names_in(cell)


def test_expressions_are_searched_like_modules() -> None:
    assert "np" in set(global_names(ast.parse("np.pi", mode="eval")))


def test_a_cell_binds_what_it_uses_and_nothing_else() -> None:
    namespace: dict[str, Any] = {}
    Preload(lambda: namespace).visit(ast.parse("np.pi"))
    assert list(namespace) == ["np"]
    assert namespace["np"].__name__ == "numpy"


def test_a_users_own_variable_stays() -> None:
    namespace: dict[str, Any] = {"np": "mine"}
    Preload(lambda: namespace).visit(ast.parse("np"))
    assert namespace == {"np": "mine"}


def test_a_name_that_was_deleted_is_offered_again() -> None:
    namespace: dict[str, Any] = {}
    preload = Preload(lambda: namespace)
    preload.bind(["np"])
    del namespace["np"]
    preload.bind(["np"])
    assert "np" in namespace


def test_a_name_that_cannot_be_loaded_warns_and_stays_free(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> object:
        raise ImportError("the library is broken")

    monkeypatch.setattr("workbench.kernel.preload.importlib.import_module", broken)
    namespace: dict[str, Any] = {}
    with pytest.warns(UserWarning, match="np could not be loaded: the library is broken"):
        Preload(lambda: namespace).bind(["np"])
    assert namespace == {}


def test_every_public_name_is_offered_and_none_hides_a_builtin() -> None:
    public = {name for name in dir(workbench) if not name.startswith("_")}
    assert public <= set(offered_names())
    assert not set(offered_names()) & set(dir(builtins))


def test_attributes_are_no_identifiers_of_their_own() -> None:
    assert identifiers("np.linalg.norm(x)") == ["np", "x"]
