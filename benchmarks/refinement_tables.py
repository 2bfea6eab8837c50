"""Tables and aims of the benchmark of the refinement."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmark_file import Cell, Column, Table, judged

Numbers = dict[str, Any]

REDKITCHEN, APARTMENT = "RedKitchen", "apartment"
MOVED, TWICE = "apartment, furniture moved", "apartment, a room twice"
#: Shift of the wrong guesses.
SHIFT_M, SHIFT_DEG = 0.5, 20.0
OFF, IN_ANOTHER_ROOM = f"guess off by {SHIFT_M} m and {SHIFT_DEG:.0f} deg", "guess in another room"
#: Names of the systems.
ALONE, BASELINE, REFINED, ALL = (
    "vlocnet alone",
    "SIFT + PnP",
    "refined from vlocnet",
    "refined from vlocnet, all frames",
)

_POSES = (
    Column("place"),
    Column("system"),
    Column("frames", "{:d}"),
    Column("position, median", "{:.1f} cm"),
    Column("rotation, median", "{:.2f} deg"),
    Column("within 5 cm, 5 deg", "{:.1f} %"),
    Column("within 2 cm, 2 deg", "{:.1f} %"),
    Column("lost: off by over 0.5 m", "{:.1f} %"),
    Column("answered", "{:.1f} %"),
    Column("answered, but lost", "{:d}"),
)
_COSTS = (
    Column("place"),
    Column("system"),
    Column("a frame, median", "{:.1f} ms"),
    Column("a frame, 95th percentile", "{:.1f} ms"),
    Column("faster than SIFT + PnP", "{:.1f}x"),
    Column("map", "{:.2f} MB"),
    Column("mean NEES (ideal 6)", "{:.2f}"),
    Column("95 % band of the mean", "{:.1f} to {:.1f}"),
)
_TRIALS = (
    Column("place"),
    Column("trial"),
    Column("frames", "{:d}"),
    Column("confirmed", "{:.1f} %"),
    Column("as good as before", "{:.1f} %"),
    Column("position, median of the confirmed", "{:.1f} cm"),
    Column("within 5 cm, 5 deg", "{:.1f} %"),
    Column("confirmed and lost", "{:d}"),
)


def tables(numbers: Numbers) -> list[Table]:
    """Make the tables of the poses, of times, sizes and covariances, and of the trials."""
    rows = [(p, s, row) for p, systems in numbers["systems"].items() for s, row in systems.items()]
    trials = [(p, t, row) for p, those in numbers["trials"].items() for t, row in those.items()]
    trials += [(TWICE, t, row) for t, row in numbers["twin"].items()]
    return [
        Table("Poses", _POSES, [_poses(*row) for row in rows]),
        Table("Time, size and covariances", _COSTS, [_costs(*row, numbers) for row in rows]),
        Table("Wrong guesses and other cameras", _TRIALS, [_trial(*row) for row in trials]),
    ]


def notes(numbers: Numbers) -> dict[str, str]:
    """Aims with the values reached, and missing data."""
    found = dict(_aims(numbers))
    return found | {f"left out: {name}": f"no {paths}" for name, paths in numbers["left_out"].items()}


def _poses(place: str, system: str, row: Numbers) -> list[Cell]:
    shares = [100.0 * row[name] for name in ("within_5cm_5deg", "within_2cm_2deg", "lost", "confirmed")]
    return [place, system, row["frames"], _cm(row["median_m"]), row["median_deg"], *shares, row["confirmed_wrong"]]


def _costs(place: str, system: str, row: Numbers, numbers: Numbers) -> list[Cell]:
    plain, size = numbers["systems"][place].get(BASELINE), numbers["maps"].get(place, {})
    ratio = plain["p50_ms"] / row["p50_ms"] if plain and row["p50_ms"] and system != BASELINE else None
    megabytes = size.get("baseline_mb") if system == BASELINE else size.get("megabytes") if row["p50_ms"] else None
    nees = row["consistency"]
    covariance: list[Cell] = [nees["nees"], list(nees["band"])] if nees else [None, None]
    return [place, system, row["p50_ms"], row["p95_ms"], ratio, megabytes, *covariance]


def _trial(place: str, trial: str, row: Numbers) -> list[Cell]:
    as_good = 100.0 * row["as_good"] if "as_good" in row else None
    confirmed, within = 100.0 * row["confirmed"], 100.0 * row["within_5cm_5deg"]
    median = _cm(row["confirmed_median_m"])
    return [place, trial, row["frames"], confirmed, as_good, median, within, row["confirmed_wrong"]]


def _aims(numbers: Numbers) -> Iterator[tuple[str, str]]:
    systems, trials = numbers["systems"], numbers["trials"]
    for place, metres, degrees in ((REDKITCHEN, 0.02, 1.0), (APARTMENT, 0.01, 0.3), (MOVED, 0.02, None)):
        if place in systems:
            yield _median(place, systems[place][REFINED], metres, degrees)
    if REDKITCHEN in systems:
        yield from _against_baseline(systems[REDKITCHEN], numbers["maps"][REDKITCHEN]["megabytes"])
    for place in (REDKITCHEN, APARTMENT):
        if place in trials:
            nees = systems[place][ALL]["consistency"]
            inside = nees is not None and nees["band"][0] <= nees["nees"] <= nees["band"][1]
            yield (
                f"{place}, mean NEES: within its 95 % band",
                f"{nees['nees']:.2f}: {judged(inside)}" if nees else judged(inside),
            )
            share = 100.0 * trials[place][OFF]["as_good"]
            yield f"{place}, {OFF}, frames as good as before: at least 90 %", f"{share:.1f} %: {judged(share >= 90.0)}"
            yield from _cameras(place, trials[place])
    wrong = [row["confirmed_wrong"] for name, row in trials.get(APARTMENT, {}).items() if IN_ANOTHER_ROOM in name]
    if wrong:
        yield (
            f"{IN_ANOTHER_ROOM}, confirmed in the wrong place: never",
            f"{sum(wrong)} frames: {judged(not any(wrong))}",
        )
    if numbers["twin"]:
        count = sum(row["confirmed_wrong"] for row in numbers["twin"].values())
        yield f"{TWICE}, confirmed in the wrong room: never", f"{count} frames: {judged(count == 0)}"


def _median(place: str, row: Numbers, metres: float, degrees: float | None) -> tuple[str, str]:
    aim, value = f"at most {100.0 * metres:.1f} cm", f"{_cm(row['median_m']):.2f} cm"
    met = row["median_m"] <= metres
    if degrees is not None:
        aim, value = f"{aim} and {degrees:.1f} deg", f"{value}, {row['median_deg']:.2f} deg"
        met = met and row["median_deg"] <= degrees
    return f"{place}, median: {aim}", f"{value}: {judged(met)}"


def _against_baseline(systems: Numbers, megabytes: float) -> Iterator[tuple[str, str]]:
    ours, plain = systems[REFINED], systems[BASELINE]
    within, lost, ms = 100.0 * ours["within_5cm_5deg"], ours["lost_but_found_by_baseline"], ours["p50_ms"]
    ratio = plain["p50_ms"] / ms
    yield f"{REDKITCHEN}, within 5 cm, 5 deg: at least 85 %", f"{within:.1f} %: {judged(within >= 85.0)}"
    yield f"{REDKITCHEN}, lost although {BASELINE} finds it: never", f"{lost} frames: {judged(lost == 0)}"
    yield f"{REDKITCHEN}, time of a frame: at most 25 ms", f"{ms:.1f} ms: {judged(ms <= 25.0)}"
    yield f"{REDKITCHEN}, speed over {BASELINE}: at least 3 times", f"{ratio:.1f} times: {judged(ratio >= 3.0)}"
    yield f"{REDKITCHEN}, map: under 5 MB", f"{megabytes:.2f} MB: {judged(megabytes < 5.0)}"


def _cameras(place: str, trials: Numbers) -> Iterator[tuple[str, str]]:
    for camera in ("cropped and rescaled", "distorted"):
        share = 100.0 * trials[camera]["as_good"]
        yield (
            f"{place}, {camera} camera, frames as good as before: at least 90 %",
            f"{share:.1f} %: {judged(share >= 90.0)}",
        )


def _cm(metres: float | None) -> float | None:
    return None if metres is None else 100.0 * metres
