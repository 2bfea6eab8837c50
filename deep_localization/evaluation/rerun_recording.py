"""Rerun recording of an evaluation: everything that the localizers saw and computed, over the stamps of the images."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import rerun as rr

from deep_localization.evaluation.drive_results import Array
from deep_localization.evaluation.localizers import Localizers, contexts_of
from deep_localization.evaluation.models import Models
from deep_localization.viewer.entities import DMN, TRUTH, VLOCNET
from deep_localization.viewer.place_drawing import bounds_of, draw_place
from deep_localization.viewer.scene import Scene
from dmn_ros.filter.belief import Belief
from localization_common.datasets.sequence import Sequence
from localization_common.errors import ConfigError
from localization_common.geometry import planar, se3
from localization_common.geometry.covariances import covariance_from_planar
from localization_common.geometry.odometry_integration import base_covariance
from localization_common.geometry.pose_probability import probability_near
from vlocnet_ros.runtime.estimate import Estimate, Health
from vlocnet_ros.runtime.replay import ReplayedFrame

#: Seconds of work that are written together: a viewer opens a file of few large pieces faster.
_FLUSH_EVERY = 10.0
_LEVELS = {Health.OK: "INFO", Health.UNCERTAIN: "WARN", Health.SKIPPED: "WARN", Health.LOST: "ERROR"}


class EvaluationRecording:
    """Observer of an offline evaluation that draws each frame.

    Args:
        scene: where it draws.
        truth: the drive.
        localizers: the localizers that run.
    """

    def __init__(self, scene: Scene, truth: Sequence, localizers: Localizers) -> None:
        self._scene, self._truth, self._localizers = scene, truth, localizers
        self._base_T_camera = np.asarray(truth.base_T_camera)
        scene.camera(truth.camera)
        if localizers.vlocnet is not None:
            scene.class_names(localizers.vlocnet.class_names)

    def on_estimate(self, frame: ReplayedFrame) -> None:
        """Draw the image, and vlocnet's result for it."""
        self._begin(frame.position)
        self._scene.image(frame.image)
        estimate = frame.estimate
        if estimate is None:
            self._scene.no_pose(VLOCNET)
            self._scene.state(VLOCNET, f"image refused: {frame.refusal}", level="WARN")
            return
        health = estimate.health
        text = health.value if health is Health.OK else f"{health.value}: {estimate.reason}"
        self._scene.state(VLOCNET, text, level=_LEVELS[health])
        localizer = self._localizers.vlocnet
        assert localizer is not None
        if estimate.labels is not None:
            self._scene.labels(localizer.labels_in_image(estimate.labels))
        if estimate.refinement is not None:
            self._scene.matched_points(estimate.refinement.pixels)
        if localizer.tasks.localizes:
            self._draw_pose(frame.position, estimate)

    def _draw_pose(self, position: int, estimate: Estimate) -> None:
        if not estimate.health.published:
            self._scene.no_pose(VLOCNET)
            self._scene.quality(VLOCNET, 0.0)
            return
        map_T_base = estimate.map_T_camera @ se3.inverse(self._base_T_camera)
        covariance = base_covariance(estimate.covariance, estimate.map_T_camera, self._base_T_camera)
        self._scene.camera_pose(estimate.map_T_camera)
        self._scene.quality(VLOCNET, probability_near(covariance))
        self._draw(VLOCNET, position, map_T_base, covariance)

    def on_belief(self, position: int, belief: Belief) -> None:
        """Draw the particles and dmn's pose."""
        self._begin(position)
        if self._localizers.vlocnet is None:
            self._scene.image(self._truth.read_image(position))
        self._scene.particles(belief.particles, belief.weights)
        text, level = ("localized", "INFO") if belief.localized else (f"not localized: {belief.reason}", "ERROR")
        self._scene.state(DMN, text, level=level)
        self._scene.quality(DMN, belief.quality)
        if not belief.localized:
            self._scene.no_pose(DMN)
            return
        map_T_base = planar.to_se3(belief.most_likely)
        if self._localizers.vlocnet is None:
            self._scene.camera_pose(map_T_base @ self._base_T_camera)
        self._draw(DMN, position, map_T_base, covariance_from_planar(belief.pose_covariance))

    def _begin(self, position: int) -> None:
        """Set the time, and draw the true pose of a frame."""
        self._scene.at(int(self._truth.stamps[position]))
        if self._truth.has_pose[position]:
            self._scene.pose(TRUTH, self._truth.map_T_base[position])

    def _draw(self, source: str, position: int, map_T_base: Array, covariance: Array) -> None:
        self._scene.pose(source, map_T_base, covariance)
        if self._truth.has_pose[position]:
            self._scene.errors(source, map_T_base, self._truth.map_T_base[position])


@contextmanager
def recording(path: Path, truth: Sequence, localizers: Localizers, models: Models) -> Iterator[EvaluationRecording]:
    """Write a recording for Rerun (``.rrd``) until the block ends.

    Raises:
        ConfigError: the file cannot be written.
    """
    stream = rr.RecordingStream("deep_localization", batcher_config=rr.ChunkBatcherConfig(flush_tick=_FLUSH_EVERY))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        stream.save(path)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written ({error})") from error
    scene = Scene(stream)
    place_bounds = draw_place(scene, models.place, models.keyframe_map)
    contexts = contexts_of(localizers)
    if len(contexts):
        scene.context_views(contexts)
    around = [] if place_bounds is None else [place_bounds.reshape(2, 2)]
    bounds = bounds_of(*around, contexts, truth.map_T_base[truth.has_pose][:, :3, 3])
    scene.arrange(bounds, truth=bool(truth.has_pose.any()))
    try:
        yield EvaluationRecording(scene, truth, localizers)
    finally:
        stream.flush()
        stream.disconnect()
