#!/usr/bin/env bash
# Runs README's commands on a fresh computer: a minimal Debian, a new user who is not root, an empty home.
#   test/fresh_machine.sh FOLDER [TARGET...]
# FOLDER is the root of a minimal Debian or Ubuntu (`docker export` makes one from an image). If it does not exist,
# debootstrap makes it, with the release SUITE (default: bookworm). TARGETs of make: demo and demo-mapping by default.
# Needs root: it changes its root to FOLDER, in which it installs packages with apt. Mounts end with the script.
# pip's variables (PIP_FIND_LINKS, PIP_CERT, ...) and those of proxies hold there, too.
set -euo pipefail
[ $# -ge 1 ] || { sed -n '2,7p' "$0"; exit 2; }
[ "$(id -u)" = 0 ] || { echo "not root: type sudo $0 $*" >&2; exit 2; }
[ -n "${FRESH_MACHINE:-}" ] || FRESH_MACHINE=1 exec unshare --mount --propagation private "$0" "$@"
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
root=$(realpath -m "$1")
shift
targets=("$@")
[ $# -gt 0 ] || targets=(demo demo-mapping)
readme=(git make python3 python3-venv)   # what README asks for
home=/home/robot
checkout=$home/deep_localization

heading() { printf '\n-- %s\n' "$*"; }
in_root() { chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive LC_ALL=C "$@"; }
installed() { in_root dpkg-query -W -f '${Package}\n' | sort; }
as_user() {  # command line
  local passed
  mapfile -t passed < <(env | grep -E '^(PIP_[A-Z_]+|[a-z]+_proxy)=' || true)
  chroot --userspec=robot:robot "$root" /usr/bin/env -i "${passed[@]}" HOME=$home USER=robot PATH=/usr/local/bin:/usr/bin:/bin \
    ${TORCH:+TORCH="$TORCH"} ${TORCH_INDEX:+TORCH_INDEX="$TORCH_INDEX"} bash -c "cd $checkout && $1"
}

if [ ! -e "$root/usr/bin/env" ]; then
  command -v debootstrap >/dev/null || { echo "no debootstrap: type sudo apt install debootstrap" >&2; exit 2; }
  heading "debootstrap ${SUITE:-bookworm}"
  debootstrap --variant=minbase "${SUITE:-bookworm}" "$root" >/dev/null
fi
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
cp --remove-destination "$(realpath /etc/resolv.conf)" "$root/etc/resolv.conf"
for folder in ${PIP_FIND_LINKS:-} ${TORCH_INDEX:-}; do
  [ -d "$folder" ] || continue
  mkdir -p "$root$folder"
  mount --bind "$folder" "$root$folder"
done

before=$(installed)
heading "apt install ${readme[*]}"
in_root apt-get -qq update
in_root apt-get -qq install -y --no-install-recommends "${readme[@]}" ca-certificates >/dev/null
[ ! -e "${PIP_CERT:-}" ] || install -D -m 644 "$PIP_CERT" "$root$PIP_CERT"
in_root userdel --remove robot 2>/dev/null || true
in_root useradd --create-home --skel /nonexistent --shell /bin/bash robot 2>/dev/null
git clone --quiet --depth 1 "file://$repository" "$root$checkout"
in_root chown -R robot:robot $home

heading "make setup, as $(as_user 'id -un') with $(as_user 'find ~ -maxdepth 1 -mindepth 1 -printf "%f "')in its home"
log=$(mktemp)
if ! as_user 'make setup' 2>&1 | tee "$log"; then
  mapfile -t missing < <(sed -n 's/^ *type: sudo apt install //p' "$log" | tr ' ' '\n')
  [ ${#missing[@]} -gt 0 ] || { echo "make setup named no packages" >&2; exit 1; }
  heading "apt install ${missing[*]}   (what set-up asked for)"
  in_root apt-get -qq install -y --no-install-recommends "${missing[@]}" >/dev/null
  start=$SECONDS
  as_user 'make setup'
  heading "make setup: $((SECONDS - start)) s, $(du -sm "$root$checkout/.venv" | cut -f1) MB in .venv, \
$(du -sm "$root$home/.cache" 2>/dev/null | cut -f1) MB in ~/.cache"
fi
rm -f "$log"
for target in "${targets[@]}"; do
  start=$SECONDS
  heading "make $target"
  as_user "make $target"
  heading "make $target: $((SECONDS - start)) s"
done
heading "installed with apt: $(comm -13 <(echo "$before") <(installed) | wc -l) packages, asked for: ${readme[*]} ca-certificates ${missing[*]:-}"
heading "all of them ran: setup ${targets[*]}"
