"""Tables of what the benchmark of the DMN paper's systems measured, and whether the marks were reached."""

from __future__ import annotations

from collections.abc import Collection
from statistics import mean
from typing import Any, Literal

from benchmark_file import Cell, Column, Table, judged, over_seeds

Domain = Literal["rooms", "mazes", "street"]
Numbers = dict[str, Any]

DMN = "view_embedding"
#: The best form, trained for longer than what it is compared with.
LONGER = "projection, five times as long"
AS_IT_IS = "projection, and then pictures as they are"
#: A compass learns from features that walls have taught.
WALLS_ONLY = "projection_compass, walls only"
WALLS_FIRST = "projection_compass, walls first"
WALLS_FIRST_LONGER = "projection_compass, walls first, longer"
FOUR_VIEWS = "projection_compass, walls first, four views at last"
MORE_WORLDS = "projection_compass, walls first, more worlds at last"
LIKENESS = "projection_likeness, more worlds and likeness at last"
LIKENESS_FOUR_VIEWS = "projection_likeness, four views at last"
#: Tables 1 and 2 of the paper: sequential and one-step success, per cent, on its own data.
PAPER: dict[str, dict[Domain, tuple[float, float]]] = {
    "view_embedding": {"rooms": (95.6, 93.5), "mazes": (75.9, 27.0), "street": (73.2, 28.4)},
    "view_embedding_regression": {"rooms": (97.2, 60.5), "mazes": (39.9, 19.0), "street": (42.3, 13.4)},
    "latent_image": {"rooms": (94.0, 90.5), "mazes": (69.4, 21.1), "street": (37.8, 9.8)},
    "latent_image_regression": {"rooms": (9.6, 5.1), "mazes": (10.1, 5.5), "street": (11.1, 10.1)},
    "latent_vector": {"rooms": (92.9, 88.1), "mazes": (40.4, 13.2), "street": (15.8, 5.7)},
    "latent_vector_regression": {"rooms": (9.8, 5.6), "mazes": (16.8, 7.3), "street": (10.4, 7.1)},
    "closest_context": {"rooms": (11.0, 11.4), "mazes": (39.3, 34.5), "street": (8.6, 8.7)},
    "uninformed": {"rooms": (1.7, 2.9), "mazes": (3.3, 3.7), "street": (2.7, 7.1)},
}
#: Sequential and one-step success to reach, per cent.
MARKS: dict[Domain, tuple[float, float]] = {"rooms": (95.0, 93.0), "mazes": (75.0, 27.0), "street": (73.0, 28.0)}
BASELINES = ("closest_context", "uninformed")


GLOBAL = (
    Column("row"),
    Column("sequential, mean", "{:.1f}{} %"),
    Column("sequential, most likely", "{:.1f} %"),
    Column("sequential, densest", "{:.1f} %"),
    Column("one-step, mean", "{:.1f}{} %"),
    Column("one-step, most likely", "{:.1f} %"),
    Column("one-step, densest", "{:.1f} %"),
    Column("paper, sequential", "{:.1f} %"),
    Column("paper, one-step", "{:.1f} %"),
    Column("power, sequential", "{:.2g}"),
    Column("power, one-step", "{:.2g}"),
    Column("parameters", "{:,d}"),
    Column("seeds", "{:d}"),
)
VARIATION = (
    Column("domain"),
    Column("row"),
    Column("varied"),
    Column("value", "{:d}"),
    Column("sequential", "{:.1f} %"),
    Column("one-step", "{:.1f} %"),
)


