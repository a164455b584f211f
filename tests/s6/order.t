#!/bin/sh
# run: plain
# The service definitions and their bodies under Debian's s6 and execline, in
# the order s6-rc keeps: see tests/s6/runner.
. tests/lib.sh
. tests/s6/box.sh
. tests/s6/table.sh
. tests/fault/peer.sh
need sqlite3 curl
box_need
app=$BUILD/tests/app

for part in ${PARTS:-stop kill refused unreadable down off fence deleted restore statusd relative user secret}; do
	part_$part
done
# What no timing of a test tells from another: TERM before it is started.
mkdir -p "$T/run-told/s6" && : >"$T/run-told/s6/ls-told" && pwd >"$T/run-told/s6/workdir"
walship() { env RUNNER_RUN="$T/run-told" LS_RESTORE_FAILURE=stop LS_REPLICATION="$1" "$T/lib/walship" 3>&1; }
exits 'ls-walship is not started after a TERM' 143 walship on
exits 'nor said to be ready' 143 walship off
is 'in no way' "$out" ''
: >"$T/run-told/s6/ls-shipping"
exits 'unless it was ready before' 0 walship off

test -n "${PARTS:-}" || part_cycles "${CYCLES:-10}"
done_testing
