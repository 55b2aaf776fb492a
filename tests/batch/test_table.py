from workbench.batch.table import format_table


def test_numbers_are_aligned_right_and_words_left() -> None:
    table = format_table(
        [["method", "mse", "wins"], ["ga", 1.23456e-7, 4], ["multistart", 2.0, 16]]
    )
    assert table.splitlines() == [
        "method            mse  wins",
        "----------  ---------  ----",
        "ga          1.235e-07     4",
        "multistart          2    16",
    ]


def test_records_give_their_keys_as_headings() -> None:
    table = format_table([{"name": "a", "mse": 1}, {"name": "b"}])
    assert [line.split() for line in table.splitlines()] == [
        ["name", "mse"],
        ["----", "---"],
        ["a", "1"],
        ["b"],
    ]


def test_short_rows_and_no_rows_are_fine() -> None:
    assert format_table([]) == ""
    assert format_table([["a", "b"], ["only"]]).splitlines()[-1] == "only"
