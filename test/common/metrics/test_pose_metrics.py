"""Pose errors and intersection over union against scipy, torchmetrics and answers by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from torchmetrics.classification import MulticlassJaccardIndex

from localization_common.metrics.pose_metrics import SegmentationScore, pose_errors


def poses(seed: int, count: int = 40) -> np.ndarray:
    result = np.tile(np.eye(4), (count, 1, 1))
    result[:, :3, :3] = Rotation.random(count, random_state=seed).as_matrix()
    result[:, :3, 3] = np.random.default_rng(seed).normal(size=(count, 3))
    return result


def test_errors_are_scipys() -> None:
    estimated, truth = poses(0), poses(1)
    errors = pose_errors(estimated, truth)
    between = Rotation.from_matrix(truth[:, :3, :3]).inv() * Rotation.from_matrix(estimated[:, :3, :3])
    np.testing.assert_allclose(errors.degrees, np.degrees(between.magnitude()), atol=1e-9)
    expected = np.sqrt(((estimated[:, :3, 3] - truth[:, :3, 3]) ** 2).sum(1))
    np.testing.assert_allclose(errors.metres, expected, atol=1e-12)
    assert errors.median_m == pytest.approx(np.median(expected))
    assert errors.median_deg == pytest.approx(np.degrees(np.median(between.magnitude())))


def test_share_within_needs_both() -> None:
    truth = np.tile(np.eye(4), (4, 1, 1))
    estimated = truth.copy()
    estimated[:, 0, 3] = [0.04, 0.04, 0.06, 0.05]
    estimated[1, :3, :3] = Rotation.from_euler("y", 6, degrees=True).as_matrix()
    estimated[3, :3, :3] = Rotation.from_euler("x", 4.999, degrees=True).as_matrix()
    errors = pose_errors(estimated, truth)
    assert errors.share_within() == 0.5
    assert errors.share_within(0.1, 10.0) == 1.0
    assert errors.share_within(metres=0.045, degrees=7.0) == 0.5


@pytest.mark.filterwarnings("error")  # NumPy warns of the mean of an empty array
def test_no_poses_have_no_median() -> None:
    errors = pose_errors(np.zeros((0, 4, 4)), np.zeros((0, 4, 4)))
    assert np.isnan([errors.median_m, errors.median_deg, errors.share_within()]).all()


def test_poses_of_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="must both be"):
        pose_errors(poses(0, 3), poses(0, 4))
    with pytest.raises(ValueError, match="must both be"):
        pose_errors(np.eye(4), np.eye(4))


def labels(seed: int, classes: int, shape: tuple[int, int] = (40, 50)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, classes, shape).astype(np.uint8)


def test_iou_by_hand() -> None:
    score = SegmentationScore(4)
    score.add(np.array([[0, 0, 1], [1, 2, 0]], np.uint8), np.array([[0, 1, 1], [1, 1, 255]], np.uint8))
    np.testing.assert_allclose(score.iou, [1 / 2, 2 / 4, 0.0, np.nan])  # class 2 is predicted only, class 3 nowhere
    assert score.mean_iou == pytest.approx(1 / 3)
    assert score.pixel_accuracy == pytest.approx(3 / 5)
    assert score.confusion[1].tolist() == [1, 2, 1, 0]


def test_iou_over_several_images_is_torchmetrics() -> None:
    score = SegmentationScore(6)
    reference = {average: MulticlassJaccardIndex(6, average=average, ignore_index=255) for average in ("macro", "none")}
    for seed in range(3):
        truth, predicted = labels(seed, 5), labels(seed + 10, 5)
        predicted[truth > 1] = truth[truth > 1]
        truth[seed] = 255
        score.add(predicted, truth)
        for metric in reference.values():
            metric.update(torch.from_numpy(predicted.astype(np.int64)), torch.from_numpy(truth.astype(np.int64)))
    np.testing.assert_allclose(score.iou[:5], reference["none"].compute().numpy()[:5], atol=1e-6)
    assert np.isnan(score.iou[5])
    assert score.mean_iou == pytest.approx(reference["macro"].compute().item(), abs=1e-6)


def test_a_pixel_without_an_answer_counts_as_wrong() -> None:
    score = SegmentationScore(2)
    score.add(np.array([0, 255, 1, 255], np.uint8), np.array([0, 0, 1, 255], np.uint8))
    np.testing.assert_allclose(score.iou, [0.5, 1.0])
    assert score.pixel_accuracy == pytest.approx(2 / 3)


def test_nothing_counted_has_no_mean() -> None:
    score = SegmentationScore(3)
    score.add(labels(0, 3), np.full((40, 50), 255, np.uint8))
    assert np.isnan(score.mean_iou)
    assert np.isnan(score.pixel_accuracy)


def test_labels_that_are_no_class_and_other_shapes_are_refused() -> None:
    score = SegmentationScore(3)
    with pytest.raises(ValueError, match="true label 7"):
        score.add(labels(0, 3), np.full((40, 50), 7, np.uint8))
    with pytest.raises(ValueError, match="predicted label 3"):
        score.add(np.full((40, 50), 3, np.uint8), labels(0, 3))
    with pytest.raises(ValueError, match="differ in shape"):
        score.add(labels(0, 3), labels(0, 3)[:20])
