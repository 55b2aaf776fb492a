"""The kernel keeps Jupyter's messaging protocol, as the Jupyter project's own test kit sees it."""

from collections.abc import Iterator

import pytest

from workbench.kernel import SPECS

kit = pytest.importorskip("jupyter_kernel_test")


@pytest.fixture(scope="class", autouse=True)
def _kernels_of_this_tree(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let Jupyter find the kernel whether or not it is registered."""
    data = tmp_path_factory.mktemp("data")
    (data / "kernels").symlink_to(SPECS)
    patch = pytest.MonkeyPatch()
    patch.setenv("JUPYTER_PATH", str(data))
    yield
    patch.undo()


class TestProtocol(kit.KernelTests):
    kernel_name = "workbench"
    language_name = "python"
    file_extension = ".py"
    code_hello_world = "print('hello, world')"
    code_stderr = "import sys; print('hello', file=sys.stderr)"
    completion_samples = [{"text": "load_da", "matches": {"load_dataset"}}]  # noqa: RUF012
    complete_code_samples = ["1", "def f():\n    return 2\n\n"]  # noqa: RUF012
    incomplete_code_samples = ["for i in range(3):"]  # noqa: RUF012
    invalid_code_samples = ["import = 7q"]  # noqa: RUF012
    code_page_something = "np?"
    code_generate_error = "raise ValueError"
    code_execute_result = [{"code": "1 + 2", "result": "3"}]  # noqa: RUF012
    code_display_data = [  # noqa: RUF012
        {"code": "from IPython.display import HTML; display(HTML('<b>1</b>'))", "mime": "text/html"}
    ]
    code_history_pattern = "1*2*"
    supported_history_operations = ("tail", "search")
    code_inspect_sample = "np.arange"
    code_clear_output = "from IPython.display import clear_output; clear_output()"
