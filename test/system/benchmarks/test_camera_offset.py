"""Alignment with a constant offset of the camera, on poses that are made with a known one."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import numpy as np
import pytest

from localization_common.geometry import se3
from localization_common.metrics.pose_metrics import pose_errors


@pytest.fixture(scope="module")
def camera_offset(import_benchmark: Callable[[str], ModuleType]) -> ModuleType:
    return import_benchmark("camera_offset")


def test_the_offset_of_another_camera_is_found(camera_offset: ModuleType) -> None:
    random = np.random.default_rng(0)
    truth = np.stack([se3.exp(twist) for twist in random.normal(size=(40, 6)) * [1.0, 1.0, 0.3, 0.3, 0.8, 0.3]])
    camera_T_body = se3.exp(np.array([0.025, 0.01, -0.02, 0.03, -0.04, 0.01]))
    estimated = se3.exp(np.array([3.0, 1.0, 0.2, 0.5, -1.0, 0.3])) @ truth @ se3.inverse(camera_T_body)
    estimated[:, :3, 3] /= 1.4
    plain = camera_offset.align(estimated, truth, scaled=True).applied(estimated)
    found = camera_offset.align_with_offset(estimated, truth)
    assert pose_errors(plain, truth).median_deg > 2.0
    errors = pose_errors(found.applied(estimated), truth)
    assert errors.metres.max() < 1e-4
    assert errors.degrees.max() < 1e-2
    np.testing.assert_allclose(found.camera_T_body, camera_T_body, atol=1e-4)
