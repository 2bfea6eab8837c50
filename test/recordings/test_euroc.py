"""EuRoC and TUM VI in ASL's format: cameras, ground truth and missing parts."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from folder_cases import SIZE, assert_numbers, write_picture
from scipy.spatial.transform import Rotation

from localization_common.datasets import open_sequence
from localization_common.datasets.options import RecordingOptions
from localization_common.errors import DatasetError

START = 1403636579763555584
#: Pose body_T_camera of EuRoC's left camera, from the published sensor.yaml.
T_BS = [
    [0.0148655429818, -0.999880929698, 0.00414029679422, -0.0216401454975],
    [0.999557249008, 0.0149672133247, 0.025715529948, -0.064676986768],
    [-0.0257744366974, 0.00375618835797, 0.999660727178, 0.00981073058949],
    [0.0, 0.0, 0.0, 1.0],
]
STATE = (
    "#timestamp, p_RS_R_x [m], p_RS_R_y [m], p_RS_R_z [m], q_RS_w [], q_RS_x [], q_RS_y [], q_RS_z [], "
    "v_RS_R_x [m s^-1], v_RS_R_y [m s^-1], v_RS_R_z [m s^-1], b_w_RS_S_x [rad s^-1], b_w_RS_S_y [rad s^-1], "
    "b_w_RS_S_z [rad s^-1], b_a_RS_S_x [m s^-2], b_a_RS_S_y [m s^-2], b_a_RS_S_z [m s^-2]"
)
VICON = "#timestamp [ns],p_RS_R_x [m],p_RS_R_y [m],p_RS_R_z [m],q_RS_w [],q_RS_x [],q_RS_y [],q_RS_z []"


def sensor_yaml(comment: str, matrix: list[list[float]], camera: str = "") -> str:
    rows = ",\n         ".join(", ".join(str(value) for value in row) for row in matrix)
    return (
        f"# General sensor definitions.\nsensor_type: camera\ncomment: {comment}\n\n"
        f"# Sensor extrinsics wrt. the body-frame.\nT_BS:\n  cols: 4\n  rows: 4\n  data: [{rows}]\n\n{camera}"
    )


CAMERA = (
    "# Camera specific definitions.\nrate_hz: 20\nresolution: [64, 48]\ncamera_model: pinhole\n"
    "intrinsics: [45.8654, 45.7296, 36.7215, 24.8375] #fu, fv, cu, cv\ndistortion_model: radial-tangential\n"
    "distortion_coefficients: [-0.28340811, 0.07395907, 0.00019359, 1.76187114e-05]\n"
)


def map_T_body(seconds: float) -> np.ndarray:
    pose = np.eye(4)
    pose[:3, :3] = Rotation.from_euler("z", 0.5 * seconds).as_matrix()
    pose[:3, 3] = [seconds, 2.0, 0.1 * seconds]
    return pose


def truth_lines(times: np.ndarray, extra: str, sensor: np.ndarray | None = None) -> list[str]:
    lines = []
    for time in times:
        pose = map_T_body(time) @ (np.eye(4) if sensor is None else sensor)
        x, y, z, w = Rotation.from_matrix(pose[:3, :3]).as_quat()
        numbers = ",".join(f"{v:.9f}" for v in (*pose[:3, 3], w, x, y, z))
        lines.append(f"{START + round(time * 1e9)},{numbers}{extra}")
    return lines


@pytest.fixture
def euroc(tmp_path: Path) -> Path:
    """Directory like MH_01_easy: five pictures of two cameras, 50 ms apart; truth every 5 ms from 30 ms on."""
    root = tmp_path / "MH_01_easy"
    for name in ("cam0", "cam1"):
        folder = root / "mav0" / name
        lines = ["#timestamp [ns],filename"]
        for number in range(5):
            stamp = START + number * 50_000_000
            write_picture(folder / "data" / f"{stamp}.png", number)
            lines.append(f"{stamp},{stamp}.png")
        (folder / "data.csv").write_bytes("\r\n".join(lines).encode() + b"\r\n")  # as published
        (folder / "sensor.yaml").write_text(sensor_yaml(f"VI-Sensor {name} (MT9M034)", T_BS, CAMERA))
    (root / "mav0" / "imu0").mkdir()
    (root / "mav0" / "imu0" / "data.csv").write_text("#timestamp [ns],w_RS_S_x [rad s^-1]\n")
    state = root / "mav0" / "state_groundtruth_estimate0"
    state.mkdir()
    lines = truth_lines(np.arange(0.03, 0.25, 0.005), ",0.1,0.2,0.3,0,0,0,0,0,0")
    (state / "data.csv").write_text("\n".join([STATE, *lines]) + "\n")
    (state / "sensor.yaml").write_text(sensor_yaml("", np.eye(4).tolist()))
    (root / "mav0" / "body.yaml").write_text("comment: body\n")
    return root


def test_pictures_camera_mount_and_interpolated_truth(euroc: Path) -> None:
    sequence = open_sequence(euroc)
    assert sequence.name == "euroc/MH_01_easy"
    assert_numbers(sequence, range(5))
    assert sequence.stamps.tolist() == [START + n * 50_000_000 for n in range(5)]
    assert sequence.frame_numbers.tolist() == [0, 1, 2, 3, 4]
    assert (sequence.camera.width, sequence.camera.height) == SIZE
    assert (sequence.camera.fx, sequence.camera.cy) == (45.8654, 24.8375)
    assert sequence.camera.distortion == (-0.28340811, 0.07395907, 0.00019359, 1.76187114e-05)
    assert sequence.has_pose.tolist() == [False, True, True, True, True]  # the first is before the truth
    np.testing.assert_allclose(sequence.base_T_camera, T_BS, atol=1e-9)
    for number in range(1, 5):
        expected = map_T_body(0.05 * number)
        np.testing.assert_allclose(sequence.map_T_base[number], expected, atol=1e-6)
        np.testing.assert_allclose(sequence.map_T_camera[number], expected @ T_BS, atol=1e-6)
    text = sequence.summary.text()
    assert "pictures: 5 of cam0; cam1 not used" in text
    assert "poses of state_groundtruth_estimate0" in text
    assert "poses: 4 of 5 frames" in text


def test_mav0_itself_may_be_given_and_cam1_where_cam0_is_absent(euroc: Path) -> None:
    shutil.rmtree(euroc / "mav0" / "cam0")
    sequence = open_sequence(euroc / "mav0")
    assert sequence.name == "euroc/MH_01_easy"
    assert "pictures: 5 of cam1" in sequence.summary.text()


def test_a_bag_beside_it_does_not_hide_it(euroc: Path) -> None:
    (euroc / "MH_01_easy.bag").write_bytes(b"#ROSBAG V2.0\n")
    assert open_sequence(euroc).name == "euroc/MH_01_easy"


def test_vicon_is_moved_to_the_body(euroc: Path) -> None:
    shutil.rmtree(euroc / "mav0" / "state_groundtruth_estimate0")
    body_T_vicon = np.eye(4)
    body_T_vicon[:3, :3] = Rotation.from_euler("x", 90, degrees=True).as_matrix()
    body_T_vicon[:3, 3] = [0.1, 0.2, -0.3]
    vicon = euroc / "mav0" / "vicon0"
    vicon.mkdir()
    lines = truth_lines(np.arange(0.0, 0.25, 0.01), "", body_T_vicon)
    (vicon / "data.csv").write_text("\n".join([VICON, *lines]) + "\n")
    (vicon / "sensor.yaml").write_text(sensor_yaml("Vicon", body_T_vicon.tolist()))
    sequence = open_sequence(euroc)
    np.testing.assert_allclose(sequence.map_T_base, [map_T_body(0.05 * n) for n in range(5)], atol=1e-6)


def test_positions_without_orientation_are_no_truth_and_a_file_can_be_given(euroc: Path, tmp_path: Path) -> None:
    shutil.rmtree(euroc / "mav0" / "state_groundtruth_estimate0")
    leica = euroc / "mav0" / "leica0"
    leica.mkdir()
    (leica / "data.csv").write_text(f"#timestamp [ns],p_RS_R_x [m],p_RS_R_y [m],p_RS_R_z [m]\n{START},1,2,3\n")
    sequence = open_sequence(euroc)
    assert not sequence.has_pose.any()
    assert "leica0 gives positions without orientation; a TUM file can be given (--poses)" in sequence.summary.text()
    truth = tmp_path / "truth.txt"
    seconds = [f"{START // 10**9}.{START % 10**9:09d}", f"{(START + 10**8) // 10**9}.{(START + 10**8) % 10**9:09d}"]
    truth.write_text(f"{seconds[0]} 0 0 0 0 0 0 1\n{seconds[1]} 2 0 0 0 0 0 1\n")
    given = open_sequence(euroc, RecordingOptions(poses=str(truth)))
    np.testing.assert_allclose(given.map_T_base[:3, 0, 3], [0.0, 1.0, 2.0], atol=1e-6)
    np.testing.assert_allclose(given.map_T_camera[1, :3, :3], np.array(T_BS)[:3, :3], atol=1e-9)


def test_holes_in_the_truth_leave_poses_unknown(euroc: Path) -> None:
    state = euroc / "mav0" / "state_groundtruth_estimate0" / "data.csv"
    lines = truth_lines(np.array([0.0, 0.04, 0.12, 0.2]), ",0,0,0,0,0,0,0,0,0")
    lines[2] = lines[2].replace(lines[2].split(",")[1], "nan")
    state.write_text("\n".join([STATE, *lines]) + "\n")
    assert open_sequence(euroc).has_pose.tolist() == [True] * 5  # 160 ms without truth
    sequence = open_sequence(euroc, RecordingOptions(max_pose_gap=0.1))
    assert sequence.has_pose.tolist() == [True, False, False, False, True]
    assert "1 poses of state_groundtruth_estimate0: not finite (line 4)" in sequence.summary.text()


def test_pictures_that_are_missing_are_counted(euroc: Path) -> None:
    (euroc / "mav0" / "cam0" / "data" / f"{START + 100_000_000}.png").unlink()
    sequence = open_sequence(euroc)
    assert_numbers(sequence, (0, 1, 3, 4))
    assert sequence.frame_numbers.tolist() == [0, 1, 3, 4]
    assert f"1 frames: the picture is missing ({START + 100_000_000}.png)" in sequence.summary.text()


def test_tum_vi_has_no_sensor_yaml(euroc: Path, tmp_path: Path) -> None:
    (euroc / "mav0" / "cam0" / "sensor.yaml").unlink()
    with pytest.raises(DatasetError, match=r"cam0/sensor\.yaml: no such file.*--camera FILE.*camchain.*--mount"):
        open_sequence(euroc)
    chain = tmp_path / "camchain.yaml"
    chain.write_text(
        "cam0:\n  cam_overlaps: []\n  camera_model: pinhole\n  distortion_coeffs: [0.0034, 0.0007, -0.002, 0.0002]\n"
        "  distortion_model: equidistant\n  intrinsics: [19.0, 19.1, 31.0, 24.0]\n  resolution: [64, 48]\n"
        "  rostopic: /cam0/image_raw\n"
    )
    sequence = open_sequence(euroc, RecordingOptions(camera=chain, mount=(0.1, 0.0, 0.2, 0.0, 0.0, 0.0)))
    assert (sequence.camera.distortion_model, sequence.camera.fx) == ("equidistant", 19.0)
    camera_in_body = np.linalg.inv(map_T_body(0.1)) @ sequence.map_T_camera[2]
    expected = [[0, 0, 1, 0.1], [-1, 0, 0, 0], [0, -1, 0, 0.2], [0, 0, 0, 1]]
    np.testing.assert_allclose(camera_in_body, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("cam0/data.csv", "#timestamp [ns],filename\nabc,x.png\n", r"cam0/data\.csv:2: not 'timestamp"),
        ("cam0/data.csv", "#timestamp [ns],filename\n7,x.png\n", "none of the 1 pictures"),
        ("cam0/sensor.yaml", "T_BS: [1, 2\n", r"sensor\.yaml: is no YAML"),
        ("cam0/sensor.yaml", sensor_yaml("x", T_BS, CAMERA.replace("pinhole", "omni")), "camera_model 'omni'"),
        ("cam0/sensor.yaml", CAMERA, "no T_BS"),
        ("cam0/sensor.yaml", sensor_yaml("x", [[2.0, 0, 0, 0], *T_BS[1:]], CAMERA), "T_BS.*no rotation"),
        ("state_groundtruth_estimate0/data.csv", f"{STATE}\n1,2,3\n", r"estimate0/data\.csv:2: not 'timestamp"),
    ],
)
def test_broken_files_are_named(euroc: Path, file: str, text: str, message: str) -> None:
    (euroc / "mav0" / file).write_text(text)
    with pytest.raises(DatasetError, match=message):
        open_sequence(euroc)


def test_another_clock_is_named(euroc: Path) -> None:
    state = euroc / "mav0" / "state_groundtruth_estimate0" / "data.csv"
    state.write_text(f"{STATE}\n1000,0,0,0,1,0,0,0\n2000,0,0,0,1,0,0,0\n")
    text = open_sequence(euroc).summary.text()
    assert (
        f"no picture lies within the truth: pictures {START} to {START + 200_000_000} ns, truth 1000 to 2000 ns" in text
    )
