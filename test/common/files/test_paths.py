"""Paths in the spelling of users."""

from __future__ import annotations

from pathlib import Path

import pytest

from localization_common.errors import ConfigError
from localization_common.files.paths import existing_file, require_own_file, user_path

REPOSITORY = Path(__file__).resolve().parents[3]


def test_home_and_relative_paths_become_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert user_path("~/maps/../map", "map_path") == tmp_path / "map"
    assert user_path("map", "map_path") == tmp_path / "map"
    assert user_path("/a/~b", "map_path") == Path("/a/~b")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "map_path is empty"),
        ("  ", "map_path is empty"),
        ("~nobody_of_this_name/map", "write the path from /"),
        ("$HOME/map", r"map_path is '\$HOME/map'.*not replaced here"),
        ("$(find-pkg-share deep_localization)/map", "allow_substs"),
        ("file:///tmp/map", "not replaced here"),
        ("package://deep_localization/map", "not replaced here"),
        ("/tmp/a\0b", "no path of a file"),
    ],
)
def test_texts_that_are_no_path_are_refused(text: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        user_path(text, "map_path")


def test_a_missing_file_is_named_by_its_path_and_by_the_users_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(ConfigError, match=r"/none: no such file \(parameter map_path, written '~/none'\)") as refusal:
        existing_file("~/none", "parameter map_path")
    assert str(tmp_path / "none") in str(refusal.value)
    with pytest.raises(ConfigError, match="is a folder, not a file"):
        existing_file(tmp_path, "parameter map_path")
    (tmp_path / "map").touch()
    assert existing_file("~/map", "parameter map_path") == tmp_path / "map"


def test_files_of_installed_packages_are_guarded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    share = tmp_path / "install" / "share"
    (share / "deep_localization" / "models").mkdir(parents=True)
    monkeypatch.setenv("AMENT_PREFIX_PATH", str(tmp_path / "install"))
    (tmp_path / "mine").symlink_to(share / "deep_localization" / "models" / "map")
    guarded = [
        share / "deep_localization" / "models" / "map",
        share / "another_package" / "map",
        REPOSITORY / "models" / "apartment_map.safetensors",
        tmp_path / "mine",
    ]
    for path in guarded:
        with pytest.raises(ConfigError, match=r"belongs to installed files \(map_path\): set another"):
            require_own_file(path, "map_path", "set another")
    require_own_file(tmp_path / "map", "map_path", "set another")
    require_own_file(REPOSITORY / "build" / "map", "map_path", "set another")
