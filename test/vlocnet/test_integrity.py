"""Consensus, tracking, covariance and faults, on poses whose errors are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from transforms3d import axangles

from localization_common.camera import Camera
from localization_common.datasets.sequence import Sequence
from localization_common.errors import CheckpointError, ConfigError, DatasetError, InputError
from localization_common.geometry import se3
from localization_common.metrics import twist_errors
from vlocnet_ros.estimate import Health
from vlocnet_ros.integrity.calibration import fit_uncertainty
from vlocnet_ros.integrity.consensus import Consensus, ConsensusConfig
from vlocnet_ros.integrity.faults import KINDS, Faults, spoiled
from vlocnet_ros.integrity.frame_error import FrameError, fit_frame_error, said_by_others
from vlocnet_ros.integrity.judge import Judge
from vlocnet_ros.integrity.replay import Drive, fit
from vlocnet_ros.integrity.scoring import Answers, consistency
from vlocnet_ros.integrity.shutter import Shutter, sharpness
from vlocnet_ros.integrity.tracking import TrackingConfig
from vlocnet_ros.integrity.uncertainty import Uncertainty, evidence

STEP = 200_000_000
NOTHING = np.zeros(2)
SPREAD = np.diag([0.04] * 3 + [0.01] * 3)
USUAL = TrackingConfig()


def turned(axis, angle) -> np.ndarray:
    pose = np.eye(4)
    pose[:3, :3] = axangles.axangle2mat(axis, angle)
    return pose


def drive(count: int) -> tuple[np.ndarray, np.ndarray]:
    """True poses (N, 4, 4) along an arc, 8 cm a frame, and the motion of each frame."""
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


def run(judge: Judge, poses: np.ndarray, motion: np.ndarray, first: int = 0) -> list:
    verdicts = []
    for i, pose in enumerate(poses):
        known = None if first + i == 0 else motion
        verdicts.append(judge.step(pose, known, (first + i + 1) * STEP))
    return verdicts


def test_the_consensus_is_better_than_its_poses_and_ignores_outliers():
    true, motion = drive(60)
    said = noisy(true, 0.05, 0.02)
    said[::4, :3, 3] += 3.0
    verdicts = run(Judge(SPREAD, None, USUAL), said, motion)
    errors = [np.linalg.norm(v.pose[:3, 3] - t[:3, 3]) for v, t in zip(verdicts[20:], true[20:], strict=True)]
    angles = [se3.rotation_angle(v.pose[:3, :3].T @ t[:3, :3]) for v, t in zip(verdicts[20:], true[20:], strict=True)]
    assert max(errors) < 0.06  # the noise of a single pose has a norm of 0.09
    assert max(angles) < 0.02
    assert se3.nearest_rigid(verdicts[-1].pose, tolerance=1e-9) is not None


def test_without_fusion_each_frame_keeps_its_own_pose_and_an_outlier_is_withheld():
    true, motion = drive(30)
    said = noisy(true, 0.02, 0.01)
    said[20, :3, 3] += 3.0
    verdicts = run(Judge(SPREAD, None, USUAL, fuse=False), said, motion)
    np.testing.assert_array_equal(np.stack([v.pose for v in verdicts]), said)
    assert [i for i, v in enumerate(verdicts) if v.health is Health.LOST] == [20]
    assert "contradict" in verdicts[20].reason


def test_a_fast_camera_does_not_crowd_the_window():
    window = Consensus(ConsensusConfig(spacing=150_000_000))
    for i in range(31):  # 30 Hz
        window.add(np.eye(4), None if i == 0 else np.eye(4), i * 33_333_333, NOTHING)
    assert len(window) == 7  # of a second, every fifth
    with pytest.raises(ConfigError):
        ConsensusConfig(window=0)


def test_an_unknown_motion_begins_a_new_window():
    true, motion = drive(3)
    window = Consensus(ConsensusConfig())
    window.add(true[0], None, 1, NOTHING)
    window.add(true[1], motion, 2 * STEP, NOTHING)
    assert len(window) == 2
    agreement = window.add(true[2], None, 3 * STEP, NOTHING)
    assert len(agreement.weights) == 1
    np.testing.assert_allclose(agreement.pose, true[2], atol=1e-12)


@pytest.mark.parametrize("coherent", [True, False])
def test_a_lasting_contradiction_is_lost_until_new_poses_agree(coherent):
    true, motion = drive(80)
    said = noisy(true, 0.02, 0.01)
    elsewhere = np.eye(4)
    elsewhere[:3, 3] = [4.0, 0.0, 2.0]
    said[40:] = elsewhere @ said[40:]
    if not coherent:
        said[40:] = noisy(said[40:], 20.0, 1.0, seed=3)
    verdicts = run(Judge(SPREAD, None, USUAL), said, motion)
    assert all(v.health is Health.OK for v in verdicts[:40])
    lost = [i for i, v in enumerate(verdicts) if v.health is Health.LOST]
    assert lost[0] == 43  # 0.25 m on, at 8 cm a frame
    assert "0.32 m" in verdicts[43].reason
    if coherent:
        assert lost == list(range(43, 47))  # then eight of ten poses are of the new place, and agree
        assert np.linalg.norm(verdicts[-1].pose[:3, 3] - said[-1, :3, 3]) < 0.1
    else:
        assert lost == list(range(43, 80))


def test_a_majority_for_another_place_does_not_confirm_itself():
    """Ten poses that contradict each other give way to coherent ones at once; still these have to last first."""
    true, motion = drive(40)
    said = noisy(true, 0.02, 0.01)
    said[11:20] = noisy(said[11:20], 30.0, 1.0, seed=5)
    elsewhere = np.eye(4)
    elsewhere[:3, 3] = [4.0, 0.0, 2.0]
    said[20:] = elsewhere @ said[20:]
    patient = TrackingConfig(patience=1e6, reach=1e6, restart=15)
    healths = [v.health for v in run(Judge(SPREAD, None, patient), said, motion)]
    lost = [i for i, health in enumerate(healths) if health is Health.LOST]
    assert 20 < lost[0] < 31  # the consensus is of the new place now
    assert lost == list(range(lost[0], 31))  # until twelve of the last fifteen are


def test_a_standing_robot_is_lost_after_a_while():
    true, _ = drive(1)
    said = np.repeat(true, 60, axis=0)
    said[40:] = noisy(said[40:], 5.0, 1.0)
    verdicts = run(Judge(SPREAD, None, USUAL), said, np.eye(4))
    doubts = [i for i, v in enumerate(verdicts) if v.health is Health.UNCERTAIN]
    assert (doubts[0], doubts[-1]) == (43, 46)  # half the patience of 1.6 s, and all of it
    assert verdicts[47].health is Health.LOST


def scaled_drives(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Evidence (N, 6) and errors (N, 6) whose scale follows the evidence."""
    rng = np.random.default_rng(seed)
    shown = np.concatenate([np.ones((count, 1)), rng.normal(-2.0, 0.7, (count, 5))], axis=1)
    scale = np.exp(shown @ np.array([0.5, 1.0, 0.0, 0.0, 0.0, 0.0]))
    turn = np.exp(shown @ np.array([-1.0, 0.0, 0.0, 0.8, 0.0, 0.5]))
    scales = np.concatenate([np.repeat(scale[:, None], 3, 1), np.repeat(turn[:, None], 3, 1)], axis=1)
    return shown, rng.normal(size=(count, 6)) * scales


