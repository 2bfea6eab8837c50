"""Parameters of the dmn node."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dmn_ros.filter.filter_config import FilterConfig
from localization_common.files.paths import existing_file, require_own_file, user_path
from localization_common.place import Place
from localization_common.place.choice import dmn_checkpoint
from localization_common.ros.parameter_fields import ALWAYS, detail, parameter, parameters_of
from localization_common.ros.settings import NodeSettings

Array = npt.NDArray[np.float64]

_MOTION = "Odometry noise: variance of the {} per {}."
_FILTER = {
    "min_particles": detail("Least number of particles.", 1, 1_000_000),
    "max_particles": detail("Largest number of particles.", 1, 1_000_000),
    "global_particles": detail("Particles of a belief over the whole map, until its first image.", 1, 1_000_000),
    "update_min_d": detail("Metres of motion after which an image is weighed.", 0.0, 100.0),
    "update_min_a": detail("Radians of turning after which an image is weighed.", 0.0, 6.3),
    "resample_interval": detail("Resample at most at every n-th weighed image.", 1, 1000),
    "resample_threshold": detail("Resample below this ratio of effective sample size to particles.", 0.0, 1.0),
    "recovery_alpha_slow": detail("Decay of the slow average likelihood; 0 switches recovery off.", 0.0, 1.0),
    "recovery_alpha_fast": detail("Decay of the fast average likelihood; 0 switches recovery off.", 0.0, 1.0),
    "recovery_max": detail("Largest share of the particles that one update draws anew.", 0.0, 1.0),
    "proposal_share": detail(
        "Share of the particles drawn from the pose on `proposal`; weights keep the belief unbiased; 0 is off.",
        0.0,
        0.9,
    ),
    "proposal_trust": detail(
        "Probability that the pose on `proposal` is right; a pose that agrees is published sooner; 0 is off.", 0.0, 1.0
    ),
    "alpha1": detail(_MOTION.format("rotation", "squared radian of rotation"), 0.0, 100.0),
    "alpha2": detail(_MOTION.format("rotation", "squared metre of translation"), 0.0, 100.0),
    "alpha3": detail(_MOTION.format("translation", "squared metre of translation"), 0.0, 100.0),
    "alpha4": detail(_MOTION.format("translation", "squared radian of rotation"), 0.0, 100.0),
    "min_noise_d": detail("Least motion noise per update, metres; keeps copies of a particle apart.", 0.0, 10.0),
    "min_noise_a": detail("Least motion noise per update, radians; keeps copies of a particle apart.", 0.0, 6.3),
    "likelihood_exponent": detail(
        "Power of each likelihood but that of a lost robot's first image; below 1: successive images are similar.",
        0.0,
        10.0,
    ),
    "reference_poses": detail(
        "Poses all over the map that recovery draws from; their mean likelihood is the unit of recovery.", 1, 100_000
    ),
    "max_evaluated_views": detail(
        "Largest number of views of the map that one image is compared with, if it fits the belief.",
        4,
        100_000,
    ),
    "cell_d": detail("Size of the cells that set the number of particles, metres.", 0.0, 100.0),
    "cell_a": detail("Size of the cells that set the number of particles, radians.", 0.0, 6.3),
    "pf_err": detail("Largest divergence of particles and belief over the cells (KLD sampling).", 0.0, 1.0),
    "pf_z": detail("Normal quantile of the confidence in pf_err; 2.326 is 99 %.", 0.0, 10.0),
    "cluster_d": detail("Radius of a cluster of particles, metres.", 0.0, 100.0),
    "cluster_a": detail("Radius of a cluster of particles, radians.", 0.0, 6.3),
    "localized_share": detail("Least share of the weight in one cluster for a published pose.", 0.0, 1.0),
    "localized_images": detail(
        "Least number of weighed images for a pose after a belief over the whole map, unless `proposal` agrees.",
        1,
        1000,
    ),
    "localized_fit": detail(
        "Least log-likelihood of the last images against the whole map's for a published pose.", -100.0, 100.0
    ),
    "random_seed": detail("Seed; the same seed and frames give the same beliefs.", 0, 2**31),
}


@dataclass(frozen=True)
class InitialPoseSettings:
    """Initial pose of the robot, used with `set_initial_pose`."""

    x: float = parameter(0.0, "Position in the map, metres.")
    y: float = parameter(0.0, "Position in the map, metres.")
    yaw: float = parameter(0.0, "Heading in the map, radians.")
    std_d: float = parameter(0.5, "Standard deviation of the position, metres.", minimum=0.0, maximum=1000.0)
    std_a: float = parameter(0.26, "Standard deviation of the heading, radians.", minimum=0.0, maximum=6.3)

    @property
    def mean(self) -> Array:
        """Planar pose (3,)."""
        return np.array([self.x, self.y, self.yaw])

    @property
    def covariance(self) -> Array:
        """Covariance (3, 3) of x, y, yaw."""
        return np.diag([self.std_d**2, self.std_d**2, self.std_a**2])


@dataclass(frozen=True)
class DmnSettings(NodeSettings):
    """Parameters of the dmn node; those of the particle filter have amcl's names where the meaning is the same."""

    map_path: str = parameter(
        "",
        "File with the context map, made by dmn_build_map; read by configure and load_map. Empty: that of place.",
        when=ALWAYS,
    )
    saved_map_path: str = parameter(
        "",
        "File that save_map writes; empty overwrites the map that was read, unless it came with an installed package.",
        when=ALWAYS,
    )
    odometry_timeout: float = parameter(
        1.0, "Seconds that an image waits for odometry as new as itself.", minimum=0.0, maximum=600.0, when=ALWAYS
    )
    published_particles: int = parameter(
        500, "Largest number of particles that are published for viewers.", minimum=1, maximum=100_000, when=ALWAYS
    )
    belief_resolution: float = parameter(
        0.1, "Side of a cell of the published belief, metres.", minimum=0.01, maximum=10.0, when=ALWAYS
    )
    set_initial_pose: bool = parameter(False, "Start at initial_pose instead of with a belief over the whole map.")
    initial_pose: InitialPoseSettings = parameters_of(InitialPoseSettings, flat=False)  # noqa: RUF009 - makes a field
    filter: FilterConfig = parameters_of(FilterConfig, flat=True, details=_FILTER)  # noqa: RUF009 - makes a field

    def checkpoint_file(self, place: Place | None) -> Path:
        """Checkpoint of the network: with a place, by default its own, else the general one of this package.

        Raises:
            ConfigError: there is no such file.
        """
        if self.checkpoint or place is None:
            return existing_file(self.checkpoint, "parameter checkpoint")
        return dmn_checkpoint(None, place)

    def map_file(self, place: Place | None) -> Path:
        """Context map.

        Raises:
            ConfigError: there is no such file.
            MapError: the place has none.
        """
        if self.map_path or place is None:
            return existing_file(self.map_path, "parameter map_path")
        return place.file("context_map")

    @contextlib.contextmanager
    def saved_map(self, place: Place | None) -> Iterator[Path]:
        """Path at which save_map writes; the place is held meanwhile if the file is in it.

        Raises:
            ConfigError: there is no file name, or the file came with an installed package.
            MapError: the place was built anew since it was opened.
        """
        if self.saved_map_path or self.map_path or place is None:
            named = "saved_map_path" if self.saved_map_path else "map_path"
            path = user_path(getattr(self, named), f"parameter {named}")
            _require_own(path, named)
            yield path
            return
        _require_own(place.location("context_map"), "place")
        with place.adding("context_map") as path:
            yield path


def _require_own(path: Path, name: str) -> None:
    own = Path("~", ".ros", path.name)
    remedy = f"set saved_map_path to a file of your own, for example {own}, and map_path to the same to use it"
    require_own_file(path, f"parameter {name}", remedy)
