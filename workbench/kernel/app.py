"""The kernel process: IPython's kernel with `Preload`, good figures and no traces at home."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ipykernel.ipkernel import IPythonKernel
from ipykernel.kernelapp import IPKernelApp
from IPython.core.completer import (
    CompletionContext,
    SimpleCompletion,
    SimpleMatcherResult,
    context_matcher,
)
from IPython.utils.tokenutil import token_at_cursor
from traitlets import Type
from traitlets.config import Config

from workbench._version import __version__
from workbench.kernel.preload import Preload, identifiers, offered_names
from workbench.kernel.quiet import QuietImport


class WorkbenchKernel(IPythonKernel):
    """IPython's kernel, in whose cells the public names work without an import."""

    implementation = "workbench"
    implementation_version = __version__

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        shell: Any = self.shell

        def hide(name: str, value: object) -> None:
            shell.user_ns_hidden[name] = value  # %who lists the user's own names only

        # Asked for each time, since IPython lets callers exchange the namespace.
        self.preload = Preload(lambda: shell.user_ns, hide)
        shell.ast_transformers.insert(0, self.preload)
        shell.Completer.custom_matchers.append(_offer)

    def do_complete(self, code: str, cursor_pos: int) -> Any:
        """Complete at the cursor, also behind the dot of an offered name (``np.``)."""
        end = len(code) if cursor_pos is None else cursor_pos
        word = code[:end].split()[-1:] or [""]
        if "." in word[0]:
            self.preload.bind(identifiers(word[0].rpartition(".")[0]))
        return super().do_complete(code, cursor_pos)

    def do_inspect(self, code: str, cursor_pos: int, *args: Any, **kwargs: Any) -> Any:
        """Describe the object at the cursor, also that of an offered name."""
        self.preload.bind(identifiers(token_at_cursor(code, cursor_pos)))
        return super().do_inspect(code, cursor_pos, *args, **kwargs)


class WorkbenchKernelApp(IPKernelApp):
    """The process around the kernel.

    It keeps no history and reads no profile: a lesson must not depend on what its reader did
    yesterday or wrote into a start-up file. The folder IPython insists on is a temporary one.
    """

    name = "workbench-kernel"
    kernel_class = Type(WorkbenchKernel, klass="ipykernel.kernelbase.Kernel")  # type: ignore[assignment]

    def initialize(self, argv: list[str] | None = None) -> None:
        """Prepare the kernel; command-line options override these settings."""
        self._folder = tempfile.TemporaryDirectory(
            prefix="workbench-kernel-", ignore_cleanup_errors=True
        )
        settings = Config()
        settings.HistoryManager.hist_file = ":memory:"
        # Twice the pixels at the same size on the page: sharp on every screen and in print.
        settings.InlineBackend.figure_formats = {"retina"}
        self.update_config(settings)
        with _ipython_folder(self._folder.name):
            super().initialize(argv)
        QuietImport("tensorflow").install()


@contextmanager
def _ipython_folder(folder: str) -> Iterator[None]:
    # The shell has no other way to be told; programs started from cells keep the user's own.
    before = os.environ.get("IPYTHONDIR")
    os.environ["IPYTHONDIR"] = folder
    try:
        yield
    finally:
        del os.environ["IPYTHONDIR"]
        if before is not None:
            os.environ["IPYTHONDIR"] = before


@context_matcher()
def _offer(context: CompletionContext) -> SimpleMatcherResult:
    """Complete to the names on offer, bound or not."""
    # A token with a dot asks for an attribute, which IPython's own matchers know.
    wanted = [name for name in offered_names() if name.startswith(context.token)]
    completions = [SimpleCompletion(name, type="function") for name in wanted if context.token]
    return SimpleMatcherResult(completions=completions)
