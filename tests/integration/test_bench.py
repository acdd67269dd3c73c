"""The benchmark's cases run; at a size that proves nothing about speed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.bench import __main__ as bench
from tests.bench import (
    backlog,
    fanout,
    flight,
    latency,
    listing,
    local,
    photos,
    pickup,
    rates,
    returning,
    similar,
    sockets,
    starting,
    stored,
    uploads,
)
from tests.bench.figures import Case, Sizes

SMALL = Sizes(
    pickups=3, messages=20, rounds=1, depths=(5, 50),
    sockets=10, fanned=10, events=1000, steady_s=1, before_s=0.2,
    warm_up=2, photos=3, uploads=40, large_uploads=4, followed=6, in_flight=12, tagged=4, stored=60,
)  # fmt: skip


@pytest.mark.parametrize(
    "case", [pickup.CASE, rates.CASE, backlog.CASE], ids=lambda case: case.name
)
def test_a_case_measures_both_brokers(case: Case) -> None:
    figures = case.measure(SMALL)

    assert all(figure.ours > 0 for figure in figures)
    assert all(figure.beside > 0 for figure in figures if figure.beside is not None)
    assert sum(figure.met is not None for figure in figures) >= 1


@pytest.mark.parametrize(
    "case",
    [
        *(each.CASE for each in (uploads, latency, photos, flight, stored, local, starting)),
        photos.COPIES,
    ],
    ids=lambda case: case.name,
)
def test_a_case_measures_the_system_beside_the_least_that_could_do_it(case: Case) -> None:
    figures = case.measure(SMALL)

    assert sum(bool(figure.limit) for figure in figures) >= 1
    lost = [figure.ours for figure in figures if figure.name.startswith("lost")]
    assert not any(lost)


def test_all_photos_are_listed_and_pages_compared() -> None:
    figures = listing.CASE.measure(Sizes(listed=500))

    assert len(figures) == 10
    assert [figure.name for figure in figures if figure.met is not None] == [
        "the slowest of 10 pages, 10 in all"
    ]


def test_copies_are_found_among_very_many() -> None:
    figures = similar.CASE.measure(Sizes(listed=500))

    assert [figure.met for figure in figures] == [None, None, None, True]


def test_events_go_through_one_notifier_and_two_and_each_reads_its_own() -> None:
    figures = {figure.name.strip(): figure for figure in fanout.CASE.measure(SMALL)}

    assert figures["to 10 on two notifiers"].ours > 0
    assert figures["entries read of another's lane"].ours == 0


def test_an_event_is_timed_and_a_socket_weighed() -> None:
    figures = sockets.CASE.measure(SMALL)

    assert [figure.unit for figure in figures] == ["ms", "ms", "KiB", "a second"]
    assert 0 < figures[0].ours <= figures[1].ours


def test_sockets_that_are_dropped_come_back_without_a_hole() -> None:
    figures = {figure.name: figure for figure in returning.CASE.measure(SMALL)}

    assert {name: figures[name].ours for name in ("holes", "repeats", "resyncs")} == {
        "holes": 0,
        "repeats": 0,
        "resyncs": 0,
    }


def test_cases_are_chosen_by_name_and_written_as_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(bench.CASES, "rates", Case("rates", "Rates", "theirs", lambda _: []))
    written = tmp_path / "figures.json"

    bench.main(["rates", "--json", str(written)])

    assert json.loads(written.read_text())["cases"] == {"rates": []}
    assert "Rates" in capsys.readouterr().out


def test_a_case_that_does_not_exist_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        bench.main(["speed"])

    assert "no such case: speed" in capsys.readouterr().err
