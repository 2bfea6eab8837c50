"""Commit of a working tree, with real repositories."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from localization_common.files.git_commit import commit_of


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=Tester", "-c", "user.email=tester@example.org")
    command = ["git", *identity, "-C", str(folder), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_a_commit_is_a_short_hash_and_a_plus_marks_changed_files(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    (tmp_path / "file.txt").write_text("one\n")
    git(tmp_path, "add", "file.txt")
    git(tmp_path, "commit", "--quiet", "--message", "First")
    commit = commit_of(tmp_path)
    assert re.fullmatch(r"[0-9a-f]{10}", commit)
    assert git(tmp_path, "rev-parse", "HEAD").startswith(commit)
    (tmp_path / "untracked.txt").write_text("new\n")
    assert commit_of(tmp_path) == commit
    (tmp_path / "file.txt").write_text("two\n")
    assert commit_of(tmp_path) == f"{commit}+"


def test_a_folder_outside_of_git_has_no_commit(tmp_path: Path) -> None:
    assert commit_of(tmp_path) == ""
    assert commit_of(tmp_path / "absent") == ""
