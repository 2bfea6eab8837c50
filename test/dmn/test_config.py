"""Configurations refuse impossible values, and survive their dictionaries."""

from __future__ import annotations

from typing import Any

import pytest

from dmn_ros.config import NetworkConfig
from dmn_ros.filter.filter_config import FilterConfig
from dmn_ros.training.training_config import TrainingConfig
from localization_common.errors import ConfigError
from localization_common.files.configuration import from_dict, to_dict


@pytest.mark.parametrize(
    ("kind", "values", "named"),
    [
        (NetworkConfig, {"block_widths": (8,)}, "block_strides"),
        (NetworkConfig, {"image_width": 4}, "grid"),
        (NetworkConfig, {"observation": "other"}, "observation"),
        (NetworkConfig, {"metres_per_unit": 0.0}, "metres_per_unit"),
        (FilterConfig, {"min_particles": 3000}, "min_particles"),
        (FilterConfig, {"global_particles": 10}, "global_particles"),
        (FilterConfig, {"resample_threshold": 1.5}, "resample_threshold"),
        (FilterConfig, {"recovery_alpha_slow": 0.9}, "recovery_alpha_slow"),
        (FilterConfig, {"localized_fit": float("nan")}, "localized_fit"),
        (FilterConfig, {"alpha3": -0.1}, "alpha3"),
        (FilterConfig, {"update_min_d": float("nan")}, "update_min_d"),
        (FilterConfig, {"likelihood_exponent": 0.0}, "likelihood_exponent"),
        (FilterConfig, {"recovery_max": 2.0}, "recovery_max"),
        (FilterConfig, {"pf_err": 0.0}, "pf_err"),
        (FilterConfig, {"proposal_share": 1.0}, "proposal_share"),
        (FilterConfig, {"proposal_trust": 1.1}, "proposal_trust"),
        (TrainingConfig, {"objective": "other"}, "objective"),
        (TrainingConfig, {"contexts": (5, 4)}, "contexts"),
        (TrainingConfig, {"worlds": 0}, "worlds"),
    ],
)
def test_impossible_values_are_refused_by_name(kind: type, values: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        kind(**values)


@pytest.mark.parametrize("config", [NetworkConfig.paper(), NetworkConfig.light(), FilterConfig(), TrainingConfig()])
def test_a_configuration_survives_its_dictionary(config: Any) -> None:
    assert from_dict(type(config), to_dict(config)) == config


def test_grids_of_both_forms() -> None:
    assert NetworkConfig.paper().grid == (8, 8)
    assert NetworkConfig.light().grid == (3, 16)