def test_fitted_covariances_are_as_large_as_the_errors():
    uncertainty = fit_uncertainty(*scaled_drives(3000, 0))
    assert uncertainty is not None
    np.testing.assert_allclose(uncertainty.position[1:], [1.0, 0.0, 0.0, 0.0, 0.0], atol=0.1)
    np.testing.assert_allclose(uncertainty.rotation[1:], [0.0, 0.0, 0.8, 0.0, 0.5], atol=0.1)
    shown, errors = scaled_drives(2000, 1)
    covariances = np.stack([uncertainty.covariance(one) for one in shown])
    score = consistency(Answers(errors, covariances, np.zeros(len(errors), bool)))
    assert score.band[0] < score.nees < score.band[1]
    assert score.within == pytest.approx(0.95, abs=0.015)
    assert min(score.rank_m, score.rank_deg) > 0.5
    halved = consistency(Answers(errors, covariances / 2.0, np.zeros(len(errors), bool)))
    assert halved.nees == pytest.approx(2.0 * score.nees)
    assert halved.nees > halved.band[1]


def test_withheld_poses_and_correlated_errors_do_not_mislead_the_score():
    rng = np.random.default_rng(0)
    errors = np.repeat(rng.normal(size=(400, 6)), 10, axis=0)
    covariances = np.repeat(np.eye(6)[None], len(errors), axis=0)
    covariances[0] *= 1.01  # ranks need some difference
    withheld = np.arange(len(errors)) >= 3000
    errors[withheld] *= 100.0
    score = consistency(Answers(errors, covariances, withheld))
    assert score.independent == pytest.approx(300, rel=0.15)
    assert score.band[0] < score.nees < score.band[1]
    assert score.band[1] - score.band[0] == pytest.approx(2 * 1.96 * np.sqrt(12 / 300), rel=0.15)


