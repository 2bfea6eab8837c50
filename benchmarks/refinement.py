"""Poses refined against a keyframe map, compared with other methods: ``python benchmarks/refinement.py --help``.

The test frames are held-out frames of RedKitchen and of the simulated apartment. ``vlocnet_build_keyframes`` builds the
maps, which stay in the work directory. The baseline, SIFT and PnP with RANSAC, runs in turns with the refinement, on
every third frame. Places whose data is missing are left out and listed in the notes.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch
import tyro

from benchmark_file import BenchmarkFile
from localization_common.datasets.opening import open_sequence
from localization_common.keyframes.keyframe_map import KeyframeMap
from localization_common.refinement.refiner import Refiner
from refinement_config import RefinementBenchmarkConfig
from refinement_priors import FramePrior, as_guesses, elsewhere, from_dmn, from_odometry, from_vlocnet, shifted
from refinement_scenes import RefinedScene, apartment, exchanged_twins, keyframe_map, missing, redkitchen
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
from refinement_trials import Numbers, RefinementOutcome, as_published, other_camera, other_cameras, refined
from sift_pnp_baseline import SiftPnp

#: Period of the frames for the baseline and for the trials with single frames.
EVERY = 3
#: Smallest distance of a guess at another place, metres.
ELSEWHERE_M = 3.0
#: Largest additional error of a pose that is as good as another.
AS_GOOD_M, AS_GOOD_DEG = 0.01, 0.5
#: Numbers of frames and of keyframes with ``--quick``.
QUICK_FRAMES, QUICK_KEYFRAMES = 120, 150


class RefinementBenchmark:
    """Measurements of all places.

    Attributes:
        numbers: ``systems``, ``trials`` and ``maps`` by place, ``twin`` by trial, and the missing data ``left_out``.
    """

    def __init__(self, config: RefinementBenchmarkConfig) -> None:
        self.config = replace(config, work=config.work.with_name("quick_refinement")) if config.quick else config
        self.numbers: Numbers = {"systems": {}, "trials": {}, "maps": {}, "twin": {}, "left_out": {}}

    def run(self) -> Numbers:
        """Measure all places whose data exists."""
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
        """Measure guesses alone and odometry alone in twin rooms."""
        rooms = json.loads((self.config.twin / "changes.json").read_text(encoding="utf-8"))["twin_rooms"]
        enters = int(
            exchanged_twins(open_sequence(self.config.twin / "test").with_poses().map_T_camera, rooms)[1].argmax()
        )
        place = self._recorded(TWICE, start=enters)
        known, sequence = self._map(place), place.test
        moved, inside = exchanged_twins(sequence.map_T_camera, rooms)
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

    def _place(self, place: RefinedScene) -> list[FramePrior]:
        """Measure the network, the baseline and the refinement; return the priors of the network."""
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

    def _trials(self, place: RefinedScene, priors: list[FramePrior]) -> None:
        """Measure single frames with shifted guesses and through other lenses."""
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
        for name, camera in other_cameras(place.test.camera).items():
            outcome, _ = refined(Refiner(known), other_camera(sequence, camera), few, alone=True)
            self._say(place.name, name, outcome, trials, before)

    def _recorded(self, name: str, test: Path | None = None, *, start: int = 0) -> RefinedScene:
        """Open an apartment; with ``--quick``, few frames of the drive from ``start`` on."""
        c, options = self.config, ("--keyframes.most", str(QUICK_KEYFRAMES)) if self.config.quick else ()
        folder, checkpoint = (c.twin, None) if name == TWICE else (c.apartment, c.apartment_checkpoint)
        place = apartment(name, folder, checkpoint, options=options, test=test)
        if not c.quick:
            return place
        few = np.arange(start, min(start + QUICK_FRAMES, len(place.test)))
        return replace(place, test=place.test.select(few))

    def _map(self, place: RefinedScene) -> KeyframeMap:
        known, megabytes = keyframe_map(place, self.config.work)
        size = {"megabytes": megabytes, "keyframes": len(known.thumbnails), "points": len(known.points)}
        self.numbers["maps"].setdefault(place.name, {}).update(size)
        return known

    @staticmethod
    def _checkpoint(place: RefinedScene) -> Path:
        assert place.checkpoint is not None
        return place.checkpoint

    @staticmethod
    def _say(
        place: str, name: str, outcome: RefinementOutcome, into: Numbers, before: RefinementOutcome | None = None
    ) -> None:
        into[name] = outcome.numbers()
        if before is not None:
            into[name]["as_good"] = outcome.as_good(before, metres=AS_GOOD_M, degrees=AS_GOOD_DEG)
        print(f"{place}, {name}: {json.dumps(into[name])}", flush=True)


def main() -> None:
    """Run the benchmark, print the tables, write the file."""
    config = tyro.cli(RefinementBenchmarkConfig, description=__doc__)
    torch.set_num_threads(config.threads)
    cv2.setNumThreads(config.threads)
    numbers = RefinementBenchmark(config).run()
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
