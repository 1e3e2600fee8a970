#!/usr/bin/env bash
# A relay, a camera with the built-in sample, and two viewers on this machine: one of the public, one who may unlock.
# Leaves nothing behind but the build and the folder ./demo (or $CELOSIA_DEMO), which it makes anew each time.
set -euo pipefail

# Relative to where it was called from, as everywhere.
demo=$(realpath -m -- "${CELOSIA_DEMO:-$(dirname "$0")/../demo}")
cd "$(dirname "$0")/.."
port=${CELOSIA_PORT:-7443}
relay=127.0.0.1:$port
pids=()

# The camera before the relay, so that the end of its session is still taken. A second signal to them would cut that short: none is sent.
stop() {
  local status=$?
  trap '' INT TERM HUP
  trap - EXIT
  local last
  for ((last = ${#pids[@]} - 1; last >= 0; last--)); do
    kill -TERM "${pids[last]}" 2>/dev/null || true
    wait "${pids[last]}" 2>/dev/null || true
  done
  exit "$status"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

fail() {
  local code=$1
  shift
  printf '%s\n' "$@" >&2
  exit "$code"
}

# Starts a program that writes the log file named first. In a session of its own, so that Ctrl-C reaches it through `stop` alone.
start() {
  local log=$1
  shift
  setsid "$@" >"$log" 2>&1 </dev/null &
  pids+=($!)
}

all_run() {
  local pid
  for pid in "${pids[@]}"; do kill -0 "$pid" 2>/dev/null || return 1; done
}

# Waits until the command succeeds, at most so many seconds, and no longer than the programs run.
until_ok() {
  local seconds=$1 end=$((SECONDS + $1))
  shift
  until "$@" >"$demo/try.log" 2>&1; do
    all_run || fail 69 "A program ended by itself. Its log is in $demo:" "$(tail -n 5 "$demo"/relay.log "$demo"/agent.log 2>/dev/null)"
    [ "$SECONDS" -lt "$end" ] || fail 69 "This did not succeed within $seconds seconds: $*" "$(cat "$demo/try.log")" "The logs are in $demo."
    sleep 0.25
  done
  rm -f "$demo/try.log"
}

# Words as they can be typed, whatever characters are in a path.
typed() { printf '%q ' "$@" | sed 's/ $//'; }

# The value of one key of the JSON on standard input.
field() { sed -n "s/.*\"$1\": *\"\([^\"]*\)\".*/\1/p"; }

scripts/build-packages.sh
echo "Building (some minutes the first time) …"
cargo build --workspace --all-targets --locked
bin=$(realpath -- "${CARGO_TARGET_DIR:-target}/debug")

# Whoever listens there would be taken for this demo's relay.
if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
  fail 69 "Port $port is in use, perhaps by another demo: stop it, or set CELOSIA_PORT to another port."
fi
if [ -e "$demo" ] && [ ! -e "$demo/.celosia-demo" ]; then
  fail 73 "$demo exists and was not made by this script: move it away, or set CELOSIA_DEMO to another folder."
fi
rm -rf -- "$demo"
mkdir -p -- "$demo"
touch "$demo/.celosia-demo"
export CELOSIA_HOME=$demo/viewer

echo; echo "== The relay"
"$bin/relay-server" init --name 127.0.0.1 --name localhost --dir "$demo/relay" --root-dir "$demo/root" >"$demo/init.log"
# The demo's viewer has a key and no account, so sealed layers go to whoever names a key.
sed -i -e "s|^listen = .*|listen = \"$relay\"|" -e 's|^sealed_access = .*|sealed_access = "anyone"|' "$demo/relay/relay.toml"
start "$demo/relay.log" "$bin/relay-server" run --config "$demo/relay/relay.toml"
until_ok 20 "$bin/viewer" cameras "$relay"
echo "runs on $relay"

echo; echo "== The camera"
invite=$("$bin/relay-server" camera invite front-door --config "$demo/relay/relay.toml" --json)
"$bin/camera-agent" enroll --relay "$relay" --dir "$demo/agent" \
  --ca "$(field root <<<"$invite")" --token "$(field token <<<"$invite")" >"$demo/enroll.log"

# The owner's identity, under a password made for this demo.
(umask 077; head -c 18 /dev/urandom | base64 >"$demo/owner.password")
key=$("$bin/viewer" keygen "$demo/owner.identity" --password-file "$demo/owner.password" --json | field key)
"$bin/camera-agent" viewers add owner --key "$key" --owner --dir "$demo/agent"

# Relay, camera and viewers share this machine's cores: pictures wait longer for the detector than beside a real camera.
sed 's|^dir = .*|dir = "agent"|; s|^look_ahead = .*|look_ahead = "500ms"|' config/agent.toml >"$demo/agent.toml"
start "$demo/agent.log" "$bin/camera-agent" run --config "$demo/agent.toml"

echo; echo "== Two viewers"
camera=front-door@$relay
unlock=(--unlock --identity "$demo/owner.identity" --password-file "$demo/owner.password")
# While the detector starts, or the machine is too busy for it, whole frames are masked: wait for one where it kept up.
kept_up() {
  "$bin/viewer" snapshot "$@" --wait 3 --json >"$demo/snapshot.json"
  grep -q '"fail_closed":false' "$demo/snapshot.json" || { echo "The whole picture is masked: the detector is not ready, or too slow here."; return 1; }
}
until_ok 90 kept_up "$camera" "$demo/masked.png"
echo "masked.png    verdict: $(field verdict <"$demo/snapshot.json")"
until_ok 90 kept_up "$camera" "$demo/unlocked.png" "${unlock[@]}"
echo "unlocked.png  verdict: $(field verdict <"$demo/snapshot.json")"

cat <<TEXT

Look at them:
  $demo/masked.png      what everybody sees
  $demo/unlocked.png    what the owner sees

Type next, in another terminal:
  export CELOSIA_HOME=$(typed "$CELOSIA_HOME")
  cd $(typed "$bin")
  ./viewer cameras $relay
  ./viewer watch $camera --window $(typed "${unlock[@]}")   # H tells its keys
  ./viewer watch $camera --frames 100
  ./viewer watch $camera --frames 20 $(typed --out "$demo/pictures" "${unlock[@]}")
  ./viewer watch $camera --from -30s --json $(typed "${unlock[@]}")
  ./relay-server camera list $(typed --config "$demo/relay/relay.toml")
  ./camera-agent viewers list $(typed --dir "$demo/agent")

Or open it in a browser:
  https://$relay/
The browser warns, because the certificate is this demo's own: accept it, or trust its root first ($demo/relay/pki/root.crt).

The relay and the camera run until Ctrl-C. Their logs are in $demo.
TEXT
# Stopping is the usual end from here on. A signal ends the wait at once.
trap 'exit 0' INT TERM HUP
wait -n "${pids[@]}" || true
fail 70 "A program ended by itself: see the logs in $demo."
