"""7-Scenes and DeepLoc written for tests: small, in the exact formats, with known errors of the networks' estimates."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
from scipy.spatial.transform import Rotation
from tiny_networks import HEIGHT, POSE_AND_ODOMETRY, WIDTH, make_config, randomize_statistics

from localization_common.camera import Camera
from localization_common.datasets.deeploc import CLASS_NAMES
from vlocnet_ros.network.vlocnetpp import VLocNet
from vlocnet_ros.runtime.checkpoint import save_vlocnet
from vlocnet_ros.runtime.estimate import Estimate
from vlocnet_ros.runtime.localizer import Localizer
from vlocnet_ros.training.training_frames import network_camera

KINECT = Camera(640, 480, 525.0, 525.0, 320.0, 240.0)
SFM_KINECT = Camera(640, 480, 527.745, 527.745, 320.0, 240.0)
ZED = Camera(1280, 720, 700.0, 700.0, 639.5, 359.5)
SEGMENT_M = 0.35

Errors = list[tuple[float, float]]
#: Metres and degrees between each frame's written pose and the estimated one, by scene and sequence.
ORIGINAL: dict[tuple[str, int], Errors] = {
    ("chess", 1): [(0.01, 1.0), (0.30, 2.0), (0.049, 4.9), (0.051, 1.0), (0.02, 5.1), (0.04, 3.0)],
    ("chess", 2): [(9.0, 90.0), (9.0, 90.0)],
    ("chess", 3): [(0.10, 8.0), (0.03, 0.5), (0.06, 6.0)],
    ("stairs", 1): [(9.0, 90.0), (9.0, 90.0)],
    ("stairs", 2): [(0.20, 20.0), (0.16, 30.0), (0.50, 10.0), (0.045, 4.5), (0.30, 2.0), (0.06, 8.0)],
}
SFM: dict[tuple[str, int], Errors] = {
    ("chess", 1): [(0.20, 7.0), (0.16, 9.0), (0.17, 3.0), (0.01, 0.2), (0.02, 0.1)],
    ("chess", 2): [(8.0, 80.0), (8.0, 80.0)],
    ("chess", 3): [(0.04, 4.0), (0.60, 6.0), (0.70, 50.0)],
}
#: Frame of seq-01 without a pose from structure from motion.
NOT_RECONSTRUCTED = 3
DEEPLOC: Errors = [(0.20, 3.0), (0.16, 1.0), (0.18, 2.5), (0.03, 12.0)]
DEEPLOC_IDS = [7, 8, 9, 20]


def numbers_of(scene: str, sequence: int) -> list[int]:
    """Return frame numbers of a sequence, with a gap before the last two."""
    count = len(ORIGINAL[scene, sequence])
    return [i if i < count - 2 else i + 4 for i in range(count)]


def noise(seed: int, size: tuple[int, int]) -> np.ndarray:
    """Return a BGR picture of coarse coloured noise."""
    coarse = np.random.default_rng(seed).integers(0, 255, (12, 16, 3), dtype=np.uint8)
    return cv2.resize(coarse, size, interpolation=cv2.INTER_LINEAR)


def write_checkpoint(path: Path, camera: Camera, seed: int, **changes: object) -> Path:
    """Write a small random network with poses near the origin that differ between images."""
    torch.manual_seed(seed)
    network = VLocNet(make_config(**changes))
    randomize_statistics(network)
    network.pose.regressor.translation_scale.fill_(0.02)
    network.pose.regressor.rotation_scale.fill_(0.05)
    network.pose.regressor.rotation_mean[0] = 1.0
    network.odometry.regressor.translation_scale.fill_(0.2)
    path.parent.mkdir(parents=True, exist_ok=True)
    names = CLASS_NAMES if network.config.tasks.segmentation else ()
    save_vlocnet(path, network.eval(), camera=network_camera(camera, WIDTH, HEIGHT), class_names=names)
    return path


def estimate_all(
    path: Path, camera: Camera, numbers: list[int], images: list[np.ndarray], rate: int
) -> tuple[list[Estimate], list[np.ndarray | None]]:
    """Return a network's estimates and labels for images (BGR); pairs end at gaps of the numbers."""
    localizer = Localizer.from_checkpoint(path)
    localizer.set_camera(camera.resized(images[0].shape[1], images[0].shape[0]))
    estimates, labels = [], []
    for i, image in enumerate(images):
        if i > 0 and numbers[i] != numbers[i - 1] + 1:
            localizer.reset()
        estimates.append(localizer.step(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), numbers[i] * 10**9 // rate))
        labels.append(None if estimates[-1].labels is None else localizer.labels_in_image(estimates[-1].labels))
    return estimates, labels


def away(estimates: list[Estimate], errors: Errors) -> list[np.ndarray]:
    """Return poses at these distances (along the optical axis, to and fro) and angles from the estimated ones."""
    poses = []
    for i, (estimate, (metres, degrees)) in enumerate(zip(estimates, errors, strict=True)):
        pose = estimate.map_T_camera.copy()
        pose[:3, 3] += (-1) ** i * metres * pose[:3, 2]
        axis = np.random.default_rng(i).normal(size=3)
        turn = Rotation.from_rotvec(np.radians(degrees) * axis / np.linalg.norm(axis))
        pose[:3, :3] = pose[:3, :3] @ turn.as_matrix()
        poses.append(pose)
    return poses


def segments(estimates: list[Estimate], truth: list[np.ndarray]) -> list[tuple[float, float]]:
    """Return per cent and degrees per metre of all unbroken segments whose length is within a tenth of SEGMENT_M."""
    found = []
    for i in range(len(truth)):
        path, ends, estimated = 0.0, [], np.eye(4)
        for j in range(i + 1, len(truth)):
            motion = estimates[j].previous_T_camera
            if motion is None:
                break
            path += float(np.linalg.norm(truth[j][:3, 3] - truth[j - 1][:3, 3]))
            estimated = estimated @ motion
            error = np.linalg.inv(np.linalg.inv(truth[i]) @ truth[j]) @ estimated
            angle = np.degrees(Rotation.from_matrix(error[:3, :3]).magnitude())
            ends.append((abs(path - SEGMENT_M), 100 * np.linalg.norm(error[:3, 3]) / path, angle / path))
        if ends and min(ends)[0] <= 0.1 * SEGMENT_M:
            found.append(min(ends)[1:])
    return found


def quaternion(pose: np.ndarray) -> str:
    x, y, z, w = Rotation.from_matrix(pose[:3, :3]).as_quat()
    return f"{w:.9f} {x:.9f} {y:.9f} {z:.9f}"


def vector(pose: np.ndarray) -> str:
    return " ".join(f"{value:.9f}" for value in pose[:3, 3])


class SevenScenes:
    """Data of two scenes with a checkpoint each, SfM poses of one, and the segments of the odometry's errors."""

    def __init__(self, root: Path) -> None:
        self.root, self.checkpoints = root / "7scenes", root / "checkpoints"
        self.segments: dict[str, list[tuple[float, float]]] = {"chess": [], "stairs": [], "sfm": []}
        for seed, scene in enumerate(("chess", "stairs")):
            write_checkpoint(self.checkpoints / f"{scene}.safetensors", KINECT, seed, tasks=POSE_AND_ODOMETRY)
        for scene, sequence in ORIGINAL:
            self._write_sequence(scene, sequence)
        for scene, train, test in (("chess", (2,), (3, 1)), ("stairs", (1,), (2,))):
            (self.root / scene / "TrainSplit.txt").write_text("".join(f"sequence{n} \r\n" for n in train))
            (self.root / scene / "TestSplit.txt").write_text("".join(f"sequence{n}\r\n" for n in test))
        folder = self.root / "pgt" / "sfm" / "7scenes"
        folder.mkdir(parents=True)
        (folder / "chess_train.txt").write_text("".join(self._sfm_lines(2)))
        (folder / "chess_test.txt").write_text("".join(reversed(self._sfm_lines(1) + self._sfm_lines(3))))

    def estimate(self, scene: str, sequence: int, camera: Camera, numbers: list[int]) -> list[Estimate]:
        images = [noise(100 * sequence + n, (160, 120)) for n in numbers]
        return estimate_all(self.checkpoints / f"{scene}.safetensors", camera, numbers, images, 30)[0]

    def _write_sequence(self, scene: str, sequence: int) -> None:
        directory = self.root / scene / f"seq-{sequence:02d}"
        directory.mkdir(parents=True)
        numbers = numbers_of(scene, sequence)
        estimates = self.estimate(scene, sequence, KINECT, numbers)
        poses = away(estimates, ORIGINAL[scene, sequence])
        for n, pose in zip(numbers, poses, strict=True):
            cv2.imwrite(str(directory / f"frame-{n:06d}.color.png"), noise(100 * sequence + n, (160, 120)))
            np.savetxt(directory / f"frame-{n:06d}.pose.txt", pose, fmt="%.9e", delimiter="\t", newline="\t\n")
        if (scene, sequence) not in (("chess", 2), ("stairs", 1)):  # those are for training
            self.segments[scene] += segments(estimates, poses)

    def _sfm_lines(self, sequence: int) -> list[str]:
        """World-to-camera poses for a focal length that changes the field of view of the network."""
        numbers = numbers_of("chess", sequence)
        if sequence == 1:
            numbers.remove(NOT_RECONSTRUCTED)
        estimates = self.estimate("chess", sequence, SFM_KINECT, numbers)
        poses = away(estimates, SFM["chess", sequence])
        if sequence != 2:
            self.segments["sfm"] += segments(estimates, poses)
        lines = []
        for n, pose in zip(numbers, poses, strict=True):
            inverse = np.linalg.inv(pose)
            name = f"seq-{sequence:02d}/frame-{n:06d}.color.png"
            lines.append(f"{name} {quaternion(inverse)} {vector(inverse)} 527.745\n")
        return lines


def write_deeploc(root: Path, path: Path) -> tuple[list[Estimate], list[np.ndarray], list[np.ndarray], list]:
    """Write DeepLoc's two splits; return estimates for test, true poses and labels, and the network's labels."""
    images = [noise(n, (128, 72)) for n in DEEPLOC_IDS]
    estimates, predicted = estimate_all(path, ZED, DEEPLOC_IDS, images, 20)
    poses, rng, truth = away(estimates, DEEPLOC), np.random.default_rng(0), []
    for labels in predicted:
        ids = np.where(labels == 255, 3, labels)
        ids[:30] = rng.integers(0, 9, (30, 1))  # rows of one class each; never class 9
        truth.append(ids.astype(np.uint8))
    for split, offset in (("train", 5.0), ("test", 0.0)):
        lines = ["poses of the left camera", "img_name x y z qw qx qy qz"]
        for folder in ("LeftImages", "labels"):
            (root / split / folder).mkdir(parents=True)
        for n, image, ids, pose in zip(DEEPLOC_IDS, images, truth, poses, strict=True):
            moved = pose.copy()
            moved[:3, 3] += offset
            cv2.imwrite(str(root / split / "LeftImages" / f"Image_{n}.png"), image)
            cv2.imwrite(str(root / split / "labels" / f"Image_{n}.png"), ids)
            lines.append(f"Image_{n} {vector(moved)} {quaternion(moved)}")
        (root / split / "poses.txt").write_text("\n".join(lines) + "\n")
    return estimates, poses, truth, predicted
