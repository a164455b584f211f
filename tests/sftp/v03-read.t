#!/bin/bash
# A replica of Litestream 0.3 on an SFTP server, whose listings tell no times:
# they are asked for where they decide.
# run: asan
. tests/lib.sh
. tests/sftp/sshd.sh
need sqlite3
need_peer litestream-0.3
sshd_make
sshd_start
HOME=$T/home LS_KEY_PATH=$SD/client
export HOME LS_KEY_PATH
mkdir "$HOME" "$T/there" "$T/d"
R=$T/there/replica
U=$(sshd_url "$R")
db=$T/d/a.db
sqlite3 "$db" 'PRAGMA journal_mode=wal; CREATE TABLE t(id INTEGER PRIMARY KEY,
    v TEXT)' >/dev/null
cat >"$T/l.yml" <<END
dbs:
  - {path: $db, monitor-interval: 30ms, replicas: [{path: $R, sync-interval: 30ms}]}
END
life() { # WORD
	start lite "$PEERS/litestream-0.3" replicate -config "$T/l.yml"
	sleep 0.6
	for i in 1 2 3; do sql "$db" "INSERT INTO t(v) VALUES('$1')"; sleep 0.15; done
	sleep 0.8
	stop lite
}
life one
pages "$db" "$T/one.db"
sql "$db" "INSERT INTO t(v) VALUES('between'); PRAGMA wal_checkpoint(TRUNCATE)" >/dev/null
life two
pages "$db" "$T/two.db"

ls-list --v03 generations "file://$R" >"$T/file"
is 'two generations' "$(tail -n +2 "$T/file" | wc -l)" 2
# to the second, as the protocol tells it
is 'are listed with begin and end' "$(ls-list --v03 generations "$U" | sed 's/^sftp/file/; s/[.][0-9]*Z/Z/g')" \
    "$(sed 's/[.][0-9]*Z/Z/g' "$T/file")"
exits 'the latest' 0 ls-restore -q -o "$T/o.db" "$U"
ok 'is the database' cmp "$T/o.db" "$T/two.db"
end=$(tail -n +2 "$T/file" | sort -k3 | head -n 1 | cut -f 4)
exits 'as of the end of the first generation' 0 ls-restore -q -t "$end" -o "$T/t.db" "$U"
ok 'is the database then' cmp "$T/t.db" "$T/one.db"
is 'nothing was written' "$(find "$R" -type f | grep -vc /generations/)" 0
done_testing
