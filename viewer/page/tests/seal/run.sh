#!/usr/bin/env bash
# Tests the browser's sealing and opening, in node and in Chromium. Needs Node.js 20 with npm, and Debian's chromium.
set -euo pipefail
cd "$(dirname "$0")"

command -v npm >/dev/null || { echo "npm is not here: install Node.js 20 or later." >&2; exit 69; }
node -e 'process.exit(Number(process.versions.node.split(".")[0]) >= 20 ? 0 : 1)' || { echo "Node.js 20 or later is needed, this is $(node --version)." >&2; exit 69; }
npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
node --test --test-concurrency=1 --test-reporter=spec
