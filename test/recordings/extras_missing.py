"""Tests that need modules that are not installed; test_collection.py runs them. Pytest alone ignores this file."""

from __future__ import annotations

import pytest

from localization_common.errors import ConfigError


@pytest.fixture
def simulator() -> object:
    """Fixture that needs an extra."""
    import mujoco

    return mujoco


def test_needs_it_in_a_fixture(simulator: object) -> None:
    raise AssertionError("must not run")


def test_needs_it_itself() -> None:
    import rosbags  # noqa: F401


def test_is_refused_by_our_code_without_it() -> None:
    try:
        import pycolmap  # noqa: F401
    except ImportError as error:
        raise ConfigError("keyframe maps are built with pycolmap") from error


def test_needs_a_module_that_is_no_extra() -> None:
    import localization_common.no_such_module  # noqa: F401
