"""Rows of the benchmark of the DMN paper's systems: what is trained how, for how long, and from what."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, replace

from dmn_accuracy_tables import (
    FOUR_VIEWS,
    LIKENESS,
    LIKENESS_FOUR_VIEWS,
    LONGER,
    MORE_WORLDS,
    STEADY_LIGHT,
    WALLS_FIRST,
    WALLS_FIRST_LONGER,
    WALLS_ONLY,
    Domain,
)
from dmn_ros.network.systems import SYSTEMS, SystemName
from dmn_ros.worlds.world_config import WorldTrainingConfig

#: With four views of a large maze most pictures share nothing with any view, and nothing is learned from them for long.
#: All systems learn mazes from more; they are judged with four.
TRAININGS: dict[Domain, WorldTrainingConfig] = {
    "rooms": WorldTrainingConfig(),
    "mazes": WorldTrainingConfig(contexts=16, worlds=8, trajectories=8),
    "street": WorldTrainingConfig(),
}
#: A compass learns from how light differs from view to view, of many worlds in a batch rather than many queries of one.
COMPASS: dict[Domain, WorldTrainingConfig] = {
    domain: WorldTrainingConfig(contexts=6 if domain == "mazes" else 4, worlds=32, trajectories=2, relight=False)
    for domain in TRAININGS
}
#: Before that, walls: with sixteen views a maze's picture shows what one of them shows more often than with six.
WITHOUT_COMPASS: dict[Domain, WorldTrainingConfig] = {
    domain: replace(training, relight=False, heading_after=1.0) for domain, training in TRAININGS.items()
}
WITH_COMPASS: dict[Domain, WorldTrainingConfig] = {
    domain: replace(training, learning_rate=1e-3, heading_after=0.0) for domain, training in COMPASS.items()
}
#: Both are there: walls go on with more views, the compass needs many mazes no longer.
WALLS_AND_COMPASS: dict[Domain, WorldTrainingConfig] = {
    domain: replace(training, contexts=8, worlds=16, trajectories=4) if domain == "mazes" else training
    for domain, training in WITH_COMPASS.items()
}
#: At last as few views as systems are judged with: of four, hardly one shows what the picture shows.
WITH_FOUR_VIEWS: dict[Domain, WorldTrainingConfig] = {
    domain: replace(training, contexts=4, learning_rate=5e-4) for domain, training in WALLS_AND_COMPASS.items()
}
#: The same, for longer: with likeness there is more to learn.
LONG_WITH_FOUR_VIEWS: dict[Domain, WorldTrainingConfig] = {
    domain: replace(training, learning_rate=1e-3) for domain, training in WITH_FOUR_VIEWS.items()
}
#: Light that is varied from view to view tells nothing of walls and headings; at the end it is left as it is.
PLAIN: dict[Domain, WorldTrainingConfig] = {
    domain: replace(training, relight=False, learning_rate=5e-4) for domain, training in TRAININGS.items()
}


@dataclass(frozen=True)
class Run:
    """One training: a system, how, from which other one it goes on, and how many times the others' steps and worlds."""

    name: str
    system: SystemName
    trainings: dict[Domain, WorldTrainingConfig] = dataclasses.field(default_factory=TRAININGS.copy)
    longer: float = 1.0
    more_worlds: float = 1.0
    initial: str | None = None

    @property
    def filters_views(self) -> bool:
        """Whether it is a particle filter on a map of view embeddings: the paper's form, its ablations and ours."""
        mapping = SYSTEMS[self.system].structure()
        return (mapping.map, mapping.algorithm) == ("view_embedding", "filter")


#: The paper's form and its ablations, which are trained as the paper does, too.
PAPERS: tuple[SystemName, ...] = ("view_embedding", "global_coordinates", "mean_over_views")
PAPER_OBJECTIVE = tuple(
    Run(f"{name}, paper's objective", name, dict.fromkeys(TRAININGS, WorldTrainingConfig.paper())) for name in PAPERS
)
RUNS = (
    *(Run(n, n, COMPASS if "compass" in system.sizes else TRAININGS) for n, system in SYSTEMS.items()),
    Run(LONGER, "projection", longer=5),
    Run(STEADY_LIGHT, "projection", PLAIN, longer=0.5, initial=LONGER),
    Run(WALLS_ONLY, "projection_compass", WITHOUT_COMPASS),
    Run(WALLS_FIRST, "projection_compass", WITH_COMPASS, longer=0.75, initial=WALLS_ONLY),
    Run(WALLS_FIRST_LONGER, "projection_compass", WALLS_AND_COMPASS, initial=WALLS_FIRST),
    Run(FOUR_VIEWS, "projection_compass", WITH_FOUR_VIEWS, longer=0.5, initial=WALLS_FIRST_LONGER),
    Run(MORE_WORLDS, "projection_compass", WALLS_AND_COMPASS, longer=0.8, more_worlds=2.4, initial=WALLS_FIRST_LONGER),
    Run(LIKENESS, "projection_likeness", WALLS_AND_COMPASS, longer=0.8, more_worlds=2.4, initial=WALLS_FIRST_LONGER),
    Run(LIKENESS_FOUR_VIEWS, "projection_likeness", LONG_WITH_FOUR_VIEWS, 2.0, more_worlds=2.4, initial=LIKENESS),
    *PAPER_OBJECTIVE,
)
#: Names of rows in commands of earlier results.
FORMER_NAMES = {"projection, and then pictures as they are": STEADY_LIGHT}
#: Rows that between them do all that rows do: every system, a training that goes on from another, the paper's loss.
QUICK = (*SYSTEMS, STEADY_LIGHT, PAPER_OBJECTIVE[0].name)


def renamed(rows: tuple[str, ...]) -> tuple[str, ...]:
    """Today's names of rows, some of which may be given by an earlier one."""
    return tuple(FORMER_NAMES.get(name, name) for name in rows)


def chosen(rows: tuple[str, ...]) -> tuple[Run, ...]:
    """Runs of these rows, all of them where none is named, and those that they go on from; in the order of `RUNS`."""
    wanted = set(rows) or {run.name for run in RUNS}
    for run in reversed(RUNS):  # each comes after the one that it goes on from
        if run.name in wanted and run.initial is not None:
            wanted.add(run.initial)
    return tuple(run for run in RUNS if run.name in wanted)
