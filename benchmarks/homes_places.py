"""Unseen apartments of the benchmark of homes: their recordings, and the scores of a network in them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from dmn_ros.commands.evaluate import EvaluateCommand, evaluate_sequence
from dmn_ros.map.drive_frames import read_frames
from dmn_ros.map.map_building import MapOptions, build_map
from dmn_ros.runtime.checkpoint import load_network
from dmn_ros.runtime.localizer import Localizer
from filter_trials import frames_until, run_trial
from homes_config import HomesConfig
from kidnapping import Kidnapping, kidnapped
from localization_common.datasets.opening import open_sequence
from localization_common.datasets.sequence import Sequence
from localization_common.errors import CameraError
from localization_sim.commands.record import ApartmentRecording, record
from localization_sim.lights.lighting import TEST_LIGHTS

Numbers = dict[str, Any]

#: Images per second of the drives for the map, and of the drive to localize; seconds of the latter.
_MAP_RATE, _RATE, _SECONDS = 1.0, 5.0, 40.0
_QUERY = "train_02"


@dataclass(frozen=True)
class Home:
    """Apartment with the camera and the light of a robot.

    Attributes:
        seed: seed of the apartment.
        recording: options of its recording.
        light: light of the drive to localize; the map is of the standard light.
    """

    seed: int
    recording: ApartmentRecording
    light: str = "standard"

    @property
    def about(self) -> Numbers:
        """Kind of the place, for the table."""
        made = self.recording
        return {
            "seed": self.seed,
            "calm": made.calm,
            "twin_room": made.twin_room,
            "lens_deg": made.field_of_view,
            "height_m": made.camera_height,
            "tilt_deg": made.tilt,
            "light": self.light,
        }


def homes(config: HomesConfig, *, varied: bool) -> list[Home]:
    """List the apartments with the camera of all other recordings, or with others and in the lights for tests."""
    first, last = config.seeds
    if varied and config.varied == 0:
        return []
    seeds = range(first, last + 1, config.varied if varied else 1)
    made = [_home(config.work / "drives" / str(seed), seed) for seed in seeds]
    return [_varied(home) for home in made] if varied else made


def _home(output: Path, seed: int) -> Home:
    recording = ApartmentRecording(
        output=output,
        seed=seed,
        calm=(seed % 3) / 2.0,
        twin_room=seed % 10 == 5,
        val=False,
        test=False,
        width=160,
        height=120,
        depth=False,
        labels=False,
    )
    return Home(seed, recording)


def _varied(home: Home) -> Home:
    """Change lens and mount, and the light between map and query."""
    random = np.random.default_rng([home.seed, 17])
    recording = replace(
        home.recording,
        output=home.recording.output.with_name(f"{home.seed}_varied"),
        field_of_view=round(float(random.uniform(55.0, 120.0)), 1),
        camera_height=round(float(random.uniform(0.25, 1.3)), 2),
        tilt=round(float(random.uniform(-20.0, 20.0)), 1) if random.random() < 0.5 else 0.0,
    )
    lights = list(TEST_LIGHTS)
    return Home(home.seed, recording, lights[int(random.integers(len(lights)))])


def drives(home: Home) -> tuple[list[Sequence], Sequence]:
    """Record two drives for the map and one to localize, unless they exist; open them."""
    made = home.recording
    record(replace(made, train=2, rate=_MAP_RATE))
    record(replace(made, train=3, rate=_RATE, max_duration=_SECONDS, light=home.light))
    return [open_sequence(made.output / f"train_0{i}") for i in range(2)], open_sequence(made.output / _QUERY)


def score(config: HomesConfig, network: Path, home: Home) -> Numbers:
    """Score a network in an apartment."""
    mapped, query = drives(home)
    return home.about | localized(config, network, mapped, query, MapOptions())


def localized(
    config: HomesConfig, network: Path, mapped: list[Sequence], query: Sequence, views: MapOptions
) -> Numbers:
    """Score the localization of a drive in a map of others; the reason if the network does not accept the camera."""
    try:
        localizer = _localizer(network, mapped, views)
        arguments = EvaluateCommand(Path(query.name), one_step=config.one_step, starts=config.starts)
        found = evaluate_sequence(query, localizer, arguments)
    except CameraError as error:
        return {"refused": str(error)}
    found["kidnapped"] = [] if query.odom_T_base is None else _kidnapped(config, localizer, query)
    return found


def _localizer(checkpoint: Path, mapped: list[Sequence], views: MapOptions) -> Localizer:
    network, camera, _ = load_network(checkpoint)
    partial = network.config.partial_views
    frames = [read_frames(drive.with_poses(), camera, partial_views=partial) for drive in mapped]
    return Localizer(network, camera, build_map(network, frames, views))


def _kidnapped(config: HomesConfig, localizer: Localizer, query: Sequence) -> list[Numbers]:
    """Carry the robot to another place of the drive, several times."""
    found = []
    for seed in range(config.kidnapped):
        kidnapping = Kidnapping(seed=seed)
        trial = run_trial(localizer, kidnapped(query, kidnapping), seed)
        after = trial.near[kidnapping.before :]
        found.append({"near": bool(after[-1]), "frames": frames_until(after), "published": bool(trial.localised[-1])})
    return found
