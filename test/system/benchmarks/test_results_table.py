from __future__ import annotations

from pathlib import Path

import pytest

import results_table
from deep_localization.evaluation import metrics_summary
from deep_localization.evaluation.result_file import Baseline, ResultFile
from localization_common.errors import DatasetError

REPOSITORY = Path(__file__).resolve().parents[3]
METRICS = {
    "pose": {"median_m": 0.123456789, "median_deg": 5.25, "within_5cm_5deg": 0.25, "frames": 120},
    "odometry": {"rpe_percent": None, "rpe_deg_per_m": None},
    "segmentation": {"miou": None},
    "belief": {"median_m": None, "success_rate": None, "steps_to_converge": None},
    "runtime": {
        "frames_in": 120,
        "frames_processed": 120,
        "frames_dropped": 0,
        "latency_ms_p50": 20.0,
        "latency_ms_p95": 30.0,
    },
}


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    (tmp_path / "results").mkdir()
    result = ResultFile(
        title="Kitchen",
        command="evaluate_bag build/kitchen --live",
        commit="0123456789",
        metrics=METRICS,
        baselines=(Baseline("thumbnail nearest neighbour", 0.25, 11.5),),
        aims={"pose.median_m": ("at most", 0.16), "pose.median_deg": ("at most", 5.0)},
        notes={"largest difference": "0.00001 m"},
    )
    result.write(tmp_path / "results" / "kitchen.json")
    (tmp_path / "results" / "kitchen.md").write_text("How the bag was made.\n")
    return tmp_path


def test_the_committed_page_is_what_the_committed_numbers_give() -> None:
    page = REPOSITORY / "docs" / "results.md"
    if not (REPOSITORY / "docs" / "results").is_dir():
        pytest.skip("no results are committed")
    assert page.read_text(encoding="utf-8") == results_table.render(results_table.read_all(REPOSITORY / "docs/results"))


def test_page_holds_the_numbers_their_origin_and_the_verdicts(docs: Path) -> None:
    assert results_table.main(["--docs", str(docs)]) == 0
    text = (docs / "results.md").read_text()
    assert "| position error, median | 0.123 m | at most 0.160 m | met |" in text
    assert "| rotation error, median | 5.25 deg | at most 5.00 deg | **missed** |" in text
    assert "| thumbnail nearest neighbour | 0.250 m | 11.50 deg |" in text
    assert "was written at commit `0123456789` by" in text
    assert "How the bag was made." in text
    assert "evaluate_bag build/kitchen --live" in text
    assert "Odometry" not in text  # what was not scored has no row


def test_check_notices_a_page_that_was_edited(docs: Path) -> None:
    results_table.main(["--docs", str(docs)])
    assert results_table.main(["--docs", str(docs), "--check"]) == 0
    page = docs / "results.md"
    page.write_text(page.read_text().replace("0.123 m", "0.023 m"))
    assert results_table.main(["--docs", str(docs), "--check"]) == 1


def test_result_files_survive_a_round_trip_and_foreign_ones_are_refused(docs: Path) -> None:
    path = docs / "results" / "kitchen.json"
    result = ResultFile.read(path)
    assert result.metrics["pose"]["median_m"] == 0.123457  # six significant digits
    result.write(docs / "again.json")
    assert (docs / "again.json").read_text() == path.read_text()
    path.write_text('{"title": "x"}')
    with pytest.raises(DatasetError, match=r"kitchen\.json"):
        ResultFile.read(path)
    assert results_table.main(["--docs", str(docs)]) == 1


def test_every_aim_is_about_a_quantity_that_is_shown() -> None:
    shown = {f"{group}.{quantity.key}" for group, _, quantities in metrics_summary.GROUPS for quantity in quantities}
    for aims in metrics_summary.AIMS.values():
        assert set(aims) <= shown
