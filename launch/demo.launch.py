"""Simulated robot in an apartment with both nodes; takes the arguments of localization.launch.py, too."""

import os

from launch import LaunchContext, LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    GroupAction,
    IncludeLaunchDescription,
    OpaqueFunction,
    SetEnvironmentVariable,
    Shutdown,
)
from launch.substitutions import EnvironmentVariable, LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node, PushRosNamespace
from launch_ros.parameter_descriptions import ParameterFile
from launch_ros.substitutions import FindPackageShare

from deep_localization.evaluation.processes import PROFILE_VARIABLES

PACKAGE = "deep_localization"


def generate_launch_description() -> LaunchDescription:
    """Start simulator and localization in one namespace; all end when the simulator ends."""
    namespace, params_file = LaunchConfiguration("namespace"), LaunchConfiguration("params_file")
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
            GroupAction([PushRosNamespace(namespace), OpaqueFunction(function=make_robot)]),
            localization,
        ]
    )


def make_robot(context: LaunchContext) -> list[Node]:
    """Make the simulated robot; launch ends when it ends."""
    params_file = os.path.expanduser(LaunchConfiguration("params_file").perform(context))
    return [
        Node(
            package=PACKAGE,
            executable="apartment_camera",
            parameters=[ParameterFile(params_file, allow_substs=True)],
            output="screen",
            emulate_tty=True,
            on_exit=Shutdown(reason="the drive is over"),
        )
    ]


def default_environment(name: str, value: PathJoinSubstitution | str) -> SetEnvironmentVariable:
    """Set an environment variable unless it is set."""
    return SetEnvironmentVariable(name, EnvironmentVariable(name, default_value=value))


def shared(*parts: str) -> PathJoinSubstitution:
    """Path of a file of this package."""
    return PathJoinSubstitution([FindPackageShare(PACKAGE), *parts])
