"""Poses refined against a keyframe map, and what they are compared with: ``python benchmarks/refinement.py --help``.

Held-out frames of RedKitchen and of the simulated apartment; the maps are built by ``vlocnet_build_keyframes`` and kept
in the work directory. The baseline, SIFT and PnP with RANSAC, runs in turn with the refinement, on every third frame.
What is not there is left out, and said in the notes.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
import tyro

from benchmark_file import BenchmarkFile
from localization_common.camera import Camera
from localization_common.datasets.opening import open_sequence
from localization_common.geometry import se3
from refinement_priors import Prior, as_guesses, elsewhere, from_dmn, from_odometry, from_vlocnet, shifted
from refinement_scenes import Data, Place, apartment, keyframe_map, missing, redkitchen
from refinement_tables import (
    ALL,
    ALONE,
    APARTMENT,
    BASELINE,
    IN_ANOTHER_ROOM,
    MOVED,
    OFF,
    REDKITCHEN,
    REFINED,
    SHIFT_DEG,
    SHIFT_M,
    TWICE,
    notes,
    tables,
)
from refinement_trials import Numbers, Outcome, as_published, other_camera, refined
from sift_pnp_baseline import SiftPnp
from vlocnet_ros.keyframes.keyframe_map import KeyframeMap
from vlocnet_ros.refinement.refiner import Refiner

Array = npt.NDArray[np.float64]

REPOSITORY = Path(__file__).resolve().parents[1]
#: The baseline, and what is tried with single frames, get every third frame.
EVERY = 3
#: Guesses that belong elsewhere are so far away.
ELSEWHERE_M = 3.0
#: A pose is as good as another if it is at most so much farther off.
AS_GOOD_M, AS_GOOD_DEG = 0.01, 0.5
#: Frames of a drive, and keyframes of its map, that are enough to see whether everything runs.
QUICK_FRAMES, QUICK_KEYFRAMES = 120, 150


@dataclass(frozen=True)
class Config(Data):
    """Measure the refinement.

    Attributes:
        dmn: checkpoint.
        context_map: that dmn's, of the apartment.
        rearranged: the test drive after some furniture was moved (`apartment_record --rearranged 0.25`).
        twin: recorded apartment in which one room is there twice (`apartment_record --twin-room`).
        threads: of torch and OpenCV.
        quick: few frames and small maps of the apartments: whether everything runs, not how good it is.
        json: file for the numbers.
    """

    dmn: Path = REPOSITORY / "models/dmn_apartment.safetensors"
    context_map: Path = REPOSITORY / "models/apartment_map.safetensors"
    rearranged: Path = Path("build/apartment_rearranged/test")
    twin: Path = Path("build/apartment_twin")
    threads: int = 2
    quick: bool = False
    json: Path | None = None


class Benchmark:
    """Measures place by place.

    Attributes:
        numbers: ``systems``, ``trials`` and ``maps`` by place, ``twin`` by trial, and what was ``left_out``.
    """

    def __init__(self, config: Config) -> None:
        self.config = replace(config, work=config.work.with_name("quick_refinement")) if config.quick else config
        self.numbers: Numbers = {"systems": {}, "trials": {}, "maps": {}, "twin": {}, "left_out": {}}

    def run(self) -> Numbers:
        """Everything that there is data for."""
        c = self.config
        self._where(REDKITCHEN, (c.redkitchen, c.redkitchen_checkpoint), self._redkitchen)
        flat = (c.apartment / "test", c.apartment / "train_00", c.apartment_checkpoint)
        self._where(APARTMENT, flat, self._apartment)
        self._where(MOVED, (*flat, c.rearranged), self._rearranged)
        self._where(TWICE, (c.twin / "test", c.twin / "train_00"), self._twin)
        return self.numbers

    def _where(self, name: str, needed: tuple[Path, ...], measure: Callable[[], None]) -> None:
        absent = missing(needed)
        if absent:
            self.numbers["left_out"][name] = absent
            return
        measure()

    def _redkitchen(self) -> None:
        place = redkitchen(self.config.redkitchen, self.config.redkitchen_checkpoint)
        priors = self._place(place)
        self._trials(place, priors)

    def _apartment(self) -> None:
        place = self._recorded(APARTMENT)
        priors = self._place(place)
        self._trials(place, priors)
        truth, systems = place.test.map_T_camera, self.numbers["systems"][place.name]
        beliefs = from_dmn(self.config.dmn, self.config.context_map, place.test, priors)
        self._say(place.name, "dmn alone", as_published(beliefs, truth), systems)
        outcome, _ = refined(Refiner(self._map(place)), place.test, beliefs)
        self._say(place.name, "refined from dmn", outcome, systems)
        places = self._map(place).correction.given
        far = elsewhere(priors, truth, places, ELSEWHERE_M, np.random.default_rng(1))
        trials = self.numbers["trials"][place.name]
        for name, alone in ((IN_ANOTHER_ROOM, True), (f"{IN_ANOTHER_ROOM}, with odometry", False)):
            outcome, _ = refined(Refiner(self._map(place)), place.test, far, alone=alone)
            self._say(place.name, name, outcome, trials)

    def _rearranged(self) -> None:
        place = self._recorded(APARTMENT, test=self.config.rearranged)
        known, truth = self._map(place), place.test.map_T_camera
        priors = from_vlocnet(self._checkpoint(place), place.test)
        systems = self.numbers["systems"].setdefault(MOVED, {})
        self._say(MOVED, ALONE, as_published(priors, truth), systems)
        outcome, _ = refined(Refiner(known), place.test, priors)
        self._say(MOVED, REFINED, outcome, systems)

    def _twin(self) -> None:
        """Guesses, and nothing but them or nothing but the odometry, where two rooms look alike."""
        rooms = json.loads((self.config.twin / "changes.json").read_text(encoding="utf-8"))["twin_rooms"]
        enters = int(
            _in_the_other(open_sequence(self.config.twin / "test").with_poses().map_T_camera, rooms)[1].argmax()
        )
        place = self._recorded(TWICE, start=enters)
        known, sequence = self._map(place), place.test
        moved, inside = _in_the_other(sequence.map_T_camera, rooms)
        unguided = from_odometry(sequence)
        wrong = as_guesses(unguided, moved)
        both = as_guesses(unguided, moved, sequence.map_T_camera)
        for name, priors, alone in (
            ("no guess, with odometry", unguided, False),
            ("guess in the wrong room, with odometry", wrong, False),
            ("guess in the wrong room, single frames", wrong, True),
            ("a guess in each room, single frames", both, True),
        ):
            outcome, _ = refined(Refiner(known), sequence, priors, alone=alone)
            self._say(place.name, name, outcome.part(inside), self.numbers["twin"])

    def _place(self, place: Place) -> list[Prior]:
        """The network, the baseline and the refinement; what the network says."""
        known, truth = self._map(place), place.test.map_T_camera
        systems = self.numbers["systems"].setdefault(place.name, {})
        single = from_vlocnet(self._checkpoint(place), place.test, fuse=False)
        priors = from_vlocnet(self._checkpoint(place), place.test)
        print(f"{place.name}: building the baseline", flush=True)
        baseline = SiftPnp(place.training(), place.baseline or len(known.thumbnails))
        self.numbers["maps"][place.name]["baseline_mb"] = baseline.megabytes
        ours, plain = refined(Refiner(known), place.test, priors, baseline=baseline, every=EVERY)
        third = slice(None, None, EVERY)
        fair = ours.part(third)
        self._say(place.name, "vlocnet, single frames", as_published(single, truth).part(third), systems)
        self._say(place.name, ALONE, as_published(priors, truth).part(third), systems)
        self._say(place.name, BASELINE, plain, systems)
        self._say(place.name, REFINED, fair, systems)
        self._say(place.name, ALL, ours, systems)
        systems[REFINED]["lost_but_found_by_baseline"] = int((fair.lost & ~plain.lost).sum())
        return priors

    def _trials(self, place: Place, priors: list[Prior]) -> None:
        """Single frames, with guesses that are off, and through other lenses."""
        known, trials = self._map(place), self.numbers["trials"].setdefault(place.name, {})
        third = np.arange(0, len(place.test), EVERY)
        few, sequence = [priors[i] for i in third], place.test.select(third)
        before, _ = refined(Refiner(known), sequence, few, alone=True)
        self._say(place.name, "single frames", before, trials)
        random = np.random.default_rng(0)
        outcome, _ = refined(Refiner(known), sequence, shifted(few, SHIFT_M, SHIFT_DEG, random), alone=True)
        self._say(place.name, OFF, outcome, trials, before)
        outcome, _ = refined(Refiner(known), place.test, shifted(priors, SHIFT_M, SHIFT_DEG, random))
        self._say(place.name, f"{OFF}, with odometry", outcome.part(third), trials, before)
        for name, camera in _other_cameras(place.test.camera).items():
            outcome, _ = refined(Refiner(known), other_camera(sequence, camera), few, alone=True)
            self._say(place.name, name, outcome, trials, before)

    def _recorded(self, name: str, test: Path | None = None, *, start: int = 0) -> Place:
        """An apartment; if quick, few frames of the drive, from ``start`` on."""
        c, options = self.config, ("--keyframes.most", str(QUICK_KEYFRAMES)) if self.config.quick else ()
        folder, checkpoint = (c.twin, None) if name == TWICE else (c.apartment, c.apartment_checkpoint)
        place = apartment(name, folder, checkpoint, options=options, test=test)
        if not c.quick:
            return place
        few = np.arange(start, min(start + QUICK_FRAMES, len(place.test)))
        return replace(place, test=place.test.select(few))

    def _map(self, place: Place) -> KeyframeMap:
        known, megabytes = keyframe_map(place, self.config.work)
        size = {"megabytes": megabytes, "keyframes": len(known.thumbnails), "points": len(known.points)}
        self.numbers["maps"].setdefault(place.name, {}).update(size)
        return known

    @staticmethod
    def _checkpoint(place: Place) -> Path:
        assert place.checkpoint is not None
        return place.checkpoint

    @staticmethod
    def _say(place: str, name: str, outcome: Outcome, into: Numbers, before: Outcome | None = None) -> None:
        into[name] = outcome.numbers()
        if before is not None:
            into[name]["as_good"] = outcome.as_good(before, metres=AS_GOOD_M, degrees=AS_GOOD_DEG)
        print(f"{place}, {name}: {json.dumps(into[name])}", flush=True)


def _other_cameras(camera: Camera) -> dict[str, Camera]:
    """Others that see less than this one: a part of its image at another scale, and one with a barrel distortion."""
    part = 0.85
    left, top = 0.1 * camera.width, 0.05 * camera.height
    width, height = round(part * camera.width), round(part * camera.height)
    cropped = replace(camera, width=width, height=height, cx=camera.cx - left, cy=camera.cy - top)
    bent = replace(camera, fx=1.15 * camera.fx, fy=1.15 * camera.fy, distortion=(-0.2, 0.03, 0.001, -0.001))
    return {
        "cropped and rescaled": cropped.resized(round(0.8 * width), round(0.8 * height)),
        "distorted": bent,
    }


def _in_the_other(poses: Array, rooms: Numbers) -> tuple[Array, npt.NDArray[np.bool_]]:
    """Poses (N, 4, 4) with those of two rooms that look alike exchanged, and (N,) which these are."""
    x, y = poses[:, :2, 3].T
    moved = poses.copy()
    second_T_first = np.array(rooms["second_T_first"])
    inside = np.zeros(len(poses), dtype=np.bool_)
    for area, other_T_this in ((rooms["first"], second_T_first), (rooms["second"], se3.inverse(second_T_first))):
        here = (x >= area[0]) & (y >= area[1]) & (x <= area[2]) & (y <= area[3])
        moved[here] = other_T_this @ poses[here]
        inside |= here
    return moved, inside


def main() -> None:
    """Run, print, write."""
    config = tyro.cli(Config, description=__doc__)
    torch.set_num_threads(config.threads)
    cv2.setNumThreads(config.threads)
    numbers = Benchmark(config).run()
    file = BenchmarkFile.of(
        __file__,
        title="Poses refined against a keyframe map",
        tables=tables(numbers),
        notes=notes(numbers),
        runs=numbers,
        about={"threads": str(config.threads)},
    )
    file.publish(config.json)


if __name__ == "__main__":
    main()