def test_evidence_that_never_changes_fits_nothing():
    shown, errors = scaled_drives(100, 0)
    assert fit_uncertainty(np.repeat(shown[:1], 100, axis=0), errors) is None
    assert fit_uncertainty(shown[:10], errors[:10]) is None


def test_covariances_follow_the_scatter_once_there_are_enough_poses():
    uncertainty = Uncertainty(
        (0.0, 1.0, *[0.0] * 4), (*[0.0] * 3, 1.0, 0.0, 0.0), tuple(map(tuple, np.eye(6).tolist()))
    )
    true, motion = drive(30)
    deviations = []
    for noise in (0.01, 0.08):
        verdicts = run(Judge(SPREAD, uncertainty, USUAL), noisy(true, noise, noise / 4), motion)
        few = USUAL.restart - 1
        for verdict in verdicts[:few]:
            np.testing.assert_array_equal(verdict.covariance, SPREAD)
            assert verdict.evidence is None
        assert verdicts[few].evidence is not None
        deviations.append(np.sqrt(np.diag(verdicts[-1].covariance)))
    assert (deviations[1] > [2.5, 2.5, 2.5, 1.5, 1.5, 1.5] * deviations[0]).all()


def test_evidence_is_what_it_says():
    window = Consensus(ConsensusConfig())
    pose = np.eye(4)
    for i, x in enumerate((-0.02, 0.02) * 10):
        pose[0, 3] = x
        agreement = window.add(pose.copy(), None if i == 0 else np.eye(4), i * STEP, np.array([-2.0, -3.0]))
    widest, recent, angle = np.exp(evidence(agreement)[1:4]) - 0.01
    assert widest == pytest.approx(0.02, rel=0.05)
    assert recent == pytest.approx(0.02, rel=0.05)
    assert angle == pytest.approx(0.0, abs=1e-6)
    np.testing.assert_array_equal(evidence(agreement)[4:], 0.0)  # what is tracked expects nothing
    np.testing.assert_allclose(evidence(window.latest())[4:], [-2.0, -3.0])


@pytest.mark.parametrize("shape", [np.zeros((6, 6)), np.eye(5), np.full((6, 6), np.nan)])
def test_an_impossible_uncertainty_is_refused(shape):
    with pytest.raises(CheckpointError, match="uncertainty"):
        Uncertainty((0.0,) * 6, (0.0,) * 6, tuple(map(tuple, shape.tolist())))


