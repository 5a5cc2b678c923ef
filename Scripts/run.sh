#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds the release binary, starts three simulated model servers and the gateway of
# Examples/quickstart, and ends all of them together.
source "$(dirname "$0")/toolchain.sh"

pinion=${PINION:-.build/release/pinion}
if [ -z "${PINION:-}" ]; then
    require_swift || exit 1
    build_release || exit 1
fi

# Children get process groups of their own: an interrupt from the terminal reaches this script
# only, and it says in which order they end.
set -m
servers=()
finish() {
    trap - EXIT
    # The shell would tell of each child that ended.
    { kill "${servers[@]}"; wait; } 2>/dev/null
}
trap finish EXIT

# Whether something listens on PORT.
listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# serve PORT MODEL: starts a simulated model server.
serve() {
    if listens "$1"; then
        say "port $1 is in use: end what listens there and try again"
        exit 1
    fi
    "$pinion" model-server --port "$1" --models "$2" --quiet &
    servers+=($!)
}

# Waits until the process PID listens on PORT, which takes it well under five seconds.
await() {
    local port=$1 pid=$2
    for _ in $(seq 100); do
        listens "$port" && return
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.05
    done
    say "the simulated model server on 127.0.0.1:$port did not start"
    exit 1
}

serve 9101 tiny-a
serve 9102 tiny-b
serve 9103 tiny-fallback
for index in 0 1 2; do
    await $((9101 + index)) "${servers[$index]}"
done

# In the background, so that a signal to this script reaches the gateway at once; the servers
# are ended only after it has drained.
"$pinion" up -f Examples/quickstart --hints "$@" &
gateway=$!
trap 'kill -TERM $gateway 2>/dev/null' INT TERM
while :; do
    wait $gateway
    status=$?
    kill -0 $gateway 2>/dev/null || break
done
# A wait that a signal ended says nothing about the gateway; its own exit status is asked again.
[ $status -le 128 ] || { wait $gateway 2>/dev/null; status=$?; }
[ $status -ne 127 ] || status=0
exit $status
