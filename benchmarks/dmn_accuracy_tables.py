"""Tables and aims of the benchmark of the DMN paper's systems."""

from __future__ import annotations

from collections.abc import Collection
from statistics import mean
from typing import Any, Literal

from benchmark_file import Cell, Column, Table, judged, over_seeds

DomainName = Literal["rooms", "mazes", "street"]
Numbers = dict[str, Any]

DMN = "view_embedding"
#: Name of the best form with a longer training than the other rows.
LONGER = "projection, five times as long"
STEADY_LIGHT = "projection, then without varied light"
#: Names of the trainings of the compass, which starts from features that were trained without it.
WALLS_ONLY = "projection_compass, walls only"
WALLS_FIRST = "projection_compass, walls first"
WALLS_FIRST_LONGER = "projection_compass, walls first, longer"
FOUR_VIEWS = "projection_compass, walls first, four views at last"
MORE_WORLDS = "projection_compass, walls first, more worlds at last"
LIKENESS = "projection_likeness, more worlds and likeness at last"
LIKENESS_FOUR_VIEWS = "projection_likeness, four views at last"
#: Tables 1 and 2 of the paper: sequential and one-step success, per cent, on its own data.
PAPER: dict[str, dict[DomainName, tuple[float, float]]] = {
    "view_embedding": {"rooms": (95.6, 93.5), "mazes": (75.9, 27.0), "street": (73.2, 28.4)},
    "view_embedding_regression": {"rooms": (97.2, 60.5), "mazes": (39.9, 19.0), "street": (42.3, 13.4)},
    "latent_image": {"rooms": (94.0, 90.5), "mazes": (69.4, 21.1), "street": (37.8, 9.8)},
    "latent_image_regression": {"rooms": (9.6, 5.1), "mazes": (10.1, 5.5), "street": (11.1, 10.1)},
    "latent_vector": {"rooms": (92.9, 88.1), "mazes": (40.4, 13.2), "street": (15.8, 5.7)},
    "latent_vector_regression": {"rooms": (9.8, 5.6), "mazes": (16.8, 7.3), "street": (10.4, 7.1)},
    "closest_context": {"rooms": (11.0, 11.4), "mazes": (39.3, 34.5), "street": (8.6, 8.7)},
    "uninformed": {"rooms": (1.7, 2.9), "mazes": (3.3, 3.7), "street": (2.7, 7.1)},
}
#: Aims for sequential and one-step success, per cent.
MARKS: dict[DomainName, tuple[float, float]] = {"rooms": (95.0, 93.0), "mazes": (75.0, 27.0), "street": (73.0, 28.0)}
BASELINES = ("closest_context", "uninformed")


GLOBAL = (
    Column("row"),
    Column("mean", "{:.1f}{} %"),
    Column("most likely", "{:.1f} %"),
    Column("densest", "{:.1f} %"),
    Column("paper", "{:.1f} %"),
    Column("power of the likelihoods", "{:.2g}"),
    Column("parameters", "{:,d}"),
    Column("seeds", "{:d}"),
)
#: Key of a setting, its heading, and its index among the numbers of the paper and among the images.
SETTINGS = (("sequential", "after five images", 0, -1), ("one_step", "after one image", 1, 0))


def tables(results: dict[str, dict[str, list[Numbers]]], ours: Collection[str]) -> list[Table]:
    """Make tables 1 and 2 of the paper by domain, of tracking, and of success by numbers of images, views, particles.

    Args:
        results: results by domain and row, one for each seed.
        ours: rows with results for other numbers of views and particles.
    """
    found = [table for domain, of in results.items() for table in _global(domain, of)]
    columns = [Column("row"), *(Column(f"{domain}, mean squared error", "{:.4f}") for domain in results)]
    columns += [Column(f"{domain}, most likely", "{:.4f}") for domain in results]
    names = next(iter(results.values()))
    found.append(
        Table("Tracking, square units after the last image", columns, [_tracking_row(n, results) for n in names])
    )
    for domain, of in results.items():
        found += _variations(domain, {name: runs for name, runs in of.items() if name in ours})
    return found


def _values(runs: list[Numbers], setting: str, estimate: str, key: str, factor: float = 1.0) -> list[float]:
    return [factor * run[setting][estimate][key] for run in runs if estimate in run[setting]]


