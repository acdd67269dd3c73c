"""The benchmark's table says what was measured, and what it was compared with."""

from __future__ import annotations

from tests.bench.figures import Case, Figure, as_json, markdown, percentile, table

CASE = Case("waits", "Waiting", "theirs", lambda _: [])


def test_a_line_says_both_values_how_many_times_better_and_whether_the_goal_was_met() -> None:
    figures = [
        Figure("p50", "ms", 2.0, 60.0, goal="at most 3", met=True),
        Figure("drained", "a second", 4500.0, 1500.0, more=True, goal="4 times", met=False),
        Figure("urgent", "ms", 0.5),
    ]

    assert [line.split() for line in table(CASE, figures).splitlines()] == [
        ["Waiting", "ours", "theirs", "limit", "better", "share", "goal"],
        ["p50,", "ms", "2.00", "60.00", "30.0x", "at", "most", "3", "met"],
        ["drained,", "a", "second", "4", "500", "1", "500", "3.0x", "4", "times", "MISSED"],
        ["urgent,", "ms", "0.50"],
    ]


def test_what_is_worse_is_said_as_a_fraction() -> None:
    assert "1/4.0" in table(CASE, [Figure("p50", "ms", 8.0, 2.0)])


def test_where_measuring_was_given_up_the_value_is_a_bound() -> None:
    figure = Figure("again", "s", 15.0, 30.0, beside_is_more=True)

    _, line = table(CASE, [figure]).splitlines()
    assert line.split() == ["again,", "s", "15.00", ">", "30.00", ">", "2.0x"]


def test_a_figure_reads_as_a_share_of_the_limit() -> None:
    figures = [
        Figure("uploads", "a second", 1000.0, limit=4000.0, more=True),
        Figure("p50", "ms", 8.0, limit=2.0),
    ]

    limited = Case("waits", "Waiting", "theirs", lambda _: [], limit="a bare write")
    assert [line.split()[-1] for line in table(limited, figures).splitlines()[1:3]] == ["25%"] * 2
    assert table(limited, figures).endswith("limit: a bare write")


def test_the_table_is_had_as_markdown_too() -> None:
    figures = [Figure("p50", "ms", 2.0, 60.0, limit=1.0, goal="at most 3", met=True)]

    assert markdown(CASE, figures).splitlines() == [
        "### `waits`: Waiting",
        "",
        "|  | ours | theirs | limit | better | of the limit | goal |",
        "| --- | --: | --: | --: | --: | --: | --- |",
        "| p50, ms | 2.00 | 60.00 | 1.00 | 30.0x | 50% | at most 3 |",
    ]


def test_json_has_every_figure_with_its_unit_and_comparison() -> None:
    (told,) = as_json([Figure("p50", "ms", 2.0, 60.0)])

    assert told["name"] == "p50"
    assert told["unit"] == "ms"
    assert told["ours"] == 2.0
    assert told["beside"] == 60.0
    assert told["times_better"] == 30.0


def test_percentiles_are_interpolated_between_the_values_measured() -> None:
    assert percentile([1.0, 2.0, 3.0, 4.0, 5.0], 50) == 3.0
    assert percentile([0.0, 10.0], 90) == 9.0
