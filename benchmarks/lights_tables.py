"""Tables and aims of the benchmark of the light."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmark_file import Column, Table, judged
from localization_sim.lights.lighting import STANDARD

Numbers = dict[str, Any]

_COLUMNS = (
    Column("light"),
    Column("vlocnet: published", "{:.1f} %"),
    Column("position, median", "{:.2f} cm"),
    Column("single frames, median", "{:.1f} cm"),
    Column("odometry", "{:.1f} %"),
    Column("labels, mIoU", "{:.3f}"),
    Column("dmn: one image", "{:.0f} %"),
    Column("dmn: 10 frames", "{:.0f} %"),
    Column("refined: confirmed", "{:.1f} %"),
    Column("position, median", "{:.2f} cm"),
    Column("wrong", "{:d}"),
)


def tables(numbers: Numbers) -> list[Table]:
    """Make the table; a row for each light."""
    return [Table("Localization in other light", _COLUMNS, [_row(light, row) for light, row in numbers.items()])]


def notes(numbers: Numbers) -> dict[str, str]:
    """Aims with the values reached."""
    return {name: text for light, row in numbers.items() for name, text in _aims(light, row)}


def _row(light: str, row: Numbers) -> list[Any]:
    vlocnet, published, refined = row["vlocnet"], row["published"], row["refined"]
    return [
        light,
        100.0 * published["confirmed"],
        _cm(published["confirmed_median_m"]),
        _cm(vlocnet["regressed"]["median_m"]),
        vlocnet["odometry"]["rpe_percent"],
        vlocnet["segmentation"]["miou"],
        100.0 * row["dmn"]["one_step_global"]["success_mean"],
        100.0 * row["dmn"]["sequential_global_camera_frames"]["success_mean"],
        100.0 * refined["confirmed"],
        _cm(refined["confirmed_median_m"]),
        refined["confirmed_wrong"],
    ]


def _aims(light: str, row: Numbers) -> Iterator[tuple[str, str]]:
    published, refined = row["published"], row["refined"]
    bound = 2.0 if light == STANDARD else 4.0
    if light != STANDARD:
        yield _at_least(f"{light}, vlocnet, published", 100.0 * published["confirmed"], 90.0)
    yield _at_most(f"{light}, vlocnet, position, median", _cm(published["confirmed_median_m"]), bound)
    yield _at_least(
        f"{light}, dmn, 10 frames", 100.0 * row["dmn"]["sequential_global_camera_frames"]["success_mean"], 98.0
    )
    yield _at_least(f"{light}, refined, confirmed", 100.0 * refined["confirmed"], 97.0)
    yield _at_most(f"{light}, refined, position, median", _cm(refined["confirmed_median_m"]), 1.0)
    wrong = refined["confirmed_wrong"]
    yield f"{light}, refined, wrong: none", f"{wrong}: {judged(wrong == 0)}"


def _cm(metres: float | None) -> float | None:
    return None if metres is None else 100.0 * metres


def _at_least(quantity: str, value: float, bound: float) -> tuple[str, str]:
    return f"{quantity}: at least {bound:g} %", f"{value:.1f} %: {judged(value >= bound)}"


def _at_most(quantity: str, value: float | None, bound: float) -> tuple[str, str]:
    shown = "no pose" if value is None else f"{value:.2f} cm"
    return f"{quantity}: at most {bound:g} cm", f"{shown}: {judged(value is not None and value <= bound)}"
