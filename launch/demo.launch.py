"""Simulated robot in an apartment with both nodes; takes the arguments of localization.launch.py, too."""

from launch import LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    GroupAction,
    IncludeLaunchDescription,
    SetEnvironmentVariable,
    Shutdown,
)
from launch.substitutions import EnvironmentVariable, LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node, PushRosNamespace
from launch_ros.substitutions import FindPackageShare

from deep_localization.evaluation.processes import PROFILE_VARIABLES

PACKAGE = "deep_localization"


def generate_launch_description() -> LaunchDescription:
    """Start simulator and localization in one namespace; all end when the simulator ends."""
    namespace, params_file = LaunchConfiguration("namespace"), LaunchConfiguration("params_file")
    robot = Node(
        package=PACKAGE,
        executable="apartment_camera",
        parameters=[params_file],
        output="screen",
        emulate_tty=True,
        on_exit=Shutdown(reason="the drive is over"),
    )
    localization = IncludeLaunchDescription(
        shared("launch", "localization.launch.py"),
        launch_arguments={"namespace": namespace, "params_file": params_file}.items(),
    )
    return LaunchDescription(
        [
            DeclareLaunchArgument("namespace", default_value="", description="Namespace of all topics except /tf."),
            DeclareLaunchArgument(
                "params_file",
                default_value=shared("config", "demo.yaml"),
                description="Parameters of simulator and nodes, in the format of config/demo.yaml.",
            ),
            # Images need a larger shared memory than the default of Fast DDS.
            *(default_environment(name, shared("config", "fastdds.xml")) for name in PROFILE_VARIABLES),
            default_environment("MUJOCO_GL", "egl"),
            GroupAction([PushRosNamespace(namespace), robot]),
            localization,
        ]
    )


def default_environment(name: str, value: PathJoinSubstitution | str) -> SetEnvironmentVariable:
    """Set an environment variable unless it is set."""
    return SetEnvironmentVariable(name, EnvironmentVariable(name, default_value=value))


def shared(*parts: str) -> PathJoinSubstitution:
    """Path of a file of this package."""
    return PathJoinSubstitution([FindPackageShare(PACKAGE), *parts])
