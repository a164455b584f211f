#!/bin/bash
# run: plain
# One simulated month of a replica: see month.c. LS_SEED=N runs that one alone,
# LS_SOAK=1 many, and longer ones.
. tests/lib.sh
month=$BUILD/tests/month
test -x "$month" || bail "no $month"
seeds='1 2 3' commits=1000
if test "$LS_SOAK" = 1; then
	seeds=$(seq 4 40) commits=8000
fi
test -z "$LS_SEED" || seeds=$LS_SEED
for s in $seeds; do
	# in memory where there is some: thousands of files are synced
	d=$(mktemp -d /dev/shm/ls-month.XXXXXX 2>/dev/null) || d=$T/d$s
	mkdir -p "$d"
	ok "a month, seed $s" timeout 900 "$month" "$d" "$s" "$commits"
	diag "$tap_out"
	rm -rf "$d"
done
done_testing
