#!/bin/bash
# ls-verify against a live database: under load, with VACUUM, all page sizes,
# with and without ls-walship; freshness; the row of litestream-ruby.
. tests/lib.sh
need sqlite3 python3
db=$T/a.db url=file://$T/r
up() { rm -f "$LS_RUN_DIR/walship.sock"; start walship ls-walship "$@"
    wait_for 10 test -S "$LS_RUN_DIR/walship.sock"; }
equals='equals the live database page by page|"ok":true,.*"compared":true'
# compared NAME [OPTION...]: proven equal
compared() {
	n=$1; shift
	exits "$n" 0 ls-verify -w 20s "$@" "$db" "$url"
	like 'it is compared' "$out" "$equals"
}

# An application that commits as fast as it can, in transactions of all sizes,
# makes tables, shrinks and grows the file.
cat >"$T/app.py" <<'E2'
import os, random, sqlite3, sys, time
db = sqlite3.connect(sys.argv[1], timeout=20, isolation_level=None)
end = time.time() + float(sys.argv[2])
random.seed(7)
n = 0
while time.time() < end:
    n += 1
    db.execute("BEGIN")
    for i in range(random.choice((1, 1, 1, 20, 200))):
        db.execute("INSERT OR REPLACE INTO t VALUES (?, ?)",
            (random.randrange(3000), os.urandom(random.randrange(300)).hex()))
    if n % 20 == 0:
        db.execute("DELETE FROM t WHERE id % 7 = ?", (n // 20 % 7,))
    db.execute("COMMIT")
    if n % 50 == 0:
        db.execute("CREATE TABLE IF NOT EXISTS n%d(x)" % (n // 50 % 5))
    if n % 120 == 0:
        db.execute("VACUUM")
    if n % 70 == 0:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
E2

for size in 512 4096 65536; do
	rm -rf "$T/r" "$T"/a.db* "$T/.a.db-litestream"
	make_db "$db" 1000 $size
	up "$db" "$url"
	ls-sync -w 20s "$db"
	compared "pages of $size bytes, at rest"
	start app python3 "$T/app.py" "$db" 6
	for i in 1 2 3; do
		sleep 0.5
		compared "under load, $i" -j
	done
	alive app || fail 'the application was at it'
	ended app
	is 'the application noticed nothing' "$status$(cat "$T/app.log")" 0
	sql "$db" VACUUM
	compared 'after VACUUM' --integrity-check full
	sql "$db" 'PRAGMA wal_checkpoint(TRUNCATE)' >"$T/checkpoint"
	compared 'with an empty WAL'
	stop walship
done

# While ls-tend compacts and deletes as fast as it can, it proves as well.
cat >"$T/c.yml" <<E2
levels: [{ interval: 1s }, { interval: 3s }]
l0-retention: 1s
l0-retention-check-interval: 1s
snapshot: { interval: 4s, retention: 6s }
verify: { interval: 3s }
dbs: [{ path: $db, replica: { url: "$url" } }]
E2
up -c "$T/c.yml"
start tend ls-tend -c "$T/c.yml"
start app python3 "$T/app.py" "$db" 9
bad=
while alive app; do
	ls-verify -c "$T/c.yml" -w 20s "$db" >"$T/o" 2>&1 || bad=$bad$(cat "$T/o")
	grep -Eq "$equals" "$T/o" || bad=$bad$(cat "$T/o")
	sleep 0.2
done
ended app
is 'compared whatever is compacted and deleted meanwhile' "$bad" ''
ok 'ls-tend has it proven' wait_for 10 grep -q 'proven restorable' "$T/tend.log"
unlike 'and nothing else' "$(cat "$T/tend.log")" 'not proven'
stop tend
stop walship

# Freshness: position against position. A replica that cannot be written to.
up "$db" "$url"
ls-sync -w 20s "$db"
exits 'fresh' 0 ls-verify -f --max-lag 1s "$db" "$url"
like 'it says so' "$out" 'ok; fresh: the replica has TXID ([0-9a-f]{16}), the database'
unlike 'and has read nothing' "$out" 'bytes'
mv "$T/r/ltx/0" "$T/r/ltx/away"
echo >"$T/r/ltx/0"
sql "$db" "INSERT INTO t(v) VALUES ('late')"
txid=$(ls-sync --local -v "$db" | sed 's/.*txid":"\([^"]*\).*/\1/')
sleep 1.2
rm "$T/r/ltx/0"; mkdir "$T/r/ltx/0"; mv "$T/r/ltx/away"/* "$T/r/ltx/0"
chmod a-w "$T/r/ltx/0"; mv "$T/r" "$T/r2"; echo >"$T/r"
exits 'stale' 1 ls-verify -f --max-lag 1s "$db" "file://$T/r2"
like 'it says for how long' "$out" "not ok; stale: the replica has TXID [0-9a-f]*, the database $txid, for [1-9][0-9]{3} ms"
exits 'less strict' 0 ls-verify -f --max-lag 1h "$db" "file://$T/r2"
like 'behind' "$out" 'ok; behind: the replica'
exits 'nothing is proven of a replica that is behind' 1 ls-verify -w 500ms \
    --proof "$db" "file://$T/r2"
like 'it says why' "$out" "\"ok\":false,.*\"error\":\"the replica: it ends at TXID [0-9a-f]*, the database at $txid"
is 'nothing was written into the database' \
    "$(sql "$db" "SELECT count(*) FROM sqlite_schema WHERE name LIKE '%litestream%'")" 0
rm "$T/r"; mv "$T/r2" "$T/r"; chmod u+w "$T/r/ltx/0"
ok 'it catches up' ls-sync -w 30s "$db"

# The row
exits 'a row comes back' 0 ls-verify --row "$db" "$url"
like 'it says so' "$out" 'ok; .*; the new row came back'
is 'the table is there' "$(sql "$db" 'PRAGMA table_info(_litestream_verification)' | cut -d '|' -f 2,3,6 | tr '\n' ' ')" 'id|INTEGER|1 uuid|BLOB|0 '
is 'the row is gone' "$(sql "$db" 'SELECT count(*) FROM _litestream_verification')" 0
cp -a "$T/r" "$T/dead"
exits 'and one that does not' 1 ls-verify --row -w 200ms "$db" "file://$T/dead"
like 'is told' "$out" 'dead: the restored database: the row is not in the restored database'
is 'that row is gone too' "$(sql "$db" 'SELECT count(*) FROM _litestream_verification')" 0
printf '%s\n' dbs: "  - { path: $db, replica: { url: '$url' } }" \
    "  - { path: $T/none.db, replica: { url: 'file://$T/none' } }" >"$T/c.yml"
mkdir "$T/tmp"
TMPDIR=$T/tmp exits 'every database of the configuration' 1 \
    ls-verify --row -c "$T/c.yml"
like 'the one' "$out" 'ok; .*; the new row came back'
like 'and the other' "$err" 'none.db'
is 'no copy is left' "$(ls "$T/tmp")" ''

# Without ls-walship
start app sqlite3 -cmd '.timeout 10000' "$db" \
    "SELECT count(*) FROM t; WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL
    SELECT i + 1 FROM n WHERE i < 1000000000) SELECT max(i) FROM n"
wait_for 10 test -s "$T/app.log"
sql "$db" "INSERT INTO t(v) VALUES ('last')"
ls-sync -w 20s "$db"
stop walship
compared 'ended, the application goes on'
sql "$db" "INSERT INTO t(v) VALUES ('later')"
exits 'a commit later' 0 ls-verify -w 500ms "$db" "$url"
like 'is not compared' "$out" 'ok; .* is complete; not compared with the live database: there are commits that nobody has captured'
exits 'which proves nothing' 111 ls-verify -w 500ms --proof "$db" "$url"
exits 'and is stale in time' 1 ls-verify -w 500ms -f --max-lag 100ms "$db" "$url"
stop app KILL
rm -f "$T/app.log"
up "$db" "$url"
ls-sync -w 20s "$db"
stop walship
nok 'a clean end takes the -wal away' test -e "$db-wal"
compared 'nobody has it open'
nok 'and nobody is made to' test -e "$db-wal" -o -e "$db-shm"
sql "$db" "INSERT INTO t(v) VALUES ('much later')"
exits 'written to since' 0 ls-verify -w 500ms "$db" "$url"
like 'it is not compared' "$out" 'the database was written to after replication ended'
rm -f "$T/c.db"
ls-restore -q -o "$T/c.db" "$url"
exits 'a restored one' 0 ls-verify "$T/c.db" "$url"
like 'is compared' "$out" "$equals"
mv "$db" "$T/gone.db"
exits 'no database' 0 ls-verify "$db" "$url"
like 'is not compared' "$out" 'not compared with the live database: there is no live database'
done_testing
