"""Images of one's own: a folder with a folder of pictures for each class."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from workbench.data.checksum import sha256_of_images
from workbench.data.image_files import SUFFIXES, decode
from workbench.data.image_set import ImageSet
from workbench.data.picture import Form
from workbench.errors import ArgumentError


def load_image_folder(folder: Path, form: Form, *, progress: bool = True) -> ImageSet:
    """Return the pictures of a folder; those of ``folder/cat/`` are of the class ``cat``.

    Classes, and the pictures of each, come in alphabetical order (capitals first, as in code
    points, on every system). Hidden files and folders are passed over; so are files whose suffix
    is none of a picture, and pictures beside the folders of classes, which the description counts.

    Args:
        folder: The folder of the folders.
        form: What the images are brought to.
        progress: Show a bar when it takes longer than a second.

    Raises:
        ArgumentError: There are no folders of pictures in it; or they differ in size, and
            the form has none.
        DataFileError: Pictures are damaged or transparent; they are named.
    """
    classes = [path for path in _visible(folder) if path.is_dir()]
    pictures = [[path for path in _visible(each) if _is_picture(path)] for each in classes]
    _check_classes(folder, classes, pictures)
    inside = sum(len(_visible(each)) for each in classes)
    files = [(f"{path.parent.name}/{path.name}", path) for paths in pictures for path in paths]
    others = inside - len(files) + len(_visible(folder)) - len(classes)
    images = decode(files, len(files), form, str(folder), progress)
    labels = np.repeat(np.arange(len(classes)), [len(paths) for paths in pictures])
    for array in (images, labels):
        array.flags.writeable = False
    return ImageSet(
        name=folder.resolve().name,
        images=images,
        labels=labels,
        classes=tuple(path.name for path in classes),
        source=f"the folder {folder}",
        licence="not stated",
        sha256=sha256_of_images(images, labels),
        description=f"{len(files)} pictures in {len(classes)} folders."
        + (f" {others} other file(s) or folder(s) were passed over." if others else ""),
    )


def _visible(folder: Path) -> list[Path]:
    shown = (path for path in folder.iterdir() if not path.name.startswith("."))
    # Paths themselves compare differently on different systems.
    return sorted(shown, key=lambda path: path.name)


def _is_picture(path: Path) -> bool:
    return path.is_file() and path.suffix.lower() in SUFFIXES


def _check_classes(folder: Path, classes: list[Path], pictures: list[list[Path]]) -> None:
    layout = "Pictures of the class 'cat' lie in a folder cat/: folder/cat/1.jpg."
    if not classes:
        raise ArgumentError(
            "folder", "have a folder of pictures for each class", f"no folders in {folder}", layout
        )
    empty = [each for each, paths in zip(classes, pictures, strict=True) if not paths]
    if not empty:
        return
    deeper = any(path.is_dir() for path in _visible(empty[0]))
    raise ArgumentError(
        "folder",
        "have pictures in the folder of each class",
        f"no picture in {empty[0]}",
        f"{layout} Its own folders may be the classes: pass {empty[0]}."
        if deeper
        else f"{layout} Their names end in one of {', '.join(SUFFIXES)}.",
    )
