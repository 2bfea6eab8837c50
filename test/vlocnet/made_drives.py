"""Drives with known errors, and pictures without a scene."""

from __future__ import annotations

import numpy as np
from transforms3d import axangles

from localization_common.metrics.pose_metrics import twist_errors
from vlocnet_ros.evaluation.calibration_replay import RegressedDrive
from vlocnet_ros.runtime.integrity.pose_fusion import PoseFusion
from vlocnet_ros.runtime.integrity.tracking import TrackingConfig

STEP = 200_000_000
NOTHING = np.zeros(2)
SPREAD = np.diag([0.04] * 3 + [0.01] * 3)
USUAL = TrackingConfig()


def turned(axis, angle) -> np.ndarray:
    pose = np.eye(4)
    pose[:3, :3] = axangles.axangle2mat(axis, angle)
    return pose


def drive(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return true poses (N, 4, 4) along an arc, 8 cm a frame, and the motion of each frame."""
    motion = turned([0, 1, 0], 0.03)
    motion[2, 3] = 0.08
    poses = [np.eye(4)]
    for _ in range(count - 1):
        poses.append(poses[-1] @ motion)
    return np.stack(poses), motion


def noisy(poses: np.ndarray, metres: float, radians: float, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    found = poses.copy()
    found[:, :3, 3] += rng.normal(0.0, metres, (len(poses), 3))
    for pose in found:
        axis = rng.normal(size=3)
        pose[:3, :3] = axangles.axangle2mat(axis, rng.normal(0.0, radians)) @ pose[:3, :3]
    return found


def run(fusion: PoseFusion, poses: np.ndarray, motion: np.ndarray, first: int = 0) -> list:
    fused = []
    for i, pose in enumerate(poses):
        known = None if first + i == 0 else motion
        fused.append(fusion.step(pose, known, (first + i + 1) * STEP))
    return fused


def foggy(count: int, seed: int, period: float = 90.0) -> tuple[RegressedDrive, np.ndarray]:
    """Return a drive with features of which some predict each pose's error, and the log errors (N, 2)."""
    true, motion = drive(count)
    rng = np.random.default_rng([seed, 1])
    fog = np.sin(2 * np.pi * np.arange(count) / period + seed)
    scales = np.exp(np.stack([fog - 4.0, 0.7 * fog - 5.0], axis=1))
    regressed = true.copy()
    regressed[:, :3, 3] += rng.normal(size=(count, 3)) * scales[:, :1]
    for pose, angle in zip(regressed, rng.normal(size=count) * scales[:, 1], strict=True):
        pose[:3, :3] = axangles.axangle2mat(rng.normal(size=3), angle) @ pose[:3, :3]
    features = np.concatenate([3.0 * fog[:, None] + 2.0, rng.normal(0.0, 5.0, (count, 30))], axis=1)
    motions = (None, *[motion] * (count - 1))
    made = RegressedDrive(np.arange(1, count + 1) * STEP, true, regressed, motions, features, features)
    return made, np.log(scales)


def errors_of(one: RegressedDrive) -> np.ndarray:
    return twist_errors(one.regressed, one.map_T_camera)


def textured(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (48, 64, 3), dtype=np.uint8)
