"""The door to sets of images: those that come with the package by name, others by their place."""

from __future__ import annotations

import os
from pathlib import Path

import workbench.data.shipped_images  # noqa: F401  entered by its import
from workbench.data.image_archive import load_image_archive
from workbench.data.image_folder import load_image_folder
from workbench.data.image_set import IMAGE_SETS, ImageSet
from workbench.data.picture import Form, Interpolation
from workbench.errors import ArgumentError


def load_images(
    source: str | os.PathLike[str],
    size: int | None = None,
    *,
    channels: int | None = None,
    interpolation: Interpolation = "bilinear",
    progress: bool = True,
) -> ImageSet:
    """Return a set of labelled images: one that comes with the package, or one's own.

    Args:
        source: One of `list_image_sets`; or a folder that has a folder of pictures for each class
            (``animals/cat/1.jpg``); or an ``.npz`` file with ``images`` and ``labels``, with ``x``
            and ``y``, or with the bytes of JPEG pictures (``jpeg``, ``offsets``, ``y``), and with
            ``classes`` if they have names. A folder that is called like a set is ``"./digits"``.
        size: Rows and columns of the images, in pixels: shorter sides are resized (antialiased),
            and centres cut out. None leaves the size as it is; then all must have the same.
        channels: 1 makes grey of colours, 3 three equal channels of grey. None leaves both as
            they are; where they are mixed, all get three.
        interpolation: ``"bilinear"`` or ``"bicubic"``.
        progress: Show a bar when reading takes longer than a second.

    Returns:
        The set: ``images`` (images, rows, columns, channels) of bytes, ``labels``, ``classes``;
        ``split`` divides it, and ``statistics`` has mean and standard deviation.

    Raises:
        UnknownNameError: No set has that name, and there is no such folder or file.
        ArgumentError: A setting makes no sense; the folder has no folders of pictures; images
            differ in size and ``size`` is None.
        DataFileError: A file is missing, damaged, transparent, or of another version.

    Example:
        >>> load_images("digits")
        <ImageSet 'digits': 1797 images, 8 x 8 pixels, grey, 10 classes>
    """
    form = Form(size, channels, interpolation)
    if isinstance(source, str) and source in IMAGE_SETS:
        return IMAGE_SETS[source]().fitted(size, channels=channels, interpolation=interpolation)
    if not isinstance(source, str | os.PathLike):
        raise ArgumentError(
            "source",
            "be the name of a set, a folder or an .npz file",
            f"a {type(source).__name__}",
            "Arrays become a set with workbench.data.ImageSet.from_arrays(images, labels).",
        )
    path = Path(source).expanduser()
    if path.is_dir():
        return load_image_folder(path, form, progress=progress)
    if path.is_file():
        return load_image_archive(path, form, progress=progress)
    if isinstance(source, str) and path.name == source and not path.suffix:
        IMAGE_SETS[source]  # tells the nearest name
    raise ArgumentError(
        "source",
        f"be one of {', '.join(list_image_sets())}, or a folder or file that is there",
        repr(os.fspath(source)),
    )


def list_image_sets() -> list[str]:
    """Return the names of the sets of images that come with the package, in alphabetical order."""
    return sorted(IMAGE_SETS)
