"""Rows of the benchmark of the DMN paper's systems: system, training, number of steps, and initial weights."""

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
    DomainName,
)
from dmn_ros.network.systems import SYSTEMS, SystemName
from dmn_ros.worlds.world_config import WorldTrainingConfig

#: With four views of a large maze, most pictures overlap with no view and give no gradient for a long time.
#: So all systems are trained with more views of a maze, and scored with four.
TRAININGS: dict[DomainName, WorldTrainingConfig] = {
    "rooms": WorldTrainingConfig(),
    "mazes": WorldTrainingConfig(contexts=16, worlds=8, trajectories=8),
    "street": WorldTrainingConfig(),
}
#: A compass learns from the light on the views. It needs many worlds in a batch more than many queries of each.
COMPASS: dict[DomainName, WorldTrainingConfig] = {
    domain: WorldTrainingConfig(contexts=6 if domain == "mazes" else 4, worlds=32, trajectories=2, relight=False)
    for domain in TRAININGS
}
#: Training of the walls, before the compass: with sixteen views a picture of a maze overlaps with a view more often.
WITHOUT_COMPASS: dict[DomainName, WorldTrainingConfig] = {
    domain: replace(training, relight=False, heading_after=1.0) for domain, training in TRAININGS.items()
}
WITH_COMPASS: dict[DomainName, WorldTrainingConfig] = {
    domain: replace(training, learning_rate=1e-3, heading_after=0.0) for domain, training in COMPASS.items()
}
#: Training of walls and compass together, with more views; the compass needs fewer mazes now.
WALLS_AND_COMPASS: dict[DomainName, WorldTrainingConfig] = {
    domain: replace(training, contexts=8, worlds=16, trajectories=4) if domain == "mazes" else training
    for domain, training in WITH_COMPASS.items()
}
#: Last training, with four views, as in the test.
WITH_FOUR_VIEWS: dict[DomainName, WorldTrainingConfig] = {
    domain: replace(training, contexts=4, learning_rate=5e-4) for domain, training in WALLS_AND_COMPASS.items()
}
#: Longer last training of the system with likeness.
LONG_WITH_FOUR_VIEWS: dict[DomainName, WorldTrainingConfig] = {
    domain: replace(training, learning_rate=1e-3) for domain, training in WITH_FOUR_VIEWS.items()
}
#: Last training without varied light: light that varies from view to view has no information about headings.
PLAIN: dict[DomainName, WorldTrainingConfig] = {
    domain: replace(training, relight=False, learning_rate=5e-4) for domain, training in TRAININGS.items()
}


@dataclass(frozen=True)
class DmnRun:
    """Training of a row.

    Attributes:
        name: name of the row.
        system: system of the paper.
        trainings: options of the training by domain.
        longer: number of steps, as a multiple of the other rows'.
        more_worlds: number of worlds, as a multiple of the other rows'.
        initial: row whose weights it starts from, or None.
    """

    name: str
    system: SystemName
    trainings: dict[DomainName, WorldTrainingConfig] = dataclasses.field(default_factory=TRAININGS.copy)
    longer: float = 1.0
    more_worlds: float = 1.0
    initial: str | None = None

    @property
    def filters_views(self) -> bool:
        """True for a particle filter on a map of view embeddings: the paper's form, its ablations and our forms."""
        mapping = SYSTEMS[self.system].structure()
        return (mapping.map, mapping.algorithm) == ("view_embedding", "filter")


#: The paper's form and its ablations, which are also trained with the paper's objective.
PAPERS: tuple[SystemName, ...] = ("view_embedding", "global_coordinates", "mean_over_views")
PAPER_OBJECTIVE = tuple(
    DmnRun(f"{name}, paper's objective", name, dict.fromkeys(TRAININGS, WorldTrainingConfig.paper())) for name in PAPERS
)
RUNS = (
    *(DmnRun(n, n, COMPASS if "compass" in system.sizes else TRAININGS) for n, system in SYSTEMS.items()),
    DmnRun(LONGER, "projection", longer=5),
    DmnRun(STEADY_LIGHT, "projection", PLAIN, longer=0.5, initial=LONGER),
    DmnRun(WALLS_ONLY, "projection_compass", WITHOUT_COMPASS),
    DmnRun(WALLS_FIRST, "projection_compass", WITH_COMPASS, longer=0.75, initial=WALLS_ONLY),
    DmnRun(WALLS_FIRST_LONGER, "projection_compass", WALLS_AND_COMPASS, initial=WALLS_FIRST),
    DmnRun(FOUR_VIEWS, "projection_compass", WITH_FOUR_VIEWS, longer=0.5, initial=WALLS_FIRST_LONGER),
    DmnRun(
        MORE_WORLDS, "projection_compass", WALLS_AND_COMPASS, longer=0.8, more_worlds=2.4, initial=WALLS_FIRST_LONGER
    ),
    DmnRun(LIKENESS, "projection_likeness", WALLS_AND_COMPASS, longer=0.8, more_worlds=2.4, initial=WALLS_FIRST_LONGER),
    DmnRun(LIKENESS_FOUR_VIEWS, "projection_likeness", LONG_WITH_FOUR_VIEWS, 2.0, more_worlds=2.4, initial=LIKENESS),
    *PAPER_OBJECTIVE,
)
#: Names of rows in commands of earlier results.
FORMER_NAMES = {"projection, and then pictures as they are": STEADY_LIGHT}
#: Rows of ``--quick``: every system, a training that starts from another row, the paper's objective.
QUICK = (*SYSTEMS, STEADY_LIGHT, PAPER_OBJECTIVE[0].name)


def renamed(rows: tuple[str, ...]) -> tuple[str, ...]:
    """Replace former names of rows by the present ones."""
    return tuple(FORMER_NAMES.get(name, name) for name in rows)


def chosen(rows: tuple[str, ...]) -> tuple[DmnRun, ...]:
    """Runs of these rows, by default of all, and of the rows that they start from; in the order of `RUNS`."""
    wanted = set(rows) or {run.name for run in RUNS}
    for run in reversed(RUNS):  # each is after the one that it starts from
        if run.name in wanted and run.initial is not None:
            wanted.add(run.initial)
    return tuple(run for run in RUNS if run.name in wanted)