def _global(domain: str, of: dict[str, list[Numbers]]) -> list[Table]:
    number = 2 if domain == "street" else 1
    return [
        Table(
            f"Global localization, {domain}: success {heading} (table {number} of the paper)",
            GLOBAL,
            [_global_row(name, domain, runs, setting, paper, image) for name, runs in of.items()],
        )
        for setting, heading, paper, image in SETTINGS
    ]


def _global_row(name: str, domain: str, runs: list[Numbers], setting: str, paper: int, image: int) -> list[Cell]:
    row: list[Cell] = [name, over_seeds(_values(runs, setting, "mean", "success", 100.0), 1)]
    for estimate in ("most_likely", "densest"):
        row.append(_average(_values(runs, setting, estimate, "success", 100.0)))
    published = PAPER.get(name, {}).get(domain)  # type: ignore[call-overload]
    power: Cell = None
    if "most_likely" in runs[0]["one_step"]:  # a filter
        power = mean(run["evaluation"]["likelihood_exponent"][image] for run in runs)
    return [*row, published and published[paper], power, runs[0].get("parameters"), len(runs)]


def _average(values: list[float]) -> float | None:
    return mean(values) if values else None


def _tracking_row(name: str, results: dict[str, dict[str, list[Numbers]]]) -> list[Cell]:
    row: list[Cell] = [name]
    for estimate in ("mean", "most_likely"):
        for rows in results.values():
            row.append(_average(_values(rows[name], "tracking", estimate, "mse")))
    return row


def _variations(domain: str, of: dict[str, list[Numbers]]) -> list[Table]:
    """Make tables of the success of the mean estimate by number of images, views or particles."""
    if not of:
        return []
    by_image = {name: [run["sequential"]["mean"]["success_by_image"] for run in runs] for name, runs in of.items()}
    rows = {name: [100.0 * mean(shares) for shares in zip(*seeds, strict=True)] for name, seeds in by_image.items()}
    counts = range(1, 1 + len(next(iter(rows.values()))))
    found = [_variation(f"Success by number of images, {domain}", [str(count) for count in counts], rows)]
    for varied, words in (("contexts", "views in the map"), ("particles", "particles")):
        values = list(next(iter(of.values()))[0][varied])
        for setting, heading, *_ in SETTINGS if values else ():
            shares = {
                name: [100.0 * runs[0][varied][value][setting]["mean"]["success"] for value in values]
                for name, runs in of.items()
            }
            found.append(_variation(f"Success {heading} by number of {words}, {domain}", values, shares))
    return found


def _variation(title: str, values: list[str], rows: dict[str, list[float]]) -> Table:
    columns = (Column("row"), *(Column(value, "{:.1f} %") for value in values))
    return Table(title, columns, [[name, *shares] for name, shares in rows.items()])


def notes(results: dict[str, dict[str, list[Numbers]]], ours: Collection[str]) -> dict[str, str]:
    """Compare the best of our rows with the other rows of the paper and with the aims, for each domain."""
    found = {}
    for domain, rows in results.items():
        scores = {name: mean(_values(runs, "sequential", "mean", "success", 100.0)) for name, runs in rows.items()}
        candidates = {name: score for name, score in scores.items() if name in ours}
        others = {name: scores[name] for name in PAPER if name in scores and name not in ours}
        if candidates and others:
            first = {name: mean(_values(rows[name], "one_step", "mean", "success", 100.0)) for name in candidates}
            best = max(candidates, key=lambda name: (candidates[name], first[name]))
            rival = max(others, key=lambda name: others[name])
            verdict = "ahead of every baseline" if candidates[best] > others[rival] else "**not ahead**"
            found[domain] = (
                f"{best} {candidates[best]:.1f} %, {rival} {others[rival]:.1f} %: {verdict} after five images"
            )
            reached = candidates[best], first[best]
            for setting, value, mark in zip(("five images", "one image"), reached, MARKS[domain], strict=True):  # type: ignore[index]
                found[f"{domain}, {setting}: at least {mark:.0f} %"] = f"{best} {value:.1f} %: {judged(value >= mark)}"
    return found
