"""Paper's tables end to end: small data sets in the exact formats, real checkpoints, every number computed again.

True poses are written at known distances from the networks' estimates, so that the errors are known.
"""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from tiny_networks import HEIGHT, POSE_AND_ODOMETRY, WIDTH, make_config, randomize_statistics

from localization_common.camera import Camera
from localization_common.datasets.deeploc import CLASS_NAMES
from localization_common.datasets.options import RecordingOptions
from vlocnet_ros.commands import tables
from vlocnet_ros.config import Tasks
from vlocnet_ros.evaluation import published_results
from vlocnet_ros.network.vlocnetpp import VLocNet
from vlocnet_ros.runtime.checkpoint import save_vlocnet
from vlocnet_ros.runtime.estimate import Estimate
from vlocnet_ros.runtime.localizer import Localizer
from vlocnet_ros.training.config import TrainConfig
from vlocnet_ros.training.data import open_data
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


@pytest.fixture(scope="module")
def seven_scenes(tmp_path_factory: pytest.TempPathFactory) -> SevenScenes:
    return SevenScenes(tmp_path_factory.mktemp("tables"))


class Run:
    """Run of the command, as from a shell."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], output: Path) -> None:
        self.monkeypatch, self.capsys, self.output = monkeypatch, capsys, output

    def __call__(self, *arguments: object) -> tuple[dict, str]:
        words = [*arguments, "--segment-m", SEGMENT_M, "--output", self.output]
        self.monkeypatch.setattr("sys.argv", ["vlocnet_tables", *map(str, words)])
        tables.main()
        return json.loads(self.output.read_text()), self.capsys.readouterr().out


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    return Run(monkeypatch, capsys, tmp_path / "made" / "table.json")


def medians(errors: Errors) -> tuple[float, float, float]:
    """Return median metres and degrees, and the share within 5 cm and 5 deg."""
    metres, degrees = np.array(errors).T
    return float(np.median(metres)), float(np.median(degrees)), float(np.mean((metres < 0.05) & (degrees < 5.0)))


def check(numbers: dict, errors: Errors, found: list[tuple[float, float]]) -> None:
    pose, odometry = numbers["pose"], numbers["odometry"]
    assert numbers["frames"] - numbers["without_true_pose"] == pose["frames"] == len(errors)
    measured = (pose["median_m"], pose["median_deg"], pose["within_5cm_5deg"])
    assert measured == pytest.approx(medians(errors), abs=1e-4)
    assert len(found) > 0
    assert odometry["segments"] == len(found)
    assert (odometry["rpe_percent"], odometry["rpe_deg_per_m"]) == pytest.approx(np.mean(found, axis=0), rel=1e-4)


def test_seven_scenes(seven_scenes: SevenScenes, run: Run) -> None:
    numbers, text = run(seven_scenes.root, "--checkpoint", seven_scenes.checkpoints)
    measured = numbers["measured"]
    chess, stairs = ORIGINAL["chess", 1] + ORIGINAL["chess", 3], ORIGINAL["stairs", 2]
    assert list(measured) == ["chess", "stairs"]
    check(measured["chess"], chess, seven_scenes.segments["chess"])
    check(measured["stairs"], stairs, seven_scenes.segments["stairs"])
    assert [m["checkpoint"] for m in measured.values()] == ["chess.safetensors", "stairs.safetensors"]
    mean = numbers["average"]
    expected = np.mean([medians(chess), medians(stairs)], axis=0)
    assert (mean["median_m"], mean["median_deg"], mean["within_5cm_5deg"]) == pytest.approx(expected, abs=1e-4)
    odometry = np.mean([np.mean(seven_scenes.segments[scene], axis=0) for scene in ("chess", "stairs")], axis=0)
    assert (mean["rpe_percent"], mean["rpe_deg_per_m"]) == pytest.approx(odometry, rel=1e-4)

    head, _, row, _, average = (line.split("|")[1:-1] for line in text.splitlines() if line.startswith("|"))
    cells = {title.strip(): cell.strip() for title, cell in zip(head, row, strict=True)}
    assert cells["scene"] == "chess"
    assert cells["median pose error"] == "0.049 m, 3 deg"
    assert cells["5 cm, 5 deg"] == "44.4 %"
    assert cells["published: VLocNet++ multitask"] == "0.018 m, 1.17 deg"
    assert cells["published: odometry"] == "0.99 %, 0.66 deg/m"
    assert average[0].strip() == "average of 2"
    assert {cell.strip() for cell in average[5:]} == {"-"}  # the published average is over seven scenes
    assert "original poses (KinectFusion)" in text


def test_seven_scenes_with_sfm_poses(seven_scenes: SevenScenes, run: Run) -> None:
    checkpoint = seven_scenes.checkpoints / "chess.safetensors"
    numbers, text = run(seven_scenes.root / "chess", "--checkpoint", checkpoint, "--poses", "sfm")
    assert (numbers["poses"], list(numbers["measured"])) == ("sfm", ["chess"])
    check(numbers["measured"]["chess"], SFM["chess", 1] + SFM["chess", 3], seven_scenes.segments["sfm"])
    assert "SfM pseudo ground truth" in text
    assert "with the original poses; not measured here" in text


def test_training_reads_the_same_poses(seven_scenes: SevenScenes, tmp_path: Path) -> None:
    scene = seven_scenes.root / "chess"
    for poses, metres in (("original", 9.0), ("sfm", 8.0)):
        recording = RecordingOptions(poses="" if poses == "original" else poses)
        config = TrainConfig(train=(scene,), output=tmp_path / "x", validate=(scene,), recording=recording)
        ((train,), validation) = open_data(config)
        assert train.name == "chess/seq-02"
        np.testing.assert_allclose(np.abs(train.map_T_camera[:, 2, 3]), metres, atol=0.5)
        assert [len(s) for s in validation] == [3, 6 if poses == "original" else 5]


def test_scenes_without_checkpoint_are_left_out(
    seven_scenes: SevenScenes, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "stairs.safetensors").symlink_to(seven_scenes.checkpoints / "stairs.safetensors")
    tables_run = tables.measure(tables.TablesConfig(seven_scenes.root, tmp_path, segment_m=SEGMENT_M))
    assert list(tables_run["measured"]) == ["stairs"]
    assert "no checkpoint of that name: chess" in capsys.readouterr().err


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


def test_deeploc(tmp_path: Path, run: Run) -> None:
    tasks = Tasks(depth=False)
    path = write_checkpoint(tmp_path / "deeploc.safetensors", ZED, 3, tasks=tasks, classes=10)
    estimates, poses, truth, predicted = write_deeploc(tmp_path / "DeepLoc", path)
    numbers, text = run(tmp_path / "DeepLoc", "--checkpoint", path)
    check(numbers["measured"]["test"], DEEPLOC, segments(estimates, poses))
    seen = np.stack(predicted) != 255
    true, guess = np.stack(truth)[seen], np.stack(predicted)[seen]
    iou = {}
    for i, name in enumerate(CLASS_NAMES):
        union = int(((true == i) | (guess == i)).sum())
        if union:
            iou[name] = int(((true == i) & (guess == i)).sum()) / union
    segmentation = numbers["measured"]["test"]["segmentation"]
    assert sum(0.0 < value < 1.0 for value in iou.values()) > 3
    assert segmentation["iou"] == pytest.approx(iou)
    assert segmentation["miou"] == pytest.approx(np.mean(list(iou.values())))
    assert "| deeploc.safetensors, 4 frames " in text
    multitask = next(line for line in text.splitlines() if "published: VLocNet++ multitask" in line)
    assert "0.32 m, 1.48 deg" in multitask
    assert "80.44 %" in multitask
    assert f"{100 * iou['sky']:.2f} %" in next(line for line in text.splitlines() if line.startswith("| sky "))


def test_wrong_options_are_refused_with_a_reason(
    seven_scenes: SevenScenes, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chess = seven_scenes.checkpoints / "chess.safetensors"
    path = write_checkpoint(tmp_path / "three.safetensors", ZED, 3, tasks=Tasks(depth=False), classes=10)
    write_deeploc(tmp_path / "DeepLoc", path)
    torch.manual_seed(0)
    other = VLocNet(make_config(tasks=Tasks(depth=False)))
    save_vlocnet(path, other, camera=network_camera(ZED, WIDTH, HEIGHT), class_names=("a", "b", "c"))
    (tmp_path / "empty").mkdir()
    for arguments, message in (
        ((seven_scenes.root, "--checkpoint", chess), r"one scene only.*chess\.safetensors, stairs\.safetensors"),
        ((seven_scenes.root, "--checkpoint", tmp_path / "empty"), r"holds none of chess\.safetensors"),
        ((seven_scenes.root / "chess", "--checkpoint", tmp_path / "none"), "no such file"),
        ((seven_scenes.root, "--checkpoint", seven_scenes.checkpoints, "--poses", "sfm"), r"stairs_train\.txt: no"),
        ((tmp_path / "empty", "--checkpoint", chess), "neither 7-Scenes .* nor DeepLoc"),
        ((tmp_path / "nowhere", "--checkpoint", chess), "neither 7-Scenes"),
        ((tmp_path / "DeepLoc", "--checkpoint", path, "--poses", "sfm"), "is DeepLoc"),
        ((tmp_path / "DeepLoc", "--checkpoint", path), "10 classes, but .* has 3"),
    ):
        with pytest.raises(SystemExit, match=message):
            run(*arguments)


def test_published_averages_are_those_of_the_published_rows() -> None:
    for method, rows in published_results.SEVEN_SCENES.items():
        assert set(rows) == {*published_results.SCENES, "average"}
        for name in ("median_m", "median_deg", "rpe_percent", "rpe_deg_per_m"):
            last_digit = 0.001 if name == "median_m" else 0.01
            values = [getattr(rows[scene], name) for scene in published_results.SCENES]
            if None not in values:
                assert getattr(rows["average"], name) == pytest.approx(np.mean(values), abs=last_digit), (method, name)
