#!/bin/sh
# Replicas in the layout of Litestream 0.3, written by ours: real 0.3.13
# restores them, and 0.5, page by page, at every moment. Kills are to come in
# the middle of things, not of valgrind's start; tests/programs/v03-write.t has
# the sanitizers.
# run: plain
. tests/lib.sh
need sqlite3
need_peer litestream-0.3 litestream-0.5
old=$PEERS/litestream-0.3 new=$PEERS/litestream-0.5

# conf URL [LTX-URL]: with logs of 20 pages, so that there are many indexes.
pages=20
conf() {
	printf 'dbs:\n  - path: %s\n    min-checkpoint-page-count: %s\n' "$db" \
	    "$pages"
	printf '    replicas:\n      - name: old\n        format: v0.3\n'
	printf '        sync-interval: 10ms\n'
	printf '        url: "%s"\n' "$1"
	test -z "$2" || printf '      - name: new\n        url: "%s"\n' "$2"
}
up() {
	start walship ls-walship -c "$T/c.yml"
	wait_for 20 grep -qs level=info.*msg=ready "$T/walship.log" ||
	    diag "$(cat "$T/walship.log")"
}
down() { stop walship "$1"; cat "$T/walship.log" >>"$T/walship.all"; rm "$T/walship.log"; }
synced() { ls-sync -w 20s "$db" >/dev/null || diag "$(cat "$T/walship.log")"; }
writes() { # N: in a transaction each
	w=$1
	while test "$w" -gt 0; do
		w=$((w - 1))
		sql "$db" "UPDATE t SET v = hex(randomblob(48))
		    WHERE id % 40 = abs(random()) % 40;
		    INSERT INTO t(v) VALUES (hex(randomblob(40)))"
	done
}
# restores NAME: latest, by both. 0.3 has URLs of its own for S3.
restores() {
	rm -f "$T"/[ro].db*
	ok "$1: 0.3 restores" "$old" restore -o "$T/o.db" \
	    "${oldurl:-$url}"
	ok "$1: 0.3 page by page" pages_equal "$db" "$T/o.db"
	ok "$1: 0.5 restores" "$new" restore -o "$T/r.db" "$url"
	ok "$1: 0.5 page by page" pages_equal "$db" "$T/r.db"
	rm -f "$T"/r.db*
	ok "$1: ours" ls-restore -q -o "$T/r.db" "$url"
	ok "$1: ours page by page" pages_equal "$db" "$T/r.db"
}
count() { sql "$1" 'SELECT count(*) || " " || coalesce(sum(length(v)), 0) FROM t'; }

generations() {
	"$old" generations "${oldurl:-$url}" 2>/dev/null | tail -n +2 | wc -l
}

try() { # WHAT URL PAGE-SIZE AUTO-VACUUM
	url=$2
	rm -rf "$T/d"; mkdir "$T/d"
	db=$T/d/a.db
	sqlite3 "$db" "PRAGMA page_size=$3; PRAGMA auto_vacuum=$4; VACUUM"
	make_db "$db" 1000 "$3"
	conf "$url" >"$T/c.yml"
	up
	synced
	restores "$1, first"
	writes 12; synced
	restores "$1, segments"
	sql "$db" 'DELETE FROM t WHERE id > 200; VACUUM'
	synced
	restores "$1, VACUUM"
	writes 5
	down
	restores "$1, after the end"
	up
	writes 8; synced
	restores "$1, next life"
	ok "$1: a snapshot" ls-snapshot -r -c "$T/c.yml" "$db"
	is "$1: two snapshots" "$("$old" snapshots "${oldurl:-$url}" |
	    tail -n +2 | wc -l)" 2
	restores "$1, with a snapshot"
	writes 4; synced
	restores "$1, after a snapshot"
	# makes a snapshot, and the next time that is the one that is needed
	ok "$1: retention" ls-prune --retention 0s -c "$T/c.yml" "$db"
	restores "$1, pruned once"
	ok "$1: retention" ls-prune --retention 0s -c "$T/c.yml" "$db"
	is "$1: one snapshot" "$("$old" snapshots "${oldurl:-$url}" |
	    tail -n +2 | wc -l)" 1
	restores "$1, pruned"
	writes 4; synced
	restores "$1, after that"
	down KILL
	up
	synced
	restores "$1, killed"
	# put and not noted: as if killed in between
	p=$(echo "$T"/d/.a.db-litestream/v03-*)
	cp "$p" "$T/pos"
	sql "$db" "UPDATE t SET v = 'once' WHERE id % 40 = 3"; synced
	down
	cp "$T/pos" "$p"
	up
	writes 1; synced
	restores "$1, put twice"
	is "$1: one generation" "$(generations)" 1
	down KILL
	writes 8 # nobody holds its log now
	up
	synced
	restores "$1, not followed for a while"
	is "$1: two generations" "$(generations)" 2
	down
}
try 512 "file://$T/a" 512 0
try 'auto_vacuum, 1024' "file://$T/b" 1024 FULL
pages=4
try 65536 "file://$T/c" 65536 INCREMENTAL
pages=20
if test -x "$PEERS/versitygw"; then
	s3_start
	oldurl=s3://mybkt.localhost:$S3_PORT/x/y
	try s3 "$(s3_url x/y)" 4096 0
	oldurl=
