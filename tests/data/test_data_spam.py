"""The mails are what the table beside them says, and their dictionary is right by a hand count."""

import csv
import gzip
import importlib.util
import io
import shutil
import subprocess
import sys
from collections import Counter
from email.message import EmailMessage
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.naive_bayes import BernoulliNB

from workbench.data import Dataset, datasets_folder, load_dataset, load_mails, split
from workbench.errors import DataFileError

TOOL = Path(__file__).parent.parent.parent / "tools" / "spam.py"
GROUPS = ("easy-ham-1", "easy-ham-2", "hard-ham-1", "spam-1", "spam-2")


@pytest.fixture(scope="module")
def mails() -> pd.DataFrame:
    return load_mails()


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return load_dataset("spam")


def test_counts_by_class_and_group_are_the_stated_ones(mails: pd.DataFrame) -> None:
    assert mails.label.value_counts().to_dict() == {"ham": 3651, "spam": 1007}
    counts = mails.group.value_counts()
    assert counts[list(GROUPS)].tolist() == [2209, 1211, 231, 288, 719]
    readme = (datasets_folder() / "README.md").read_text(encoding="utf-8")
    assert all(f"{group} ({count}" in readme for group, count in counts.items())
    assert (mails.group.str.startswith("spam") == (mails.label == "spam")).all()


def test_a_known_ham_and_a_known_spam_have_their_words(mails: pd.DataFrame) -> None:
    first, spam = mails.iloc[0], mails[mails.label == "spam"].iloc[0]
    assert {"new", "sequences", "window", "error", "wrote"} - {*first.words.split()} == {"wrote"}
    assert first.group == "easy-ham-1"
    assert {"life", "insurance", "why", "pay", "more"} <= {*spam.words.split()}
    assert spam.group == "spam-1"


def test_both_doors_have_the_same_mails_in_the_same_order(
    mails: pd.DataFrame, dataset: Dataset
) -> None:
    labels = [dataset.classes[int(number)] for number in dataset.y[:, 0]]  # type: ignore[index]
    assert labels == mails.label.tolist()
    assert dataset.classes == ("ham", "spam")


def test_the_dictionary_is_the_most_frequent_words_by_hand(
    mails: pd.DataFrame, dataset: Dataset
) -> None:
    lists = [words.split() for words in mails.words]
    counts = Counter(word for words in lists for word in words)
    ranked = sorted(counts, key=lambda word: (-counts[word], word))
    assert dataset.feature_names == tuple(sorted(ranked[:1000]))
    assert dataset.X.sum(axis=0).tolist() == [counts[word] for word in dataset.feature_names]


def test_a_vector_is_1_where_the_mail_has_the_word(mails: pd.DataFrame, dataset: Dataset) -> None:
    assert set(np.unique(dataset.X)) == {0.0, 1.0}
    for row in range(0, len(mails), 97):
        has = {*mails.words[row].split()}
        assert dataset.X[row].tolist() == [float(word in has) for word in dataset.feature_names]


def test_count_vectorizer_agrees_but_for_ties_at_the_end(
    mails: pd.DataFrame, dataset: Dataset
) -> None:
    counter = CountVectorizer(binary=True, max_features=1000)
    counts = counter.fit_transform(mails.words).sum(axis=0)
    other = dict(zip(counter.get_feature_names_out(), np.asarray(counts)[0], strict=True))
    rarest = dataset.X.sum(axis=0).min()
    assert min(other.values()) == rarest
    assert all(other[word] == rarest for word in set(other) - set(dataset.feature_names))


def test_words_are_distinct_sorted_and_never_of_one_mail_only(mails: pd.DataFrame) -> None:
    lists = [words.split() for words in mails.words]
    assert all(words == sorted(set(words)) for words in lists)
    assert min(map(len, lists)) >= 5
    assert max(map(len, lists)) <= 200
    assert min(Counter(word for words in lists for word in words).values()) > 1
    assert not mails.words.str.contains("@|_|//").any()


def test_no_mail_is_there_twice(mails: pd.DataFrame) -> None:
    assert not mails.words.duplicated().any()


def test_a_dictionary_of_training_mails_tells_most_test_mails(mails: pd.DataFrame) -> None:
    """Naive Bayes by scikit-learn; always answering "ham" is wrong for 22 % of the mails."""
    rows = split(mails, train=0.7, validation=0, test=0.3, seed=0)
    counter = CountVectorizer(binary=True, max_features=1000).fit(mails.words[rows.train])
    X, X_test = (counter.transform(mails.words[part]) for part in (rows.train, rows.test))
    bayes = BernoulliNB().fit(X, mails.label[rows.train])
    wrong = 1 - bayes.score(X_test, mails.label[rows.test])
    assert 0.02 < wrong < 0.08


