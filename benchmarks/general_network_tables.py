"""Tables and aims of the benchmark of a general network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from benchmark_file import Cell, Column, Table, judged

Numbers = dict[str, Any]
Rows = Mapping[str, Mapping[str, Numbers]]

#: Largest odometry error in new apartments, per cent, and least mean intersection over union of the labels.
_ODOMETRY, _LABELS = 4.0, 0.75
_COLUMNS = (
    Column("place"),
    Column("network"),
    Column("odometry", "{:.2f} %"),
    Column("rotation", "{:.2f} deg/m"),
    Column("constant motion", "{:.1f} %"),
    Column("labels, mIoU", "{:.3f}"),
)


def tables(numbers: Rows) -> list[Table]:
    """Make the tables: means over the apartments with the real recordings, then each apartment."""
    apartments, real = _split(numbers)
    names = list(dict.fromkeys(name for rows in numbers.values() for name in rows))
    means: list[list[Cell]] = [[f"mean of {len(apartments)} apartments", n, *_means(apartments, n)] for n in names]
    recordings = [_row(place, name, row) for place, rows in real.items() for name, row in rows.items()]
    each = [_row(place, name, row) for place, rows in apartments.items() for name, row in rows.items()]
    return [
        Table("Odometry and labels where no training was", _COLUMNS, [*means, *recordings]),
        Table("Each apartment", _COLUMNS, each),
    ]


def notes(numbers: Rows, network: str) -> dict[str, str]:
    """Aims for one network with the values reached."""
    return dict(_aims(_split(numbers)[0], network))


def _aims(apartments: Rows, network: str) -> Iterator[tuple[str, str]]:
    odometry, _, _, labels = _means(apartments, network)
    yield (
        f"{network}, odometry in new apartments: at most {_ODOMETRY:g} %",
        f"{odometry:.2f} %: {judged(odometry <= _ODOMETRY)}",
    )
    yield f"{network}, labels: at least {_LABELS:g}", f"{labels:.3f}: {judged(labels >= _LABELS)}"


def _split(numbers: Rows) -> tuple[Rows, Rows]:
    apartments = {place: rows for place, rows in numbers.items() if place.startswith("apartment")}
    return apartments, {place: rows for place, rows in numbers.items() if place not in apartments}


def _means(apartments: Rows, network: str) -> tuple[float, float, float, float]:
    found = [_values(rows[network]) for rows in apartments.values()]
    a, b, c, d = np.mean(np.array(found, dtype=np.float64), axis=0).tolist()
    return a, b, c, d


def _values(row: Numbers) -> tuple[float, float, float | None, float | None]:
    odometry, constant = row["odometry"], row["constant_motion"]
    baseline = None if constant is None else constant["rpe_percent"]
    return odometry["rpe_percent"], odometry["rpe_deg_per_m"], baseline, row.get("miou")


def _row(place: str, network: str, row: Numbers) -> list[Cell]:
    if "refused" in row and "odometry" not in row:
        return [place, f"{network}: lens refused", None, None, None, None]
    return [place, network, *_values(row)]
