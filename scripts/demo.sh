#!/usr/bin/env bash
# A relay, a camera with the built-in sample, and two viewers on this machine: one of the public, one who may unlock.
# Leaves nothing behind but the folder ./demo (or $CELOSIA_DEMO), which it makes anew each time.
set -euo pipefail
cd "$(dirname "$0")/.."

demo=${CELOSIA_DEMO:-$PWD/demo}
port=${CELOSIA_PORT:-7443}
relay=127.0.0.1:$port
bin=$PWD/target/debug
pids=()

stop() {
  trap - EXIT INT TERM
  for pid in "${pids[@]}"; do kill -TERM "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
}
trap stop EXIT
trap 'exit 0' INT TERM

# Waits until the command succeeds, at most so many seconds.
until_ok() {
  local seconds=$1
  shift
  for _ in $(seq $((seconds * 4))); do "$@" >/dev/null 2>&1 && return; sleep 0.25; done
  echo "This did not succeed within $seconds seconds: $*" >&2
  "$@" >&2 || true
  echo "The logs are in $demo." >&2
  exit 69
}

scripts/build-packages.sh
echo "Building (some minutes the first time) …"
cargo build --workspace --locked

if [ -e "$demo" ] && [ ! -e "$demo/.celosia-demo" ]; then
  echo "$demo exists and was not made by this script: move it away, or set CELOSIA_DEMO to another folder." >&2
  exit 73
fi
rm -rf "$demo"
mkdir -p "$demo"
touch "$demo/.celosia-demo"
export CELOSIA_HOME=$demo/viewer

echo; echo "== The relay"
"$bin/relay-server" init --name 127.0.0.1 --name localhost --dir "$demo/relay" --root-dir "$demo/root" >"$demo/init.log"
sed -i "s|^listen = .*|listen = \"$relay\"|" "$demo/relay/relay.toml"
"$bin/relay-server" run --config "$demo/relay/relay.toml" >"$demo/relay.log" 2>&1 &
pids+=($!)
until_ok 20 "$bin/viewer" cameras "$relay"

echo "== The camera"
# The value of one key of the JSON on standard input.
field() { sed -n "s/.*\"$1\": *\"\([^\"]*\)\".*/\1/p"; }
invite=$("$bin/relay-server" camera invite front-door --config "$demo/relay/relay.toml" --json)
"$bin/camera-agent" enroll --relay "$relay" --dir "$demo/agent" --ca "$(field root <<<"$invite")" --token "$(field token <<<"$invite")"

# The owner's identity, under a password made for this demo.
(umask 077; head -c 18 /dev/urandom | base64 >"$demo/owner.password")
key=$("$bin/viewer" keygen "$demo/owner.identity" --password-file "$demo/owner.password" --json | field key)
"$bin/camera-agent" viewers add owner --key "$key" --owner --dir "$demo/agent"

sed 's|^dir = .*|dir = "agent"|' config/agent.toml >"$demo/agent.toml"
"$bin/camera-agent" run --config "$demo/agent.toml" >"$demo/agent.log" 2>&1 &
pids+=($!)

echo; echo "== Two viewers"
camera=front-door@$relay
unlock=(--unlock --identity "$demo/owner.identity" --password-file "$demo/owner.password")
# While the detector starts, or the machine is too busy for it, whole frames are masked: wait for one where it kept up.
kept_up() { "$bin/viewer" snapshot "$@" --json | tee "$demo/snapshot.json" | grep -q '"fail_closed":false'; }
until_ok 90 kept_up "$camera" "$demo/masked.png"
verdict=$(field verdict <"$demo/snapshot.json")
until_ok 90 kept_up "$camera" "$demo/unlocked.png" "${unlock[@]}"
echo "Verdict: $verdict"

cat <<TEXT

Look at them:
  $demo/masked.png      what everybody sees
  $demo/unlocked.png    what the owner sees

Type next, in another terminal:
  export CELOSIA_HOME=$CELOSIA_HOME
  cd $PWD/target/debug
  ./viewer cameras $relay
  ./viewer watch $camera --frames 100
  ./viewer watch $camera --frames 20 --out $demo/pictures ${unlock[*]}
  ./viewer watch $camera --from -30s --json ${unlock[*]}
  ./relay-server camera list --config $demo/relay/relay.toml
  ./camera-agent viewers list --dir $demo/agent

The relay and the camera run until Ctrl-C. Their logs are in $demo.
TEXT
# In the background, so that a signal is answered at once.
while kill -0 "${pids[@]}" 2>/dev/null; do sleep 1 & wait $! || true; done
echo "A program ended by itself: see the logs in $demo." >&2
exit 70
