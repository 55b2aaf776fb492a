"""The command ``workbench``.

Every verb imports what it needs when it is called, so that ``workbench --help`` answers at
once.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Any

from workbench._version import __version__
from workbench.errors import ArgumentError, UnknownNameError, WorkbenchError


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code.

    0 is success, 1 a failure on the way, 2 a wrong argument and 130 Ctrl-C.
    """
    arguments = _parser().parse_args(argv)
    try:
        return int(arguments.verb(arguments))
    except (ArgumentError, UnknownNameError) as error:
        print(f"workbench: {error}", file=sys.stderr)
        return 2
    except WorkbenchError as error:
        print(f"workbench: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # The reader has enough (`workbench profile resnet50 | head`). Python would complain again
        # when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt as interrupt:
        print(f"\nworkbench: Interrupted. {interrupt}".rstrip(), file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="workbench", description="A MATLAB-style scientific workbench for neural networks."
    )
    parser.add_argument("--version", action="version", version=f"workbench {__version__}")
    verbs = parser.add_subparsers(title="verbs", required=True, metavar="VERB")
    _add_run(verbs)
    _add_lab(verbs)
    _add_profile(verbs)
    _add_kernel(verbs)
    _add_doctor(verbs)
    return parser


def _add_run(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    run = verbs.add_parser("run", help="execute a lesson", description="Execute a lesson.")
    run.add_argument("name", nargs="?", help="name of the lesson")
    run.add_argument("--list", action="store_true", help="list the lessons and what may be set")
    run.add_argument(
        "-p",
        dest="parameters",
        nargs=2,
        action="append",
        default=[],
        metavar=("NAME", "VALUE"),
        help="set a parameter; may be given several times",
    )
    run.add_argument("-o", dest="folder", help="where the files go (runs/NAME-DATE-TIME)")
    run.add_argument("--no-progress", action="store_true", help="show no progress bar")
    run.set_defaults(verb=_run, parser=run)


def _run(arguments: argparse.Namespace) -> int:
    if arguments.list:
        return _list_lessons()
    if arguments.name is None:
        arguments.parser.error("the name of a lesson is missing (workbench run --list)")

    from workbench.batch.lesson import lesson_values, run_lesson
    from workbench.batch.table import format_table

    values = lesson_values(arguments.name, arguments.parameters)
    run = run_lesson(arguments.name, values, arguments.folder, progress=not arguments.no_progress)
    if run.results["summary"]:
        print("\n" + format_table(run.results["summary"]))
    print(f"\nNotebook  {run.notebook}")
    print(f"Figures   {len(run.figures)} in {run.folder / 'figures'}")
    print(f"Results   {run.folder / 'results.json'}")
    return 0


def _list_lessons() -> int:
    from workbench.batch.lesson import LESSONS

    for name, lesson in LESSONS.items():
        print(f"{name}: {lesson.title}")
        for parameter in lesson.parameters().values():
            setting = f"{parameter.name} = {parameter.source}"
            print(f"    {setting:<32}{parameter.help}".rstrip())
    return 0


def _add_lab(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    lab = verbs.add_parser("lab", help="open JupyterLab", description="Open JupyterLab.")
    lab.add_argument("folder", nargs="?", default=".", help="folder to work in (this one)")
    lab.set_defaults(verb=_lab)


def _lab(arguments: argparse.Namespace) -> int:
    if not os.path.isdir(arguments.folder):
        raise ArgumentError("folder", "be a folder", arguments.folder)
    os.chdir(arguments.folder)
    command = [sys.executable, "-m", "jupyterlab"]
    # Replacing this process leaves Ctrl-C and the exit code to JupyterLab.
    os.execv(sys.executable, command)


def _add_profile(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    profile = verbs.add_parser(
        "profile",
        help="say what a network costs",
        description="Print parameters, MACs, memory traffic and receptive field, a layer a line.",
    )
    profile.add_argument("name", nargs="?", help="a network of the zoo, or a .keras file")
    profile.add_argument("--list", action="store_true", help="list the networks")
    profile.add_argument(
        "--size",
        nargs="+",
        type=int,
        metavar="PIXELS",
        help="rows, columns and channels of the image (224 224 3); one number is a square",
    )
    profile.add_argument("--classes", type=int, default=1000, help="number of classes (1000)")
    profile.add_argument("--latency", action="store_true", help="measure the time as well")
    profile.add_argument("--csv", metavar="FILE", help="write the table to this file")
    profile.set_defaults(verb=_profile, parser=profile)


def _profile(arguments: argparse.Namespace) -> int:
    if arguments.list:
        from workbench.cnn import list_cnns

        print("\n".join(list_cnns()))
        return 0
    if arguments.name is None:
        arguments.parser.error("the name of a network is missing (workbench profile --list)")

    from workbench.complexity import profile

    model, shape = _network(arguments)
    found = profile(model, shape)
    print(found)
    if arguments.latency:
        print(f"\n{found.latency()}")
    if arguments.csv:
        found.frame.to_csv(arguments.csv, index=False)
        print(f"\nTable     {arguments.csv}")
    return 0


def _network(arguments: argparse.Namespace) -> tuple[Any, tuple[int, ...] | None]:
    """Return the model that is asked for, and the shape of its images if that has to be said."""
    size = arguments.size
    shape = None if size is None else (size[0], size[-1], 3) if len(size) < 3 else tuple(size)
    if arguments.name.endswith(".keras"):
        from workbench import load_model

        return load_model(arguments.name), shape
    from workbench.cnn import build_cnn

    return build_cnn(arguments.name, shape or (224, 224, 3), arguments.classes, seed=0), None


def _add_kernel(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    kernel = verbs.add_parser(
        "kernel",
        help="tell Jupyter about the kernel",
        description="Installing the package registers the kernel in its own environment. This "
        "registers it elsewhere.",
    )
    actions = kernel.add_subparsers(required=True, metavar="ACTION")
    install = actions.add_parser("install", help="register the kernel")
    place = install.add_mutually_exclusive_group()
    place.add_argument("--user", action="store_true", help="for all Jupyters of this user")
    place.add_argument("--prefix", help="for the environment at this path (the running one)")
    install.set_defaults(verb=_install_kernel)
    listing = actions.add_parser("list", help="list what is registered")
    listing.set_defaults(verb=_list_kernels)
    remove = actions.add_parser("remove", help="take the registration away")
    remove.set_defaults(verb=_remove_kernel)


def _install_kernel(arguments: argparse.Namespace) -> int:
    from workbench.kernel.register import install_kernel

    print(f"Registered in {install_kernel(user=arguments.user, prefix=arguments.prefix)}")
    return 0


def _list_kernels(arguments: argparse.Namespace) -> int:
    from workbench.kernel.register import list_kernels

    kernels = list_kernels()
    for kernel in kernels:
        print(f"{kernel.name}  {kernel.folder}  (starts {kernel.python})")
    if not kernels:
        print("No kernel is registered. To register it: workbench kernel install")
    return 0


def _remove_kernel(arguments: argparse.Namespace) -> int:
    from workbench.kernel.register import remove_kernel

    print(f"Removed {remove_kernel()}")
    return 0


def _add_doctor(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    doctor = verbs.add_parser(
        "doctor",
        help="say what is installed and what is wrong",
        description="Print versions, devices and kernels; exit with 1 if something is wrong.",
    )
    doctor.add_argument("--json", action="store_true", help="print JSON")
    doctor.set_defaults(verb=_doctor)


def _doctor(arguments: argparse.Namespace) -> int:
    from workbench.doctor import as_json, as_text, examine, is_well

    findings = examine()
    print(as_json(findings) if arguments.json else as_text(findings))
    return 0 if is_well(findings) else 1


if __name__ == "__main__":
    sys.exit(main())
