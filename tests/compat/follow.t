#!/bin/bash
# A standby of what real Litestream 0.5 ships and compacts, with short levels:
# we follow it, it goes on with ours, we with its; and a TXID inside what it
# has compacted.
# run: asan
. tests/lib.sh
need sqlite3 python3
need_peer litestream-0.5
lite() { env -u AWS_CA_BUNDLE "$PEERS/litestream-0.5" "$@"; }
db=$T/a.db sb=$T/s/s.db R=file://$T/r
mkdir "$T/s"
# Litestream starts slowly beside many others
every=1
case $BUILD in */asan) every=3 ;; esac
sqlite3 "$db" "PRAGMA journal_mode=wal; CREATE TABLE t(id INTEGER PRIMARY KEY,
    k INT, v TEXT); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1
    FROM n WHERE i < 200) INSERT INTO t SELECT i, 0, hex(randomblob(200))
    FROM n" >/dev/null
cat >"$T/lite.yml" <<-EOF
	levels: [{interval: 1s}, {interval: 2s}]
	snapshot: {interval: 3s, retention: 24h}
	l0-retention: 1s
	l0-retention-check-interval: 500ms
	dbs:
	  - path: $db
	    monitor-interval: 50ms
	    replica: { url: "$R", sync-interval: 50ms }
	EOF
start lite env -u AWS_CA_BUNDLE "$PEERS/litestream-0.5" replicate \
    -config "$T/lite.yml"
k=0
step() { k=$((k + 1)); sql "$db" "UPDATE t SET k = $k WHERE id % 3 = $((k % 3));
    UPDATE t SET k = $k; DELETE FROM t WHERE id = $k"
    sql "$db" "INSERT INTO t SELECT NULL, $k, hex(randomblob(300)) FROM t
	LIMIT $((k % 5))"; }
seen() { sqlite3 -cmd '.timeout 5000' "file:$sb?mode=ro" \
    'SELECT min(k), max(k), count(*) FROM t'; }
at() { test "$(seen)" = "$k|$k|$(sql "$db" 'SELECT count(*) FROM t')" &&
    test "$(sqlite3 "file:$sb?mode=ro" 'PRAGMA integrity_check')" = ok; }
steps() { for s in $(seq $1); do step; sleep 0.15; done; }
ours() { start ours ls-restore -f --follow-interval 50ms -o "$sb" "$R"; }
theirs() { start theirs env -u AWS_CA_BUNDLE "$PEERS/litestream-0.5" restore -f \
    -follow-interval 100ms -o "$sb" "$R"; }
# Litestream may begin late, and with all of them in one file.
four() { steps 1; test "$(ls "$T/r/ltx/0" 2>/dev/null | tail -n 1)" \> \
    0000000000000004; }
wait_for 10 four || bail "$(cat "$T/lite.log")"
ours
steps 15
ok 'we follow Litestream' wait_for 20 at
# away long enough that level 0 is gone
stop ours
is 'ended' $status 0
was=$(cat "$sb-txid")
steps 10
gone() { test "$(ls "$T/r/ltx/0" | head -n 1 | cut -c 1-16)" \> \
    "$(printf %016x $((16#$was + 1)))"; }
wait_for 20 gone || bail "level 0 stays: $(ls "$T/r/ltx/0")"
ours
ok 'pain 1460: we catch up through what it compacted' wait_for 20 at
stop ours
theirs
was=$(cat "$sb-txid")
steps 5
ok 'Litestream goes on with our standby' wait_for 20 at
stop theirs INT
if test "$(cat "$sb-txid")" \> "$was"; then pass 'it has moved on'
else fail 'it has moved on' "$(cat "$sb-txid" "$T/theirs.log")"; fi
ours
steps 5
ok 'and we with its' wait_for 20 at
like 'knowing whose it was' "$(cat "$T/ours.log")" 'standby of Litestream'
stop ours
rm -f "$sb" "$sb"-*
theirs
wait_for 20 test -s "$sb-txid" || bail "$(cat "$T/theirs.log")"
steps 2; sleep 1
stop theirs INT
cp -r "$T/s" "$T/of-theirs"
steps 3
ours
ok 'also with one it began' wait_for 20 at
stop ours
sleep 1.5
stop lite INT

# every TXID, also those inside compacted ranges
max=$(ls-list "$R" | awk -F '\t' 'NR > 1 { print $3 }' | sort | tail -n 1)
bad= n=0 no=0
for i in $(seq 1 $every $((16#$max))); do
	x=$(printf %016x $i) n=$((n + 1))
	rm -f "$T"/o.db* "$T"/l.db*
	a=0; ls-restore -q --txid $(printf %x $i) -o "$T/o.db" "$R" \
	    2>"$T/err" || a=$?
	b=0; lite restore -txid $x -o "$T/l.db" "$R" >"$T/lite.out" 2>&1 || b=$?
	if test $a = 0 && test $b = 0; then
		cmp "$T/o.db" "$T/l.db" >"$T/cmp" || bad="$bad $x:differs"
	elif test $a = 1 && test $b = 1; then
		no=$((no + 1))
		# both sides that are named can be restored
		for y in $(grep -o '[0-9a-f]\{16\}' "$T/err" | sed 1d); do
			ls-restore -q --txid $y -o - "$R" >"$T/near" ||
			    bad="$bad $x:near $y"
		done
	else bad="$bad $x:$a/$b"; fi
done
is "$n TXIDs: the same as Litestream, or both refuse ($no)" "$bad" ''
if test $no -gt 5; then pass 'some are inside compacted ranges'
else fail 'some are inside compacted ranges' $no; fi
# the same after a snapshot of ours, which level 0 ends with
ls-snapshot -r "$db" "$R" 2>"$T/log" || bail "$(cat "$T/log")"
rm -f "$T"/n.db*
exits 'after ls-snapshot' 0 ls-restore -q --txid "$max" -o "$T/n.db" "$R"
lite restore -txid "$max" -o "$T/l2.db" "$R" >"$T/lite.out" 2>&1
ok 'the same as Litestream' cmp "$T/n.db" "$T/l2.db"
exits 'a TXID past the newest' 1 ls-restore -q --txid ffff -o "$T/x.db" "$R"
# delta from standbys that Litestream has had
dump() { sqlite3 "$1" .dump | cksum; }
was=$(ls-list "$R" | grep -c "$(cat "$T/of-theirs/s.db-txid")	[0-9]*	")
exits 'delta from a standby of ours' 0 ls-restore -q --delta "$sb" \
    -o "$T/delta.db" "$R"
ls-restore -q -o "$T/last.db" "$R"
is 'is the latest' "$(dump "$T/delta.db")" "$(dump "$T/last.db")"
a=0; ls-restore -q --delta "$T/of-theirs/s.db" -o "$T/delta2.db" "$R" \
    2>"$T/err" || a=$?
if test $was = 0; then # nothing ends there any more
	is 'delta from one of theirs: cannot be checked' "$a" 102
	like 'is refused' "$(cat "$T/err")" 'cannot be checked'
else
	is 'delta from one of theirs' "$a" 0
	is 'is the latest, too' "$(dump "$T/delta2.db")" "$(dump "$T/last.db")"
fi
done_testing
