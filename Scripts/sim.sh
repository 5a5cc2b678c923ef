#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Plays the simulator's scenarios in release.
#   SEEDS=n     that many seeds of each scenario (20 when nothing is said)
#   SECONDS=n   seed after seed until so many seconds are over
#   SCENARIO=x  only that one;  SEED=n  only that seed, looked at closely
#   EACH=1      every operation towards a server fails in turn
#   CAPACITY=n  n simulated seconds of a large mesh, to see what a world costs
#   OPERATION=n that operation towards a server fails, counted from 0
#   PLANT=x     the driver makes a mistake on purpose, which a checker must find
#   TWICE=1     every play in two processes, which must agree in every digest
# bash counts SECONDS itself, so make hands what it was given over as SIM_SECONDS.
source "$(dirname "$0")/toolchain.sh"
require_swift || exit 1

swift build -c release --product scenarios 1>&2 || exit 1
player=$(swift build -c release --show-bin-path)/scenarios
wishes=("SECONDS=${SIM_SECONDS:-}" "SEEDS=${SEEDS:-}" "SCENARIO=${SCENARIO:-}" "SEED=${SEED:-}"
    "EACH=${EACH:-}" "CAPACITY=${CAPACITY:-}" "PLANT=${PLANT:-}"
    "OPERATION=${OPERATION:-}" "$@")

if [ -z "${TWICE:-}" ] || [ "$TWICE" = 0 ]; then
    exec "$player" "${wishes[@]}"
fi

if [ -n "${SIM_SECONDS:-}" ] || [ -n "${CAPACITY:-}" ]; then
    say "TWICE=1 compares plays one by one: say how many with SEEDS=n, not SECONDS or CAPACITY"
    exit 2
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for turn in first second; do
    # Sets and dictionaries are ordered differently in every process.
    "$player" DIGESTS=1 "${wishes[@]}" >"$folder/$turn" || exit 1
done
if diff "$folder/first" "$folder/second" >"$folder/difference"; then
    say "$(wc -l <"$folder/first") plays went the same way in two processes"
    tail -3 "$folder/first"
else
    say "two processes with the same seeds did not agree:"
    head -10 "$folder/difference" >&2
    exit 1
fi
