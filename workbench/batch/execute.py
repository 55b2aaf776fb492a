"""Execute one notebook on the kernel of this installation, with Ctrl-C under control."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import zmq
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from jupyter_core.utils import run_sync

from workbench.errors import WorkbenchError
from workbench.kernel import SPECS


class CellError(WorkbenchError):
    """A cell of a notebook raised an error, or its kernel died.

    Args:
        notebook: Path of the partly executed notebook.
        cell: Number of the cell, counted from 1 over all cells, or None if the kernel died.
        source: The cell's code.
        error: Type and message of the error.
    """

    def __init__(self, notebook: Path, cell: int | None, source: str, error: str):
        self.notebook, self.cell, self.source, self.error = notebook, cell, source, error
        where = "The kernel" if cell is None else f"Cell {cell} ({_first_line(source)})"
        super().__init__(f"{where} failed: {error}\nThe notebook as far as it got: {notebook}")


class NotebookInterrupted(KeyboardInterrupt):
    """Ctrl-C ended the execution; ``notebook`` holds what was done until then."""

    def __init__(self, notebook: Path):
        self.notebook = notebook
        super().__init__(f"The notebook as far as it got: {notebook}")


class _Kernel(AsyncKernelManager):
    """The kernel of this installation, whatever else is registered under its name."""

    def __init__(self) -> None:
        super().__init__(
            kernel_name="workbench",
            kernel_spec_manager=KernelSpecManager(kernel_dirs=[str(SPECS)]),
            # Other users of this machine could read along, and the kernel warns of it.
            transport_encryption="auto" if zmq.has("curve") else "disabled",
        )
        self._clients: list[Any] = []

    def client(self, **settings: Any) -> Any:
        """Return a client; nbclient leaves it open if the kernel is not its own."""
        self._clients.append(super().client(**settings))
        return self._clients[-1]

    def close(self) -> None:
        """End the kernel and close every connection to it."""
        for client in self._clients:
            client.stop_channels()
        if self.context.closed:  # nbclient has cleaned up after a kernel that did not start
            return
        end = self.shutdown_kernel if self.has_kernel else self.cleanup_resources
        run_sync(end)()


class _Interrupts:
    """What Ctrl-C does: interrupt the running cell, and the second time end the kernel.

    nbclient would end the kernel at once; this way a training keeps its best weights and the
    notebook shows them.
    """

    def __init__(self, kernel: _Kernel):
        self.kernel, self.count = kernel, 0
        self._pending: set[asyncio.Future[Any]] = set()

    async def before_cell(self, **_: object) -> None:
        """Take over from nbclient's handler; stop if the last cell was interrupted."""
        if self.count:
            raise KeyboardInterrupt
        if threading.current_thread() is threading.main_thread():
            try:
                asyncio.get_running_loop().add_signal_handler(signal.SIGINT, self._handle)
            except NotImplementedError:
                return  # Windows, where Ctrl-C raises KeyboardInterrupt right here

    def _handle(self) -> None:
        self.count += 1
        end = self.count > 1
        action = self.kernel.shutdown_kernel(now=True) if end else self.kernel.interrupt_kernel()
        # The loop keeps only a weak reference to a task.
        self._pending.add(asyncio.ensure_future(action))


def execute(
    source: Path,
    target: Path,
    parameters: Mapping[str, object],
    folder: Path,
    *,
    progress: bool,
) -> Any:
    """Execute ``source`` with ``folder`` as working directory and return the notebook.

    Args:
        source: Notebook to execute; it is not changed.
        target: Where the executed notebook goes; saved after every cell.
        parameters: Values for the parameters.
        folder: Working directory of the kernel.
        progress: Show a bar that counts the cells.

    Raises:
        CellError: A cell failed or the kernel died; ``target`` holds what was done until then.
        NotebookInterrupted: Ctrl-C was pressed.
    """
    import papermill
    from nbclient.exceptions import DeadKernelError

    kernel = _Kernel()
    interrupts = _Interrupts(kernel)
    before = signal.getsignal(signal.SIGINT)
    try:
        return papermill.execute_notebook(
            _literally(source),
            _literally(target),
            dict(parameters),
            kernel_name="workbench",
            language="python",
            progress_bar={"desc": target.name.partition(".")[0]} if progress else False,
            km=kernel,
            resources={"metadata": {"path": str(folder)}},
            on_cell_start=interrupts.before_cell,
        )
    except KeyboardInterrupt:
        raise NotebookInterrupted(target) from None
    except papermill.PapermillExecutionError as error:
        if interrupts.count:
            raise NotebookInterrupted(target) from None
        what = f"{error.ename}: {error.evalue}"
        raise CellError(target, error.cell_index + 1, error.source, what) from error
    except DeadKernelError as error:
        if interrupts.count:
            raise NotebookInterrupted(target) from None
        raise CellError(target, None, "", "it died, most often for want of memory.") from error
    except RuntimeError as error:  # of jupyter_client
        if "before replying" not in str(error):
            raise
        raise CellError(target, None, "", "it did not start. See: workbench doctor") from error
    finally:
        kernel.close()
        if threading.current_thread() is threading.main_thread():
            # The event loop's handler would stay, and swallow every Ctrl-C from here on.
            signal.signal(signal.SIGINT, signal.SIG_DFL if before is None else before)


def _literally(path: Path) -> str:
    # papermill takes braces in a path for a template to fill in.
    return str(path).replace("{", "{{").replace("}", "}}")


def _first_line(source: str) -> str:
    lines = [line for line in source.splitlines() if line.strip() and not line.startswith("#")]
    return repr(lines[0][:60]) if lines else "empty"