else
	skip s3 "no versitygw in $PEERS"
fi

# What 0.3 says of it.
db=$T/d/e.db url=file://$T/e
make_db "$db" 1000
conf "$url" >"$T/c.yml"
up
for i in 1 2 3 4 5 6 7 8; do writes 3; synced; done
g=$(ls "$T/e/generations")
is 'snapshots' "$("$old" snapshots "file://$T/e" | awk '{ print $2, $3 }')" \
    "generation index
$g 0"
is 'segments' "$("$old" wal "file://$T/e" 2>/dev/null | tail -n +2 | wc -l)" \
    "$(ls "$T/e/generations/$g/wal" | wc -l)"
last=$(ls "$T/e/generations/$g/wal" | tail -n 1 | cut -c 1-8)
ok 'several indexes' test "$((0x$last))" -gt 3
# any index: what was then
for i in 0 2 "$last"; do
	rm -f "$T"/o.db*
	ok "index $i" "$old" restore -index "$(printf '%08x' "0x$i")" \
	    -o "$T/o.db" "file://$T/e"
	ok "index $i: whole" integrity "$T/o.db"
done
ok 'the last index: page by page' pages_equal "$db" "$T/o.db"
down

# a time: beside a replica of 0.5, with a cursor of its own
db=$T/d/t.db url=file://$T/t
make_db "$db" 300
conf "$url" "file://$T/t5" >"$T/c.yml"
up
writes 3; synced
sleep 1.1
then=$(date -u +%Y-%m-%dT%H:%M:%SZ) was=$(count "$db")
sleep 1.1
writes 3; synced
restores 'beside another'
rm -f "$T"/[ro].db*
ok 'a time' "$old" restore -timestamp "$then" -o "$T/o.db" "$url"
is 'a time: what was then' "$(count "$T/o.db")" "$was"
ok 'the one beside' "$new" restore -o "$T/r.db" "file://$T/t5"
ok 'the one beside: page by page' pages_equal "$db" "$T/r.db"
like 'ls-status has it' "$(ls-status)" " ok +0{14}0[1-9a-f] .*file://$T/t\$"
down

# Without its position it begins anew, and what was there stays.
rm "$T"/d/.t.db-litestream/v03-*
before=$(find "$T/t/generations" -type f | sort | xargs cksum)
up
writes 2; synced
restores 'no position'
like 'no position: said' "$(cat "$T/walship.log")" \
    'new generation.*no position of it is kept here'
is 'no position: nothing lost' "$(echo "$before" | while read -r s n f; do
    cksum "$f"; done)" "$before"
down
rm -r "$T/d/.t.db-litestream"
LS_ACCEPT_REPLACEMENT=1; export LS_ACCEPT_REPLACEMENT
up
unset LS_ACCEPT_REPLACEMENT
synced
restores 'no state at all'
is 'no state: three generations' "$(ls "$T/t/generations" | wc -l)" 3
down

# Killed at any instant, while it is written to. A connection keeps the log
# meanwhile; after a checkpoint it may begin anew all the same.
killed() { # NAME TIMES
	url=file://$T/$1 db=$T/d/$1.db
	make_db "$db" 500
	conf "$url" >"$T/c.yml"
	start writer sh -c 'i=0
	    { echo "PRAGMA wal_autocheckpoint = 0;"
	      while test ! -e "$2"; do i=$((i + 1))
	      echo "UPDATE t SET v = hex(randomblob(48)) WHERE id % 50 = $i % 50;"
	      sleep 0.01; done; } | sqlite3 -cmd ".timeout 10000" "$1"' \
	    sh "$db" "$T/halt"
	i=0
	while test $i -lt "$2"; do
		i=$((i + 1))
		up
		sleep "0.$(od -An -N1 -tu1 /dev/urandom |
		    awk '{ print $1 % 9 }')5"
		down KILL
		rm -f "$T"/o.db*
		"$old" restore -o "$T/o.db" "$url" >"$T/.out" 2>&1 &&
		    integrity "$T/o.db" || fail "$1, $i: restore" \
		    "$(cat "$T/.out")"
	done
	up
	>"$T/halt"
	ended writer
	rm "$T/halt"
	synced
	restores "$1"
	down
}
killed often 6
pages=1000
killed one_log 6
is 'killed: one generation' "$(ls "$T/one_log/generations" | wc -l)" 1
done_testing