def foggy(count: int, seed: int, period: float = 90.0) -> tuple[Drive, np.ndarray]:
    """A drive whose features say, among much else, how wrong each pose is; and logarithms of that (N, 2)."""
    true, motion = drive(count)
    rng = np.random.default_rng([seed, 1])
    fog = np.sin(2 * np.pi * np.arange(count) / period + seed)
    scales = np.exp(np.stack([fog - 4.0, 0.7 * fog - 5.0], axis=1))
    said = true.copy()
    said[:, :3, 3] += rng.normal(size=(count, 3)) * scales[:, :1]
    for pose, angle in zip(said, rng.normal(size=count) * scales[:, 1], strict=True):
        pose[:3, :3] = axangles.axangle2mat(rng.normal(size=3), angle) @ pose[:3, :3]
    features = np.concatenate([3.0 * fog[:, None] + 2.0, rng.normal(0.0, 5.0, (count, 30))], axis=1)
    motions = (None, *[motion] * (count - 1))
    return Drive(np.arange(1, count + 1) * STEP, true, said, motions, features), np.log(scales)


def errors_of(one: Drive) -> np.ndarray:
    return twist_errors(one.regressed, one.map_T_camera)


def test_features_tell_how_wrong_a_frame_is():
    known, _ = foggy(2000, 0)
    other, logarithms = foggy(400, 1)
    learned = fit_frame_error(known.features, errors_of(known))
    said = learned.logarithms(other.features)
    for mine, true in zip(said.T, logarithms.T, strict=True):
        assert np.corrcoef(mine, true)[0, 1] > 0.95
    norms = np.linalg.norm(errors_of(other).reshape(-1, 2, 3), axis=2)
    np.testing.assert_allclose(said.mean(0), np.log(norms + np.array([0.02, 0.005])).mean(0), atol=0.1)
    assert learned.logarithms(np.full(31, 1e9)).max() == 5.0


