#!/usr/bin/env bash
# Puts the browser's scripts into the folder $1, so that no page of the site loads them from another host. Without npm
# they stay away: then a browser loads the one for diagrams, and the one for search in pages of the local disk, itself.
set -euo pipefail
folder=$1
command -v npm >/dev/null || { echo "no npm: diagrams will need a network connection when they are shown" >&2; exit 0; }
mkdir -p "$folder"
take() {  # package, file in it, name here
  [ -s "$folder/$3" ] && return
  local archive
  archive=$(cd "$folder" && npm pack --silent "$1" | tail -n 1)
  tar -xOzf "$folder/$archive" "package/$2" >"$folder/$3"
  rm "$folder/$archive"
}
take mermaid@11.17.2 dist/mermaid.min.js mermaid.min.js
take iframe-worker@1.0.4 shim/index.js iframe-worker.js
