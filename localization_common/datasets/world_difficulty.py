"""Difficulty of localization in worlds, by answers that use no picture; command ``worlds_difficulty``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tyro

from localization_common.command_line import command, options_of
from localization_common.datasets.open_worlds import open_worlds
from localization_common.datasets.worlds import WorldSet
from localization_common.errors import DatasetError
from localization_common.geometry.planar import wrap_angle

Array = npt.NDArray[np.float64]

#: An answer is right within this squared distance, square map units (DMN paper, section 4).
SUCCESS = 0.2
#: Weight of a squared radian against a squared map unit (DMN paper, section 3, alpha).
YAW_WEIGHT = 0.5

#: Uninformed estimate and closest context of tables 1 and 2 of the paper, one step, per cent.
PUBLISHED = {"rooms": (2.9, 11.4), "mazes": (3.7, 34.5), "street": (7.1, 8.7)}


@dataclass(frozen=True)
class Difficulty:
    """Shares of queries, 0..1, for which answers without pictures are right.

    Attributes:
        uninformed: answer is the mean of a belief that is uniform over the environment: its middle.
        best_constant: answer is the one position that is right most often.
        closest_context: answer is the position of the context view that is nearest to the query: an upper bound for
            methods that find the most similar view.
        uninformed_with_yaw, closest_context_with_yaw: the same if the heading must be right too (0.5 of its squared
            error in radians is added before the comparison), with a heading along x, and with the nearest context by
            this measure.
    """

    uninformed: float
    best_constant: float
    closest_context: float
    uninformed_with_yaw: float
    closest_context_with_yaw: float


def measure_difficulty(worlds: WorldSet, *, contexts: int = 4, queries: int = 4, seed: int = 0) -> Difficulty:
    """Draw contexts and queries of each world, as an evaluation does, and answer without pictures.

    Args:
        worlds: worlds to measure.
        contexts, queries: number of views of each world, without repetition; of different visits where there are two.
        seed: seed for the choice of views.

    Raises:
        DatasetError: worlds have too few views.
    """
    random = np.random.default_rng(seed)
    picked = [pick_views(worlds.visits[i], contexts, queries, random) for i in range(len(worlds))]
    poses = worlds.poses.astype(np.float64)
    known = np.stack([poses[i, views[0]] for i, views in enumerate(picked)])
    queried = np.stack([poses[i, views[1]] for i, views in enumerate(picked)])
    offset = known[:, None] - queried[:, :, None]  # (worlds, queries, contexts, 3)
    distance, turn = (offset[..., :2] ** 2).sum(axis=-1), wrap_angle(offset[..., 2]) ** 2
    from_middle = (queried[..., :2] ** 2).sum(axis=-1)
    return Difficulty(
        uninformed=float((from_middle < SUCCESS).mean()),
        best_constant=best_constant_success(queried[..., :2].reshape(-1, 2)),
        closest_context=float((distance.min(axis=-1) < SUCCESS).mean()),
        uninformed_with_yaw=float((from_middle + YAW_WEIGHT * wrap_angle(queried[..., 2]) ** 2 < SUCCESS).mean()),
        closest_context_with_yaw=float(((distance + YAW_WEIGHT * turn).min(axis=-1) < SUCCESS).mean()),
    )


def pick_views(
    visits: npt.NDArray[np.uint8], contexts: int, queries: int, random: np.random.Generator
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Positions of context views and of query views of one world, all different.

    Args:
        visits: (views,) visits of the world; where there are several, contexts come from one and queries from another.
        contexts, queries: number of views.
        random: generator for the choice.

    Raises:
        DatasetError: there are too few views.
    """
    numbers = np.unique(visits)
    if len(numbers) > 1:
        first, second = random.choice(numbers, 2, replace=False)
        groups = np.flatnonzero(visits == first), np.flatnonzero(visits == second)
    else:
        shuffled = random.permutation(len(visits))
        groups = shuffled[:contexts], shuffled[contexts:]
    if len(groups[0]) < contexts or len(groups[1]) < queries:
        raise DatasetError(f"{contexts} contexts and {queries} queries wanted of a world with views of visits {visits}")
    return random.choice(groups[0], contexts, replace=False), random.choice(groups[1], queries, replace=False)


def best_constant_success(positions: Array, *, step: float = 0.05) -> float:
    """Share of positions (N, 2) near the best constant answer on a grid of this step over -1..1."""
    line = np.arange(-1.0, 1.0 + step / 2, step)
    shares = [((positions - [x, y]) ** 2).sum(axis=1) < SUCCESS for x in line for y in line]
    return float(max(near.mean() for near in shares))


@dataclass(frozen=True)
class DifficultyCheck:
    """Print the share of queries that are answered right without pictures, beside the DMN paper's numbers.

    Attributes:
        worlds: directories of generated worlds (build/worlds/rooms/test), of GQN or of StreetLearn.
        contexts: number of views of each world in the map.
        queries: number of views of each world whose poses are wanted.
        limit: number of worlds of each directory at most.
    """

    worlds: tyro.conf.Positional[tuple[Path, ...]]
    contexts: int = 4
    queries: int = 6
    limit: int = 1_000


def show(check: DifficultyCheck) -> None:
    """Print the table.

    Raises:
        DatasetError: there are no worlds, or too few views.
    """
    print(f"{'per cent right':30} uninformed  best constant  closest context | with heading: uninformed, closest")
    for path in check.worlds:
        worlds = open_worlds(path, limit=check.limit)
        found = measure_difficulty(worlds, contexts=check.contexts, queries=check.queries)
        print(
            f"{worlds.name[-20:]:20} {len(worlds):5} of them {100 * found.uninformed:6.1f} "
            f"{100 * found.best_constant:13.1f} {100 * found.closest_context:15.1f} | "
            f"{100 * found.uninformed_with_yaw:24.1f} {100 * found.closest_context_with_yaw:8.1f}"
        )
        for domain, (uninformed, closest) in PUBLISHED.items():
            if worlds.name.startswith(domain):
                print(f"{'  the paper, its own data':30} {uninformed:9.1f} {'':13} {closest:15.1f} |")


def main() -> None:
    """Entry point of ``worlds_difficulty``."""
    with command("worlds_difficulty"):
        show(options_of(DifficultyCheck))


if __name__ == "__main__":
    main()
