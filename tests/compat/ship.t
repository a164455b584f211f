#!/bin/bash
# Real Litestream 0.5 restores what ls-walship ships, and the reference
# library verifies every file.
. tests/lib.sh
need sqlite3
need_peer litestream-0.5 ltx
up() { rm -f "$LS_RUN_DIR/walship.sock"; start walship ls-walship "$@"
    wait_for 10 test -S "$LS_RUN_DIR/walship.sock"; }

writes() {
	sql "$1" "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL
	    SELECT i + 1 FROM n WHERE i < 300) INSERT INTO t(v)
	    SELECT hex(randomblob(48)) FROM n;"
	sql "$1" "UPDATE t SET v = 'u' || id WHERE id % 7 = 0"
	sql "$1" "DELETE FROM t WHERE id % 5 = 0"
}

verify_all() { # FOLDER
	find "$1" -name '*.ltx' | while read -r f; do
		"$PEERS/ltx" verify "$f" >/dev/null 2>&1 || echo "$f"
	done
}

try() { # WHAT URL LITESTREAM-URL FOLDER PAGE-SIZE [CONF-LINE]
	rm -rf "$T/d" "$T"/r.db*; mkdir "$T/d"
	db=$T/d/a.db
	make_db "$db" 2000 $5
	printf 'dbs:\n  - path: %s\n    replica:\n      url: "%s"\n%s\n' \
	    "$db" "$2" "$6" >"$T/c.yml"
	up -c "$T/c.yml"
	ls-sync -w 20s "$db" || sed 's/^/# /' "$T/walship.log"
	for i in 1 2 3; do writes "$db"; ls-sync -w 20s "$db"; done
	sql "$db" VACUUM
	writes "$db"
	ls-sync -w 20s "$db"
	ok "$1: Litestream restores it" "$PEERS/litestream-0.5" restore \
	    -o "$T/r.db" "$3"
	ok "$1: page by page" pages_equal "$db" "$T/r.db"
	ok "$1: integrity" integrity "$T/r.db"
	is "$1: rows" "$(sql "$T/r.db" 'SELECT count(*), sum(id) FROM t')" \
	    "$(sql "$db" 'SELECT count(*), sum(id) FROM t')"
	stop walship
	rm -f "$T"/r.db*
	ok "$1: also after the end" "$PEERS/litestream-0.5" restore \
	    -o "$T/r.db" "$3"
	is "$1: every file verifies" "$(verify_all "$4")" ''
	# after lost local state: a dump with a gap before it
	rm -rf "$T/d/.a.db-litestream" "$T"/r.db*
	find "$4" -name '*.ltx' -path "*[/0]0/*" | sort | tail -n 1 |
	    xargs rm -f
	writes "$db"
	# nothing is left that tells it from another database
	LS_ACCEPT_REPLACEMENT=1 up -c "$T/c.yml"
	ls-sync -w 20s "$db"
	stop walship
	ok "$1: Litestream restores after a lost state folder" \
	    "$PEERS/litestream-0.5" restore -o "$T/r.db" "$3"
	ok "$1: page by page" pages_equal "$db" "$T/r.db"
}

for ps in 512 4096 65536; do
	try "file, pages of $ps" "file://$T/f$ps" "file://$T/f$ps" \
	    "$T/f$ps" $ps
done
# a replica that comes later than local files are kept: a gap before a full
# dump, and its image as level 9
rm -rf "$T/d" "$T"/r.db*; mkdir "$T/d"
db=$T/d/a.db
make_db "$db" 2000
up "$db" "file://$T/early"
for i in 1 2 3; do writes "$db"; ls-sync -w 20s "$db"; done
stop walship
rm -f "$T/d/.a.db-litestream/ltx/0/0000000000000001-"* \
    "$T/d/.a.db-litestream/ltx/0/0000000000000002-"*
up "$db" "file://$T/early" "file://$T/later"
ls-sync -w 20s "$db"
writes "$db"
ls-sync -w 20s "$db"
stop walship
for r in early later; do
	rm -f "$T"/r.db*
	ok "gap, $r: Litestream restores" "$PEERS/litestream-0.5" restore \
	    -o "$T/r.db" "file://$T/$r"
	ok "gap, $r: page by page" pages_equal "$db" "$T/r.db"
	is "gap, $r: every file verifies" "$(verify_all "$T/$r")" ''
done
like 'gap: with an image of it' "$(ls "$T/later/ltx/9")" \
    '^0000000000000001-000000000000000[4-9].ltx'

# another page size: nothing can be merged over it
rm -rf "$T/d"; mkdir "$T/d"
db=$T/d/a.db
make_db "$db" 500
up "$db" "file://$T/size"
writes "$db"; ls-sync -w 20s "$db"
stop walship
sql "$db" 'PRAGMA journal_mode=delete; PRAGMA page_size=16384; VACUUM' \
    >/dev/null
up "$db" "file://$T/size"
ls-sync -w 20s "$db" # else the writes are part of the full dump
writes "$db"; ls-sync -w 20s "$db"
stop walship
ok 'page size: a snapshot can be made' ls-snapshot -r "file://$T/size"
for f in '' 'rm -r "$T/size/ltx/9/"*"-$(ls "$T/size/ltx/0" | tail -n 1 |
    cut -c 18-)"'; do
	eval "$f"
	rm -f "$T"/r.db*
	ok 'page size: Litestream restores' "$PEERS/litestream-0.5" restore \
	    -o "$T/r.db" "file://$T/size"
	ok 'page size: page by page' pages_equal "$db" "$T/r.db"
done

try 'file, page frames' "file://$T/fr" "file://$T/fr" "$T/fr" 4096 \
    '      ltx-encoding: frame'
if test -x "$PEERS/versitygw"; then
	s3_start
	try s3 "$(s3_url a/b)" "$(s3_url a/b)" "$S3_DIR/mybkt/a/b" 4096
	s3_stop
else
	skip s3 "no versitygw in $PEERS"
fi
done_testing
