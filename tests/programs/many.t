#!/bin/bash
# Two hundred databases in one ls-walship: all are shipped, and at rest it does
# nothing; one transaction much larger than the memory it may use. The memory,
# and how many wake-ups, can only be told of the ordinary build; that nothing
# is lost or leaked, also of the one with the sanitizers.
# run: plain asan alone
. tests/lib.sh
need sqlite3
measure=yes
case $BUILD in */asan | */valgrind) measure= ;; esac
mkdir "$T/d" "$T/r"
make_db "$T/d/1.db" 20
for i in $(seq 2 200); do cp "$T/d/1.db" "$T/d/$i.db"; done
{
	echo dbs:
	for i in $(seq 200); do
		echo "  - path: $T/d/$i.db"
		echo "    replica: { url: \"file://$T/r/$i\" }"
	done
} >"$T/c.yml"
start walship ls-walship -c "$T/c.yml"
ok 'pain 1051: two hundred are attached and shipped' ls-sync -w 60s
for i in $(seq 200); do sql "$T/d/$i.db" "INSERT INTO t(v) VALUES('new $i')"; done
ok 'all of them again' ls-sync -w 60s
bad=
for i in $(seq 200); do
	ls-restore -q -o "$T/o.db" "file://$T/r/$i" &&
	    test "$(sql "$T/o.db" "SELECT count(*) FROM t WHERE v = 'new $i'")" = 1 ||
		bad="$bad $i"
	rm -f "$T"/o.db*
done
is 'each can be restored to the last commit' "$bad" ''

pid=$pid_walship
switches() { cat /proc/$pid/task/*/status |
	awk '/^voluntary_ctxt/ { n += $2 } END { print n }'; }
peak() { awk '/^VmHWM/ { print int($2 / 1024) }' /proc/$pid/status; }
if test -n "$measure"; then
	sleep 8 # what follows writing: checkpoints, connections closed
	before=$(switches); sleep 4
	test -n "$before" || bail "no switches counted"
	is 'pain 955: at rest nothing wakes up' "$(($(switches) - before))" 0
	m=$(peak)
	ok "in at most 32 MB ($m)" test "$m" -le 32
fi

# 150 MB in one transaction
sql "$T/d/1.db" "CREATE TABLE b(x); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL
    SELECT i + 1 FROM n WHERE i < 150) INSERT INTO b SELECT randomblob(1000000)
    FROM n"
ok 'one transaction of 150 MB' ls-sync -w 60s "$T/d/1.db"
m=$(peak)
test -z "$measure" || ok "pain 474: does not raise that ($m)" test "$m" -le 40
ls-restore -q -o "$T/o.db" "file://$T/r/1" & p=$!
m=0
while kill -0 $p 2>/dev/null; do
	n=$(awk '/^VmHWM/ { print int($2 / 1024) }' /proc/$p/status 2>/dev/null)
	test "${n:-0}" -le "$m" || m=$n
done
wait $p
test -z "$measure" ||
	ok "nor does its restore need it ($m)" test "$m" -gt 0 -a "$m" -le 40
ok 'and it is the same' pages_equal "$T/d/1.db" "$T/o.db"
stop walship
is 'ends well' $status 0
done_testing
