#!/bin/sh
# Copies that ls-verify restores to look at with SQLite: none is left, nor that
# of one that was killed.
# run: asan
. tests/lib.sh
need sqlite3 flock
make_db "$T/a.db" 50
ls-walship --once --run-dir '' "$T/a.db" "file://$T/r" 2>"$T/log" ||
    bail "$(cat "$T/log")"
mkdir -p "$T/tmp/ls-verify.killed" "$T/tmp/ls-verify.atwork" \
    "$T/tmp/ls-verify.recent" "$T/tmp/ls-verify.others1"
for d in killed atwork recent others1; do
	echo x >"$T/tmp/ls-verify.$d/restored.db"
	: >"$T/tmp/ls-verify.$d/lock"
	test $d = recent || touch -d '1 hour ago' "$T/tmp/ls-verify.$d"
done
start atwork flock "$T/tmp/ls-verify.atwork/lock" sleep 30
wait_for 10 sh -c '! flock -n "$1" true' - "$T/tmp/ls-verify.atwork/lock" ||
    bail 'no lock'
TMPDIR=$T/tmp
export TMPDIR
exits 'a copy is looked at' 0 ls-verify --integrity-check full "file://$T/r"
like 'and is good' "$out" "SQLite's check is ok"
is 'nothing of it is left, nor of one that was killed' \
    "$(ls "$T/tmp" | tr '\n' ' ')" \
    'ls-verify.atwork ls-verify.others1 ls-verify.recent '
stop atwork
done_testing
