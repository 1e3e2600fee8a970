#!/usr/bin/env bash
# Everything that must hold: format, lints, tests. Installs what they need and prints the minutes of every stage.
set -euo pipefail
cd "$(dirname "$0")/.."

began=$SECONDS
table=""
stage() {
  local name=$1 from=$SECONDS
  shift
  printf '\n== %s\n' "$name"
  "$@"
  table+=$(printf '%-12s %5.1f min' "$name" "$(awk "BEGIN { print ($SECONDS - $from) / 60 }")")$'\n'
}

packages() {
  scripts/build-packages.sh
  scripts/test-packages.sh
}

# The page's modules: their types, the golden vectors in node, the vendored libraries made anew, and a real browser before the real programs.
page() {
  cd viewer/page
  npm ci --no-audit --no-fund --silent
  npx tsc --project .
  node --test --test-concurrency=1 --test-reporter=spec tests/*.test.js tests/browser/*.test.js
  cd - >/dev/null
}

stage packages packages
stage format cargo fmt --all --check
stage build cargo build --workspace --all-targets --locked
stage lints cargo clippy --workspace --all-targets --locked -- -D warnings
stage unlocking viewer/page/tests/seal/run.sh
# What keeps the processors busy for minutes runs alone: chaos, with two cameras at full rate, and the test with an emulated machine.
stage tests cargo test --workspace --locked -- --skip a_webcam_is_masked_signed_and_opened --skip nothing_acknowledged_is_lost
stage chaos cargo test --workspace --locked --test e2e -- nothing_acknowledged_is_lost --nocapture
stage page page
stage webcam cargo test --workspace --locked --test webcam -- --nocapture

printf '\n%s%-12s %5.1f min\n' "$table" total "$(awk "BEGIN { print ($SECONDS - $began) / 60 }")"