@pytest.mark.parametrize("load", [load_mails, lambda: load_dataset("spam")])
def test_damage_is_told(load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_DATASETS", str(tmp_path))
    with pytest.raises(DataFileError, match=r"spam\.csv\.gz is missing .*WORKBENCH_DATASETS"):
        load()
    monkeypatch.undo()
    shutil.copy(datasets_folder() / "spam.csv.gz", tmp_path)
    monkeypatch.setenv("WORKBENCH_DATASETS", str(tmp_path))
    content = bytearray((tmp_path / "spam.csv.gz").read_bytes())
    content[1000] ^= 1
    (tmp_path / "spam.csv.gz").write_bytes(content)
    with pytest.raises(DataFileError, match=r"spam\.csv\.gz is damaged or another version"):
        load()


@pytest.fixture
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("spam_tool", TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def message(subject: str, text: str, kind: str = "plain") -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "secret@sender.org", "you@here.org", subject
    mail.set_content(text, subtype=kind)
    return mail


def built(folder: Path, **groups: list[EmailMessage]) -> list[list[str]]:
    """Return the lines that the tool makes of a package with these mails; others are fillers."""
    for group in GROUPS:
        place = folder / "data" / group
        place.mkdir(parents=True)
        for number, mail in enumerate(groups.get(group.replace("-", "_"), [message("", "")])):
            (place / f"{number:05d}.txt").write_bytes(mail.as_bytes())
    command = [sys.executable, "-W", "error", TOOL, folder, folder]
    subprocess.run(command, check=True, capture_output=True)
    content = gzip.decompress((folder / "spam.csv.gz").read_bytes()).decode("utf-8")
    return list(csv.reader(io.StringIO(content, newline="")))


def test_the_tool_keeps_words_and_masks_addresses(tmp_path: Path) -> None:
    text = "Größe matters: write to me@home.org, see http://x.org/a?b or call 555-123-4567 today!"
    page = (
        "<html><style>hidden {}</style><p>Today matters <b>größ</b>e&#33;<br>Call 555 123-4567 or"
        "<p>see www.x.org<!-- hidden --> &gt; <a href='http://hidden.org'>write</a> to you@x.org"
    )
    header, *lines = built(
        tmp_path,
        easy_ham_1=[message("Same words", text)],
        spam_1=[message("Wörds, the s_a_m_e", page, "html")],
        spam_2=[message("Wörds", "to hidden größe or call")],
    )
    shared = "call größe mailaddress matters or phonenumber see to today webaddress write"
    assert header == ["label", "group", "words"]
    assert lines == [
        ["ham", "easy-ham-1", shared],
        ["spam", "spam-1", f"{shared} wörds"],
        ["spam", "spam-2", "call größe or to wörds"],
    ]


def test_the_tool_leaves_out_repetitions_coarse_and_empty_mails(tool: ModuleType) -> None:
    offer = "you can save hundreds on insurance if you answer this mail within the next week"
    texts = [
        f"hello {offer}",
        f"dear john {offer}",
        "two words",
        "cum grano salis and other sayings",
        f"I read {offer[:26]} and wonder what to think of it",
    ]
    found = [tool.Mail("spam", "spam-1", text.split()) for text in texts]
    assert list(tool.worth_keeping(found)) == [found[0], found[4]]


def test_the_tool_leaves_out_words_of_one_mail_until_none_is_left(tool: ModuleType) -> None:
    texts = ["f e d c b a", "a b c d e g", "z a b c d e f g g", "n o p q r", "q r n o a p e1 e2"]
    found = [tool.Mail("ham", "easy-ham-1", text.split()) for text in texts]
    words = [words for _, _, words in tool.lines_of(found)]
    assert words == ["a b c d e f", "a b c d e g", "a b c d e f g", "n o p q r", "a n o p q r"]
    assert [words for _, _, words in tool.lines_of([found[0], found[2], found[3]])] == []


def test_the_tool_says_when_a_folder_is_not_the_package(tmp_path: Path) -> None:
    command = [sys.executable, TOOL, tmp_path]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert ran.returncode == 1
    assert "has no mails in data/easy-ham-1. Is it the unpacked package?" in ran.stderr
