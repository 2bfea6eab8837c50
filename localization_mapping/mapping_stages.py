"""Stages of a mapping by odometry: keyframes, initial poses, matches, adjustment, all frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from localization_common.datasets import sequence as data
from localization_common.keyframes.feature_tracks import FeatureTracks, PairMatches
from localization_common.keyframes.lens_correction import LensCorrection
from localization_common.refinement.candidates import field_of_view
from localization_mapping.adjustment import Structure
from localization_mapping.drive_identity import identity
from localization_mapping.drive_keyframes import keyframes_of_drive
from localization_mapping.floor import Up, up_direction
from localization_mapping.initial_poses import InitialPoses, initial_poses
from localization_mapping.keyframe_extraction import map_focal
from localization_mapping.keyframe_set import KeyframeSet
from localization_mapping.levelling import upright
from localization_mapping.mapped_place import MappedPlace, Scale
from localization_mapping.motion_noise import MotionNoise
from localization_mapping.options import MappingOptions
from localization_mapping.overlap import overlapping_pairs
from localization_mapping.pair_matching import from_arrays, match_pairs, to_arrays
from localization_mapping.place_assembly import assembled
from localization_mapping.progress import Progress
from localization_mapping.rounds import ROUNDS, adjust_in_rounds
from localization_mapping.stage_cache import Arrays, StageCache
from localization_mapping.stale_points import stale_points
from localization_mapping.stored_map import StoredMap
from localization_mapping.visual_odometry import NOISE as VISUAL_NOISE

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class MappingStages:
    """Stages of one mapping.

    Attributes:
        drives: the drives.
        options: parameters.
        existing: map of the first drives, or None.
        stages: results of finished stages.
        progress: shows the progress.
    """

    drives: tuple[data.Sequence, ...]
    options: MappingOptions
    existing: StoredMap | None
    stages: StageCache
    progress: Progress

    @property
    def inputs(self) -> str:
        """Text of all that the result depends on."""
        return repr(self.options) + "".join(self._identities) + str(self._known)

    @property
    def noise(self) -> MotionNoise:
        """Noise of the odometry."""
        return MotionNoise() if self._wheels else VISUAL_NOISE

    @property
    def _wheels(self) -> bool:
        """True if all drives have wheel odometry."""
        return all(drive.odom_T_base is not None for drive in self.drives)

    @cached_property
    def _identities(self) -> list[str]:
        """Identities of the drives, once: they read images."""
        return [identity(drive) for drive in self.drives]

    @property
    def _known(self) -> int:
        """Number of keyframes of the existing map."""
        return 0 if self.existing is None else len(self.existing.keyframes)

    @property
    def _view(self) -> Array:
        return field_of_view(self.drives[0].camera, LensCorrection())

    def keyframes(self) -> KeyframeSet:
        """Return the keyframes of the existing map and of the new drives."""
        parts = [] if self.existing is None else [self.existing.keyframes]
        focal = parts[0].focal if parts else map_focal(self.drives[0], self.options)
        known = 0 if self.existing is None else len(self.existing.drives)
        for d, drive in list(enumerate(self.drives))[known:]:

            def compute(d: int = d, drive: data.Sequence = drive) -> Arrays:
                return keyframes_of_drive(drive, d, focal, self.options, self.progress).arrays

            inputs = f"{self.options} {focal} {d} {self._identities[d]}"
            parts.append(KeyframeSet.of(self.stages.arrays(f"keyframes-{d}", inputs, compute)))
        return KeyframeSet.joined(parts)

    def initial(self, keyframes: KeyframeSet) -> InitialPoses:
        """Return the initial poses of the keyframes."""
        return initial_poses(
            keyframes,
            [drive.name for drive in self.drives],
            self.noise,
            self.options,
            stages=self.stages,
            inputs=self.inputs,
            existing=self.existing,
            progress=self.progress,
        )

    def matches(self, keyframes: KeyframeSet, initial: InitialPoses) -> list[PairMatches]:
        """Match the new keyframes with all whose views overlap by their initial poses."""

        def compute() -> Arrays:
            poses = initial.map_T_base @ keyframes.base_T_camera
            pairs = overlapping_pairs(
                poses, initial.points, keyframes.drive, self._view, most=self.options.overlapping, first=self._known
            )
            with self.progress("matching", len(pairs)) as tick:
                return to_arrays(match_pairs(keyframes, pairs, tick))

        known = [] if self.existing is None else list(self.existing.matches)
        return known + from_arrays(self.stages.arrays("matches", self.inputs, compute))

    def adjusted(
        self, keyframes: KeyframeSet, initial: InitialPoses, matches: Sequence[PairMatches]
    ) -> tuple[Structure, FeatureTracks, str]:
        """Adjust poses and points, level a new map, and return the source of the direction up."""
        with self.progress("adjustment", len(ROUNDS)) as tick:
            structure, tracks = adjust_in_rounds(
                keyframes, initial.map_T_base, matches, self.noise, fixed=self._known, tick=tick
            )
        if self.existing is not None:
            return structure, tracks, "up is that of the map that is extended"
        up = Up(None, "up is the mean of the base's z axes, as the mount gives it: wheels stay on the floor")
        if not self._wheels:
            camera = structure.map_T_base @ keyframes.base_T_camera
            up = up_direction(structure.points, structure.map_T_base, camera)
        return upright(structure, up.direction), tracks, up.source

    def place(
        self,
        keyframes: KeyframeSet,
        initial: InitialPoses,
        matches: Sequence[PairMatches],
        structure: Structure,
        tracks: FeatureTracks,
        up: str,
    ) -> MappedPlace:
        """Locate all frames, and put the map together."""
        notes = [f"{len(initial.closures)} loop closures agree; {initial.rejected} others do not and are left out"]
        notes.append(up)
        structure, tracks = self._without_stale(keyframes, structure, tracks, notes)
        wheels = any(drive.odom_T_base is not None for drive in self.drives)
        local = np.concatenate(initial.points).astype(np.float32)
        names = tuple(drive.name for drive in self.drives)
        return assembled(
            self.drives,
            keyframes,
            structure,
            tracks,
            self.options,
            self.progress,
            scale=Scale(True, "wheel odometry" if wheels else "depth camera"),
            closures=initial.closures,
            notes=tuple(notes),
            stored=StoredMap(names, keyframes, structure.map_T_base, local, initial.closures, matches),
        )

    def _without_stale(
        self, keyframes: KeyframeSet, structure: Structure, tracks: FeatureTracks, notes: list[str]
    ) -> tuple[Structure, FeatureTracks]:
        """Remove points of the existing map that the new drives do not find again."""
        if self.existing is None:
            return structure, tracks
        poses = structure.map_T_base @ keyframes.base_T_camera
        stale = stale_points(structure.points, tracks, poses, self._known, self._view)
        notes.append(
            f"{int(stale.sum())} of {len(stale)} points were not found again by the new drives and are removed"
        )
        kept, points = tracks.keep(~stale[tracks.point])
        return replace(structure, points=structure.points[points]), kept
