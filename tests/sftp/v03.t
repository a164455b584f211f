#!/bin/sh
# A replica in the layout of Litestream 0.3 on an SFTP server, whose listings
# tell no exact times.
. tests/lib.sh
. tests/sftp/sshd.sh
need sqlite3

sshd_make
sshd_start
HOME=$T/home LS_KEY_PATH=$SD/client
export HOME LS_KEY_PATH
mkdir "$HOME"
R=$T/there/replica
U=$(sshd_url "$R")
db=$T/a.db
make_db "$db" 500
printf 'dbs:\n  - path: %s\n    min-checkpoint-page-count: 20\n    replicas:
      - url: "%s"\n        format: v0.3\n        sync-interval: 10ms\n        key-path: %s\n' \
    "$db" "$U" "$SD/client" >"$T/c.yml"
writes() {
	for i in 1 2 3 4 5 6; do
		sql "$db" "UPDATE t SET v = hex(randomblob(48)) WHERE id % 9 = $i"
		ls-sync -w 20s "$db" >/dev/null
	done
}
restored() {
	rm -f "$T"/r.db*
	ok "$1: restored" ls-restore -q -o "$T/r.db" "$U"
	ok "$1: page by page" pages_equal "$db" "$T/r.db"
}
start walship ls-walship -c "$T/c.yml"
wait_for 10 test -S "$LS_RUN_DIR/walship.sock"
writes
restored shipped
stop walship
rm "$T/walship.log"
start walship ls-walship -c "$T/c.yml"
wait_for 10 grep -q ready "$T/walship.log"
writes
is 'one generation' "$(ls "$R/generations" | wc -l)" 1
restored 'next life'
ok 'a snapshot' ls-snapshot -r -c "$T/c.yml" "$db"
like 'nothing goes that is young' "$(ls-prune -n -c "$T/c.yml" "$db" |
    cut -f 1 | sort -u | tr '\n' ' ')" '^# [^ ]* action keep $'
find "$R" -type f | xargs touch -d '25 hours ago'
find "$R" -name '00000000*' | xargs touch -d '30 hours ago'
writes
ok 'retention' ls-prune -c "$T/c.yml" "$db"
is 'what is old went' "$(find "$R" -name '00000000*')" ''
restored pruned
if test -x "$PEERS/litestream-0.3"; then
	rm -f "$T"/r.db*
	printf 'dbs:\n  - path: %s\n    replicas:\n      - type: sftp
        host: 127.0.0.1:%s\n        user: %s\n        path: %s
        key-path: %s\n' "$db" "$SSHD_PORT" "$(id -un)" "$R" "$SD/client" \
	    >"$T/old.yml"
	ok '0.3 restores' "$PEERS/litestream-0.3" restore -config "$T/old.yml" \
	    -o "$T/r.db" "$db"
	ok '0.3: page by page' pages_equal "$db" "$T/r.db"
else
	skip '0.3 restores' "no litestream-0.3 in $PEERS"
	skip '0.3: page by page' "no litestream-0.3 in $PEERS"
fi
stop walship
done_testing
