# Both nodes on ROS 2, on a robot or beside one: docs/installation.md#in-a-container has the commands.
#   docker build -t deep_localization .
# On a Jetson, the base image has ROS 2 and a torch for its GPU, and ROS_SETUP names the file that its ROS 2 is sourced with:
#   docker build -t deep_localization --build-arg BASE=IMAGE --build-arg ROS_SETUP=/opt/ros/humble/install/setup.bash .
ARG BASE=ros:jazzy-ros-base
FROM ${BASE}
ARG ROS_SETUP=/opt/ros/jazzy/setup.bash
ENV ROS_SETUP=${ROS_SETUP}
SHELL ["/bin/bash", "-eo", "pipefail", "-c"]
WORKDIR /workspace

# What rosdep finds in package.xml for nodes that run, without what needs a screen, and without what Ubuntu recommends
# beside it. Tools of the base image are not installed again.
COPY package.xml src/deep_localization/
# hadolint ignore=DL3008
RUN . "$ROS_SETUP" \
    && echo 'APT::Install-Recommends "false";' >/etc/apt/apt.conf.d/90no-recommends \
    && apt-get update \
    && apt-get install -y --no-install-recommends python3-venv tini \
    && rosdep update --rosdistro "$ROS_DISTRO" \
    && rosdep install --from-paths src --ignore-src -y --dependency-types exec --skip-keys "python3-torch rviz2" \
    && rm -rf /var/lib/apt/lists/*

# Arguments of pip for torch: "--index-url ADDRESS" of PyTorch's index for CPUs makes the image 4 GB smaller.
ARG TORCH_FROM=""
# NumPy stays the one that ROS 2's messages are compiled for, and a torch of the base image stays. Images for Jetson may
# have it in a virtual environment of their own, which --system-site-packages does not see: base.pth names its folders.
RUN python3 -m venv --system-site-packages venv \
    && touch venv/COLCON_IGNORE \
    && python3 -c 'import site; print(*site.getsitepackages(), sep="\n")' >"$(echo venv/lib/python3*/site-packages)/base.pth" \
    && numpy="numpy==$(python3 -c 'import numpy; print(numpy.__version__)')" \
    && { venv/bin/python3 -c 'import torch' 2>/dev/null \
      || venv/bin/pip install --no-cache-dir ${TORCH_FROM} "torch>=2.1" "$numpy"; } \
    && venv/bin/pip install --no-cache-dir "torch>=2.1" "safetensors>=0.4" simplejpeg "$numpy"
# Nodes run in the first python3 of PATH; see [build_scripts] in setup.cfg.
ENV PATH=/workspace/venv/bin:$PATH

COPY . src/deep_localization
RUN . "$ROS_SETUP" && colcon build --packages-select deep_localization

# Users of another number (docker run --user) write their logs there, too.
RUN useradd --create-home --uid 10001 robot && chmod 1777 /home/robot
ENV HOME=/home/robot
USER 10001
# ros2 passes no signal on: with tini -g, `docker stop` reaches all processes, as Ctrl-C does.
STOPSIGNAL SIGINT
ENTRYPOINT ["/usr/bin/tini", "-g", "--", "/bin/bash", "-c", "source \"$ROS_SETUP\" && source /workspace/install/setup.bash && exec \"$@\"", "--"]
CMD ["ros2", "launch", "deep_localization", "localization.launch.py", "--show-args"]
