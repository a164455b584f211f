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
test -n "${PARTS:-}" || part_cycles "${CYCLES:-10}"
done_testing
