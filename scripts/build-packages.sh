#!/usr/bin/env bash
# What building needs besides Rust: cmake and nasm for the codecs, clang for the camera bindings.
set -euo pipefail
"$(dirname "$0")/packages.sh" gcc g++ make cmake nasm clang libclang-dev pkg-config
if ! command -v cargo >/dev/null; then
  echo "Rust is needed (cargo, rustc 1.95 or later): see https://rustup.rs, then start again." >&2
  exit 69
fi