@pytest.mark.parametrize("count", [1, 2, 7])
def test_what_features_do_not_tell_is_not_believed(count):
    drives = [foggy(400 // count, seed)[0] for seed in range(count)]
    features, errors = [one.features for one in drives], [errors_of(one) for one in drives]
    said = said_by_others(features, errors)
    assert said is not None
    assert said.shape == (sum(map(len, errors)), 2)
    # Each by itself, a fit to these few frames would find something in the noise.
    assert said_by_others([f[:, 1:] for f in features], errors) is None
    assert said_by_others([features[0][:10]], [errors[0][:10]]) is None


def test_poses_that_may_be_wrong_count_less():
    one, logarithms = foggy(120, 3, period=5.0)
    off = []
    for expected in (logarithms, np.zeros_like(logarithms)):
        judge = Judge(SPREAD, None, USUAL)
        frames = zip(one.regressed, one.motions, one.stamps.tolist(), expected, strict=True)
        off.append(twist_errors(np.stack([judge.step(*f).pose for f in frames]), one.map_T_camera))
    with_, without = (np.sqrt(np.mean(e[20:, :3] ** 2)) for e in off)
    assert with_ < 0.75 * without


def test_a_fit_holds_on_another_drive():
    """Many features and few frames: what the fit thinks of its own frames is far too good."""
    fitted = fit([foggy(100, seed)[0] for seed in range(4)], USUAL)
    assert fitted.frame_error is not None
    assert fitted.uncertainty is not None
    assert fitted.poses.shape == (400, 4, 4)
    other, _ = foggy(500, 9)
    judge = Judge(SPREAD, fitted.uncertainty, USUAL)
    expected = fitted.frame_error.logarithms(other.features)
    frames = zip(other.regressed, other.motions, other.stamps.tolist(), expected, strict=True)
    verdicts = [judge.step(*frame) for frame in frames][20:]
    errors = twist_errors(np.stack([v.pose for v in verdicts]), other.map_T_camera[20:])
    answers = Answers(errors, np.stack([v.covariance for v in verdicts]), np.zeros(len(errors), bool))
    score = consistency(answers)
    assert score.nees == pytest.approx(6.0, rel=0.25)
    assert min(score.rank_m, score.rank_deg) > 0.5


def test_frames_of_a_fit_are_judged_by_the_others():
    """A feature that names each frame is of no use to the others, and of all to the frame itself."""
    one, _ = foggy(100, 0)
    named = replace(one, features=np.eye(100))
    fitted = fit([named], USUAL)
    assert fitted.frame_error is None
    judge = Judge(SPREAD, None, USUAL)
    plain = [judge.step(*f).pose for f in zip(one.regressed, one.motions, one.stamps.tolist(), strict=True)]
    np.testing.assert_allclose(fitted.poses, np.stack(plain))


@pytest.mark.parametrize(
    "wrong", [(((1.0,),), (0.0, 0.0)), (((1.0,), (1.0,)), (0.0,)), (((np.nan,), (1.0,)), (0.0, 0.0))]
)
def test_an_impossible_frame_error_is_refused(wrong):
    with pytest.raises(CheckpointError, match="frame error"):
        FrameError(*wrong)


def textured(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (48, 64, 3), dtype=np.uint8)


def test_a_stopped_camera_is_noticed_and_a_moving_one_is_not():
    shutter = Shutter(1_000_000_000)
    for i in range(10):
        shutter.require_open(textured(i), i * STEP)
    for i in range(10, 15):
        shutter.require_open(textured(9), i * STEP - STEP // 2)
    with pytest.raises(InputError, match=r"the very same picture for 1\.1 s"):
        shutter.require_open(textured(9), 15 * STEP - STEP // 2)
    assert not shutter.opens(textured(9))
    assert shutter.opens(textured(20))
    shutter.require_open(textured(20), 16 * STEP)
    assert not shutter.opens(textured(21))
    patient = Shutter(0)
    for i in range(100):
        patient.require_open(textured(0), i * STEP)


def test_a_picture_out_of_focus_is_refused():
    sharp = textured(0)
    dull = np.full_like(sharp, 120)
    dull[:, 32:] = 140
    shutter = Shutter(0, usual=sharpness(sharp))
    assert shutter.require_open(sharp, 1) == sharpness(sharp)
    with pytest.raises(InputError, match="out of focus"):
        shutter.require_open(dull, 2)


def sequence(name: str, count: int = 300, width: int = 64) -> Sequence:
    poses = np.repeat(np.eye(4)[None], count, axis=0)
    start = 0 if name == "here" else 10_000
    return Sequence(
        name=name,
        camera=Camera.from_field_of_view(width, 48, 90.0),
        frame_numbers=np.arange(count),
        stamps=np.arange(count) * STEP,
        map_T_camera=poses,
        read_image=lambda i: textured(start + i),
    )


@pytest.mark.parametrize("kind", KINDS)
def test_faults_replace_what_they_say_and_nothing_else(kind):
    here, there = sequence("here"), sequence("there")
    faulty, mask = spoiled(here, Faults(kind, count=3, seed=1), there)
    begins = np.nonzero(np.diff(mask.astype(int)) == 1)[0] + 1
    assert (mask.sum(), len(begins)) == (30, 3)  # 2 s at 5 Hz, three times
    for i in range(len(here)):
        assert np.array_equal(faulty.read_image(i), here.read_image(i)) != mask[i]
    first = int(begins[0])
    shown = [faulty.read_image(first + i) for i in range(10)]
    if kind == "frozen":
        assert all(np.array_equal(image, here.read_image(first - 1)) for image in shown)
    elif kind == "blurred":
        assert sharpness(shown[0]) < 0.2 * sharpness(here.read_image(first))
    elif kind == "dark":
        assert max(image.max() for image in shown) < 15
        assert not np.array_equal(shown[0], shown[1])
    else:
        numbers = [next(j for j in range(300) if np.array_equal(image, there.read_image(j))) for image in shown]
        assert np.diff(numbers).tolist() == [1] * 9
    again, _ = spoiled(here, Faults(kind, count=3, seed=1), there)
    assert np.array_equal(again.read_image(first + 5), shown[5])


def test_faults_that_cannot_be_are_refused():
    with pytest.raises(DatasetError, match="too short"):
        spoiled(sequence("here", 40), Faults("dark"))
    for other in (None, sequence("there", width=80)):
        with pytest.raises(DatasetError, match="equal camera"):
            spoiled(sequence("here"), Faults("elsewhere"), other)