def tables(results: dict[str, dict[str, list[Numbers]]], ours: Collection[str]) -> list[Table]:
    """Tables 1 and 2 of the paper by domain, tracking, and what was varied at evaluation.

    Args:
        results: by domain and row, one for each seed.
        ours: rows whose evaluation was varied.
    """
    found = []
    for domain, of in results.items():
        number = 2 if domain == "street" else 1
        title = f"Global localization, {domain} (table {number} of the paper)"
        found.append(Table(title, GLOBAL, [_global_row(name, domain, runs) for name, runs in of.items()]))
    columns = [Column("row"), *(Column(f"{domain}, mean squared error", "{:.4f}") for domain in results)]
    columns += [Column(f"{domain}, most likely", "{:.4f}") for domain in results]
    names = next(iter(results.values()))
    found.append(
        Table("Tracking, square units after the last image", columns, [_tracking_row(n, results) for n in names])
    )
    variations = [
        row
        for domain, of in results.items()
        for name, runs in of.items()
        if name in ours
        for row in _varied(domain, name, runs)
    ]
    if variations:
        found.append(Table("Varied at evaluation (mean estimate)", VARIATION, variations))
    return found


def _values(runs: list[Numbers], setting: str, estimate: str, key: str, factor: float = 1.0) -> list[float]:
    return [factor * run[setting][estimate][key] for run in runs if estimate in run[setting]]


def _global_row(name: str, domain: str, runs: list[Numbers]) -> list[Cell]:
    row: list[Cell] = [name]
    for setting in ("sequential", "one_step"):
        row.append(over_seeds(_values(runs, setting, "mean", "success", 100.0), 1))
        for estimate in ("most_likely", "densest"):
            found = _values(runs, setting, estimate, "success", 100.0)
            row.append(mean(found) if found else None)
    paper = PAPER.get(name, {}).get(domain, (None, None))  # type: ignore[call-overload]
    power: list[Cell] = [None, None]
    if "most_likely" in runs[0]["one_step"]:  # a filter
        powers = [run["evaluation"]["likelihood_exponent"] for run in runs]
        power = [mean(of[image] for of in powers) for image in (-1, 0)]
    return [*row, *paper, *power, runs[0].get("parameters"), len(runs)]


def _tracking_row(name: str, results: dict[str, dict[str, list[Numbers]]]) -> list[Cell]:
    row: list[Cell] = [name]
    for estimate in ("mean", "most_likely"):
        for rows in results.values():
            found = _values(rows[name], "tracking", estimate, "mse")
            row.append(mean(found) if found else None)
    return row


def _varied(domain: str, name: str, runs: list[Numbers]) -> list[list[Cell]]:
    found = list[list[Cell]]()
    for varied in ("contexts", "particles"):
        for value, part in runs[0][varied].items():
            both = [100.0 * part[setting]["mean"]["success"] for setting in ("sequential", "one_step")]
            found.append([domain, name, varied, int(value), *both])
    for index, _ in enumerate(runs[0]["sequential"]["mean"]["success_by_image"]):
        shares = [100.0 * run["sequential"]["mean"]["success_by_image"][index] for run in runs]
        found.append([domain, name, "images", index + 1, mean(shares), None])
    return found


def notes(results: dict[str, dict[str, list[Numbers]]], ours: Collection[str]) -> dict[str, str]:
    """Whether the best of our rows is ahead of every other one of the paper, and at the marks, domain by domain."""
    told = {}
    for domain, rows in results.items():
        scores = {name: mean(_values(runs, "sequential", "mean", "success", 100.0)) for name, runs in rows.items()}
        candidates = {name: score for name, score in scores.items() if name in ours}
        others = {name: scores[name] for name in PAPER if name in scores and name not in ours}
        if candidates and others:
            first = {name: mean(_values(rows[name], "one_step", "mean", "success", 100.0)) for name in candidates}
            best = max(candidates, key=lambda name: (candidates[name], first[name]))
            rival = max(others, key=lambda name: others[name])
            verdict = "ahead of every baseline" if candidates[best] > others[rival] else "**not ahead**"
            told[domain] = f"{best} {candidates[best]:.1f} %, {rival} {others[rival]:.1f} %: {verdict} (sequential)"
            reached = candidates[best], first[best]
            for setting, value, mark in zip(("sequential", "one-step"), reached, MARKS[domain], strict=True):  # type: ignore[index]
                told[f"{domain}, {setting}, at least {mark:.0f} %"] = f"{best} {value:.1f} %: {judged(value >= mark)}"
    return told
