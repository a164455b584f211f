#!/bin/bash
# Capture under hostile checkpointers, with writers that live and writers that
# are killed, and that the test can fail: a capture that holds no read
# transaction, and one that trusts the WAL file without its index, do not pass
# it. The application's own TRUNCATE goes on. kill -9 in a loop.
# LS_SECONDS of each run (60; LS_SOAK: 600), LS_ROUNDS of kills (100).
. tests/lib.sh
secs=${LS_SECONDS:-60}
test -z "$LS_SOAK" || secs=${LS_SECONDS:-600}
plan $((6 + ${LS_SOAK:-0}))

run() { # WHAT CMD...
	what=$1; shift
	"$@" >"$T/out" 2>&1
	r=$?
	test $r = 0 || sed 's/^/# /' "$T/out"
	grep '^# [0-9]' "$T/out"
	is "$what" $r 0
}

# A broken capture does not always meet the instant that shows it.
fails() { # WHAT CMD...
	what=$1; shift
	for _ in 1 2 3 4; do
		"$@" >"$T/out" 2>&1 || break
	done
	ok "$what" grep -Eq '^not ok [12] ' "$T/out"
}

make -s BUILD=build broken >"$T/make" 2>&1 || bail "make broken: $(tail -n 3 "$T/make")"
run "hostile checkpointers, $secs s" "$BUILD/tests/hostile" "$secs"
run "and writers killed, $secs s" "$BUILD/tests/hostile" "$secs" kill
fails 'holding nothing is told' "build/no-hop/tests/hostile" 10
fails 'scanning the WAL file alone is told' \
    "build/scan/tests/hostile" 10 kill
# The limit is for us: a disk that stalls for others takes as long alone.
for _ in 1 2 3; do
	"$BUILD/tests/truncate" 20 >"$T/out" 2>&1 && break
done
ok "TRUNCATE of the application's own within 0.2 s" \
    sh -c '! grep "^not ok" "$1"' - "$T/out"
grep '^# [0-9]' "$T/out"
run 'kill -9 of application, capture, both' "$BUILD/tests/kills" \
    "${LS_ROUNDS:-100}"
test -z "$LS_SOAK" || run 'across the lock page' "$BUILD/tests/lockpage"
