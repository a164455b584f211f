#!/bin/bash
# Litestream 0.5 and ls-walship take over from each other in place: same
# state folder, same replica, no new full dump (but for the one Litestream's
# own tables cost the first time).
. tests/lib.sh
need sqlite3
need_peer litestream-0.5 ltx
up() { rm -f "$LS_RUN_DIR/walship.sock"; start walship ls-walship "$@"
    wait_for 10 test -S "$LS_RUN_DIR/walship.sock"; }

rows() { sql "$1" "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL
    SELECT i + 1 FROM n WHERE i < $2) INSERT INTO t(v)
    SELECT hex(randomblob(48)) FROM n"; }
last() { find "$1" -name '*.ltx' -path '*[/0]0/*' 2>/dev/null | sed 's|.*/||' | sort |
    tail -n 1; }
dumps() { # FOLDER: level-0 files as large as the database
	find "$1" -name '*.ltx' -path '*[/0]0/*' -size +60k | wc -l; }
has() { test "$(last "$1")" = "$2"; }

ours() {
	up "$db" "$url"
	ls-sync -w 20s "$db"
	rows "$db" 20
	ls-sync -w 20s "$db"
	rows "$db" 5
	stop walship
}
theirs() {
	start litestream "$PEERS/litestream-0.5" replicate "$db" "$url"
	# it attaches within a monitor interval; a write before that, by an
	# application that comes and goes, would take the WAL away
	sleep 2.5
	n=$(last "$1" 2>/dev/null)
	rows "$db" 20
	wait_for 10 sh -c "test \"\$(find '$1' -name '*.ltx' 2>/dev/null \
	    -path '*[/0]0/*' | sed 's|.*/||' | sort | tail -n 1)\" != '$n'"
	sleep 1.5
	rows "$db" 5
	stop litestream
}
# An application that keeps the database open; without one the last to close
# removes the WAL, and by that alone Litestream goes on.
app() {
	rm -f "$T/app"; mkfifo "$T/app"
	start app sh -c 'exec sqlite3 "$1" <"$2"' - "$db" "$T/app"
	exec 7>"$T/app"
	echo "SELECT 'open', COUNT(*) FROM t;" >&7
	wait_for 10 grep -q open "$T/app.log"
}
app_ends() { exec 7>&-; ended app; rm -f "$T/app.log"; }
same() {
	rm -f "$T"/r.db*
	ok "$1: ls-restore" ls-restore -o "$T/r.db" "$url"
	ok "$1: page by page" pages_equal "$db" "$T/r.db"
	rm -f "$T"/r.db*
	ok "$1: Litestream restores" "$PEERS/litestream-0.5" restore \
	    -o "$T/r.db" "$url"
	ok "$1: page by page" pages_equal "$db" "$T/r.db"
}

try() { # WHAT URL FOLDER
	rm -rf "$T/d"; mkdir "$T/d"
	db=$T/d/a.db url=$2
	make_db "$db" 2000
	app
	theirs "$3"
	full=$(dumps "$3")
	ours
	is "$1, from Litestream: no new dump" "$(dumps "$3")" "$full"
	same "$1, from Litestream"
	theirs "$3"
	is "$1, back to Litestream: no new dump" "$(dumps "$3")" "$full"
	same "$1, back to Litestream"
	ours
	is "$1, and again: no new dump" "$(dumps "$3")" "$full"
	same "$1, and again"
	app_ends
	theirs "$3"
	ok "$1, without the application: one dump at most" \
	    test "$(dumps "$3")" -le $((full + 1))
	same "$1, without the application"
	rm -rf "$3" "$T/d"; mkdir "$T/d"
	make_db "$db" 2000
	ours
	full=$(dumps "$3")
	theirs "$3"
	# It makes its tables in the database; that first write restarts the
	# WAL, which ls-walship left fully checkpointed, and Litestream does
	# not follow a restart that happened before it looked.
	ok "$1, from ls-walship: one dump at most" \
	    test "$(dumps "$3")" -le $((full + 1))
	same "$1, from ls-walship"
}

try file "file://$T/f" "$T/f"
if test -x "$PEERS/versitygw"; then
	s3_start
	try s3 "$(s3_url a/b)" "$S3_DIR/mybkt/a/b"
	s3_stop
else
	skip s3 "no versitygw in $PEERS"
fi
done_testing
