#!/bin/bash
# kill -9 at random instants: of the application, of ls-walship, of both.
# After each, everything acknowledged before is restored. LS_ROUNDS of them
# (100; LS_SOAK: 2000). LS_SEED repeats a run.
. tests/lib.sh
need sqlite3
rounds=${LS_ROUNDS:-100}
test -z "$LS_SOAK" || rounds=${LS_ROUNDS:-2000}
RANDOM=${LS_SEED:-$$}
plan 4
url=file://$T/replica
diag "LS_SEED=${LS_SEED:-$$}"

writer() { start writer "$BUILD/tests/writer" "$T/a.db" "$T/ack" 800; }
walship() { start walship ls-walship "$T/a.db" "$url"; }
acked() { od -An -td8 -w8 "$T/ack" 2>/dev/null | tail -n 1 | tr -d ' '; }
nap() { sleep "$(printf '0.%03d' $((RANDOM % 400 + 20)))"; }

check() { # after round $1, killed: $2
	n=$(acked)
	alive walship || walship
	wait_for 20 ls-sync -w 20s "$T/a.db" || {
		diag "round $1 ($2): no sync"
		ls-sync -w 20s "$T/a.db" 2>&1 | sed 's/^/# /'
		return 1
	}
	rm -f "$T"/r.db*
	ls-restore -o "$T/r.db" "$url" >"$T/restore.log" 2>&1 || {
		diag "round $1 ($2): $(cat "$T/restore.log")"
		return 1
	}
	why=$("$BUILD/tests/writer" check "$T/r.db" "${n:-0}" 2>&1) || {
		diag "round $1 ($2): acknowledged ${n:-0}, $why"
		return 1
	}
	integrity "$T/r.db" || {
		diag "round $1 ($2): $(sql "$T/r.db" 'PRAGMA integrity_check')"
		return 1
	}
}

go() { # WHAT ROUNDS
	bad=0
	rm -rf "$T"/a.db* "$T/.a.db-litestream" "$T/ack"
	writer
	walship
	wait_for 10 test -s "$T/ack"
	for ((i = 1; i <= $2; i++)); do
		nap
		case $((RANDOM % 3)) in
		0) who=writer; stop writer KILL ;;
		1) who=walship; stop walship KILL
		   test $((RANDOM % 2)) = 0 || nap ;;
		2) who=both
		   if test $((RANDOM % 2)) = 0; then
			stop writer KILL; stop walship KILL
		   else
			stop walship KILL; test $((RANDOM % 2)) = 0 || nap
			stop writer KILL
		   fi ;;
		esac
		check $i $who || { bad=1; break; }
		alive writer || writer
	done
	is "$1: $2 rounds of kill -9 lose nothing that was acknowledged" $bad 0
	test $bad = 0 || sed 's/^/# /' "$T/walship.log" | tail -n 40
	stop writer KILL
	stop walship
	rm -f "$T"/e.db*
	ls-restore -o "$T/e.db" "$url" 2>"$T/restore.log"
	ok "$1: at the end the replica equals the source, page by page" \
	    pages_equal "$T/a.db" "$T/e.db"
}

go file "$rounds"
if test -x "$PEERS/versitygw"; then
	s3_start
	url=$(s3_url kill)
	go s3 $((rounds / 5 + 1))
	s3_stop
else
	skip 's3: rounds' "no versitygw in $PEERS"
	skip 's3: at the end' "no versitygw in $PEERS"
fi
