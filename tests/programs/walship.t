#!/bin/bash
# ls-walship on file and S3 replicas: what is committed arrives, page by page.
. tests/lib.sh
need sqlite3
up() { rm -f "$LS_RUN_DIR/walship.sock"; start walship ls-walship "$@"
    wait_for 10 test -S "$LS_RUN_DIR/walship.sock"; }
shopt -s nullglob

rows() { sql "$1" "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL
    SELECT i + 1 FROM n WHERE i < $2) INSERT INTO t(v)
    SELECT hex(randomblob(48)) FROM n"; }

# ship_and_restore WHAT URL
ship_and_restore() {
	rm -rf "$T"/d "$T"/r.db*; mkdir "$T/d"
	make_db "$T/d/a.db" 1000
	up "$T/d/a.db" "$2"
	ok "$1: all of it is shipped" ls-sync -w 20s "$T/d/a.db" ||
	    cat "$T/walship.log"
	for i in 1 2 3 4 5; do rows "$T/d/a.db" 200; done
	sql "$T/d/a.db" 'DELETE FROM t WHERE id % 3 = 0'
	ok "$1: and what is written meanwhile" ls-sync -w 20s "$T/d/a.db"
	ok "$1: restored" ls-restore -o "$T/r.db" "$2"
	ok "$1: page by page" pages_equal "$T/d/a.db" "$T/r.db"
	rows "$T/d/a.db" 50
	sql "$T/d/a.db" VACUUM
	stop walship
	is "$1: TERM ends it with 0" $status 0
	rm -f "$T"/r.db*
	ls-restore -o "$T/r.db" "$2" 2>"$T/restore.log"
	ok "$1: the last commits were shipped at the end" \
	    pages_equal "$T/d/a.db" "$T/r.db"
	# and goes on where it was, without a second dump
	up "$T/d/a.db" "$2"
	ls-sync -w 20s "$T/d/a.db"
	rows "$T/d/a.db" 5
	ok "$1: a second life goes on" ls-sync -w 20s "$T/d/a.db"
	stop walship
	big=$(find "$T/d/.a.db-litestream/ltx/0" -newer "$T/r.db" -size +40k)
	is "$1: without another full dump" "$big" ''
	rm -f "$T"/r.db*
	ls-restore -o "$T/r.db" "$2" 2>"$T/restore.log"
	ok "$1: and with every page" pages_equal "$T/d/a.db" "$T/r.db"
}

levels() { # FOLDER: files of level 9
	ls "$1" 2>/dev/null | tr '\n' ' '
}

ship_and_restore file "file://$T/replica"
is 'file: the first dump is a level-9 file too' \
    "$(levels "$T/replica/ltx/9")" '0000000000000001-0000000000000001.ltx '
is 'file: which takes no second space' \
    "$(stat -c %h "$T/replica/ltx/9"/*1.ltx)" 2
if test -x "$PEERS/versitygw"; then
	s3_start
	ship_and_restore s3 "$(s3_url db)"
	is 's3: the first dump is a level-9 object too' \
	    "$(levels "$S3_DIR/mybkt/db/0009")" \
	    '0000000000000001-0000000000000001.ltx '
	s3_stop
else
	skip 's3' "no versitygw in $PEERS"
fi

# A database that is made later, and one that goes and comes.
mkdir "$T/l"
up "$T/l/a.db" "file://$T/late"
wait_for 10 grep -q waiting "$T/walship.log"
make_db "$T/l/a.db" 10
wait_for 10 test -e "$T/late/ltx/0/0000000000000001-0000000000000001.ltx"
ok 'a database made later is found' ls-sync -w 20s "$T/l/a.db"
ls-restore -o "$T/l/r.db" "file://$T/late" 2>"$T/restore.log"
ok 'and shipped' pages_equal "$T/l/a.db" "$T/l/r.db"
stop walship

# Also where its folder is made later.
start walship ls-walship "$T/n/m/a.db" "file://$T/later"
wait_for 10 grep -q 'unable to watch' "$T/walship.log"
mkdir -p "$T/n/m"
make_db "$T/n/m/a.db" 10
ok 'also in a folder made later' wait_for 10 test -e \
    "$T/later/ltx/0/0000000000000001-0000000000000001.ltx"
stop walship

# Local files are kept for the retention of level 0, the last one longer.
mkdir "$T/k"
make_db "$T/k/a.db" 10
printf 'l0-retention: 2s\ndbs:\n  - path: %s\n    replica: {path: %s}\n' \
    "$T/k/a.db" "$T/kr" >"$T/k.yml"
up -c "$T/k.yml"
for i in 1 2 3; do rows "$T/k/a.db" 2; ls-sync "$T/k/a.db"; done
end=$(ls "$T/kr/ltx/0" | tail -n 1)
ok 'local files are deleted when shipped and old, but for the last' \
    wait_for 10 sh -c "test \"\$(ls '$T/k/.a.db-litestream/ltx/0')\" = $end"
ok 'those of the replica are not' test "$(ls "$T/kr/ltx/0" | wc -l)" -gt 1
stop walship

# What cannot be done is said.
echo 'this is no database, and longer than a header of one hundred bytes; \
this is no database, and longer than a header of one hundred bytes' >"$T/no.db"
exits 'no database' 102 ls-walship "$T/no.db" "file://$T/no"
like 'is said' "$err" 'capture failed'
exits 'no replica is a mistake' 102 ls-walship "$T/d/a.db"
exits 'an unknown option is a usage error' 100 ls-walship --nonsense
done_testing
