"""The bar: silent when switched off or quickly done, and right when it shows."""

import re
import subprocess
import sys

import pytest

from workbench import progress


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Stand in for the clock; its only entry is the time."""
    now = [100.0]
    monkeypatch.setattr(progress, "perf_counter", lambda: now[0])
    return now


def test_what_ends_within_a_second_leaves_no_trace(clock: list[float], capsys) -> None:
    with progress.bar(10, "work", "epoch", enabled=True) as bar:
        for _ in range(10):
            clock[0] += 0.099
            bar.update()
    assert capsys.readouterr() == ("", "")


def test_a_bar_shows_after_a_second_with_all_that_was_done(clock: list[float], capsys) -> None:
    with progress.bar(10, "work", "epoch", enabled=True) as bar:
        bar.update(3)
        clock[0] += 1.5
        bar.set_postfix(best=0.125)
        bar.update(2)
    out, err = capsys.readouterr()
    assert out == ""
    assert "work" in err
    assert "5/10" in err
    assert "best=0.125" in err
    assert "epochs" in err


def test_its_rate_counts_the_time_before_it_showed(clock: list[float], capsys) -> None:
    with progress.bar(100, "work", "epoch", enabled=True) as bar:
        clock[0] += 40
        bar.update(20)
    assert re.search(r"20/100 \[00:4\d<\d\d:\d\d, +2\.[0-4]\ds/ epochs\]", capsys.readouterr().err)


def test_a_bar_that_is_switched_off_never_shows(clock: list[float], capsys) -> None:
    with progress.bar(10, "work", "epoch", enabled=False) as bar:
        clock[0] += 1000
        bar.update(5)
    assert capsys.readouterr() == ("", "")


def test_tqdm_is_loaded_by_a_bar_that_shows_only() -> None:
    code = (
        "import sys; from workbench.progress import bar\n"
        "with bar(2, 'work', 'epoch', enabled=True) as b: b.update()\n"
        "sys.exit('tqdm' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
