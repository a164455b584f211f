#!/bin/bash
# Several replicas, dead ones, lost ones, and two writers on one.
. tests/lib.sh
need sqlite3
up() { rm -f "$LS_RUN_DIR/walship.sock"; start walship ls-walship "$@"
    wait_for 10 test -S "$LS_RUN_DIR/walship.sock"; }
mkdir "$T/d"
db=$T/d/a.db
make_db "$db" 100
insert() { sql "$db" "INSERT INTO t(v) VALUES ('$1')"; }
count() { rm -f "$T"/r.db*; ls-restore -o "$T/r.db" "$1" >/dev/null 2>&1 &&
    integrity "$T/r.db" && sql "$T/r.db" "SELECT count(*) FROM t WHERE v = '$2'"; }
name() { printf '%016x-%016x.ltx' $1 $1; }
state=$T/d/.a.db-litestream

# one of two is down
AWS_ACCESS_KEY_ID=minioadmin AWS_SECRET_ACCESS_KEY=minioadmin
export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
S3_PORT=$(free_port)
two="s3://mybkt/db?endpoint=http://127.0.0.1:$S3_PORT&region=us-east-1"
up "$db" "file://$T/one" "$two"
ok 'one of two replicas is enough to start' ls-sync --any -w 20s "$db"
insert first
t0=$(date +%s%N)
ok 'and to ship to' ls-sync --any -w 20s "$db"
t=$((($(date +%s%N) - t0) / 1000000))
ok "without delay ($t ms)" test $t -lt 2000
is 'it is there' "$(count "file://$T/one" first)" 1
nok 'the other one is not' ls-sync -w 1s "$db"
ok 'which is soon known as not healthy' \
    wait_for 15 sh -c '! ls-status -q && ls-status | grep -q failing'
like 'and named' "$(ls-status 2>&1)" "failing.*127\.0\.0\.1:$S3_PORT"
if test -x "$PEERS/versitygw"; then
	s3_start
	ok 'when it is back it catches up' ls-sync -w 60s "$db"
	is 'wholly' "$(count "$two" first)" 1
	ok 'and all is well' wait_for 5 ls-status -q
	like 'said' "$(cat "$T/walship.log")" 'shipping recovered'
else
	skip 'recovery' "no versitygw in $PEERS"
fi
stop walship
rm -rf "$state" "$T/one" "$T/s3/mybkt/db"

# local files that are missing
url=file://$T/one
up "$db" "$url"
ls-sync -w 20s "$db"
for i in 2 3 4; do insert $i; ls-sync -w 20s "$db"; done
stop walship
mv "$T/one" "$T/one.away"
insert 5
up "$db" "file://$T/two"
ls-sync -w 20s "$db"
ok 'local files from the beginning make a second replica whole' \
    test "$(count "file://$T/two" 5)" = 1
stop walship
mv "$T/one.away" "$T/one"
rm "$state/ltx/0/$(name 5)"
insert 6
up "$db" "$url"
ok 'a missing local file is healed by a full dump' ls-sync -w 20s "$db"
is 'nothing is lost' "$(count "$url" 6)" 1
like 'it is said' "$(cat "$T/walship.log")" 'full copy'
stop walship

# a replica that was emptied, or set back
rm -rf "$T/one"
rm -f "$state/ltx/0/$(name 1)" "$state/ltx/0/$(name 2)"
up "$db" "$url"
ok 'an emptied replica is healed' ls-sync -w 20s "$db"
is 'wholly' "$(count "$url" 6)" 1
insert 7
ls-sync -w 20s "$db"
stop walship
last=$(ls "$T/one/ltx/0" | tail -n 1)
rm "$T/one/ltx/0/$last"
insert 8
up "$db" "$url"
ok 'one that was set back is healed' ls-sync -w 20s "$db"
is 'wholly' "$(count "$url" 8)" 1
stop walship

# a state folder that is gone: the replica is ahead
rm -rf "$state"
insert 9
up "$db" "$url"
ok 'lost local state: goes on from the replica' ls-sync -w 20s "$db"
is 'wholly' "$(count "$url" 9)" 1
stop walship

# a machine that forgets: database and state folder of some time ago
up "$db" "$url"
insert 10
ls-sync -w 20s "$db"
stop walship KILL
cp -a "$T/d" "$T/d.old"
up "$db" "$url"
insert forgotten
ls-sync -w 20s "$db"
insert forgotten
ls-sync -w 20s "$db"
stop walship KILL
rm -rf "$T/d"
mv "$T/d.old" "$T/d"
insert 11
up "$db" "$url"
ok 'set back by a machine that forgets: goes on' ls-sync -w 20s "$db"
insert 12
ls-sync -w 20s "$db"
is 'with what the machine has' \
    "$(count "$url" 11) $(count "$url" 12) $(count "$url" forgotten)" '1 1 0'
ok 'page by page' pages_equal "$db" "$T/r.db"
stop walship

# two writers
two_writers() { # WHAT URL
	rm -rf "$T/e" "$T/f"; mkdir "$T/e" "$T/f"
	make_db "$T/e/a.db" 100
	LS_RUN_DIR=$T/e start w1 ls-walship "$T/e/a.db" "$2"
	wait_for 10 test -S "$T/e/walship.sock"
	LS_RUN_DIR=$T/e ls-sync -w 20s
	cp "$T/e/a.db" "$T/f/a.db"
	LS_RUN_DIR=$T/f start w2 ls-walship "$T/f/a.db" "$2"
	wait_for 10 test -S "$T/f/walship.sock"
	LS_RUN_DIR=$T/f ls-sync -w 20s
	sql "$T/e/a.db" "INSERT INTO t(v) VALUES ('e')"
	ok "$1: the writer whose number was taken ends" wait_for 20 \
	    sh -c "! kill -0 $pid_w1"
	ended w1
	is "$1: with 102" $status 102
	like "$1: and says why" "$(cat "$T/w1.log")" 'another writer'
	sql "$T/f/a.db" "INSERT INTO t(v) VALUES ('f')"
	LS_RUN_DIR=$T/f ok "$1: the other goes on" ls-sync -w 20s
	stop w2
	is "$1: to its end" $status 0
	is "$1: its data is what the replica has" \
	    "$(count "$2" f) $(count "$2" e)" '1 0'
}
two_writers file "file://$T/fence"
if test -x "$PEERS/versitygw"; then
	two_writers s3 "$(s3_url fence)"
	s3_stop
else
	skip 's3: two writers' "no versitygw in $PEERS"
fi

# credentials that are refused at the start
if test -x "$PEERS/versitygw"; then
	s3_start
	rm -rf "$state"
	AWS_SECRET_ACCESS_KEY=wrong exits 'refused credentials end it' 102 \
	    timeout 20 ls-walship "$db" "$(s3_url denied)"
	s3_stop
else
	skip 'refused credentials' "no versitygw in $PEERS"
fi

# held: another database in the place of the shipped one
rm -rf "$state" "$T/one"
up "$db" "$url"
ls-sync -w 20s "$db"
stop walship
cp "$db" "$T/kept.db"
rm -f "$db" "$db-wal" "$db-shm"
make_db "$db" 3
: >"$T/walship.log"
exits 'another database in its place is held' 102 \
    timeout 20 ls-walship "$db" "$url"
like 'with the way out' "$err" 'accept-replacement'
is 'the replica is as it was' "$(count "$url" x; sql "$T/r.db" \
    'SELECT count(*) FROM t')" "0
$(sql "$T/kept.db" 'SELECT count(*) FROM t')"
exits 'accepted, it is shipped' 0 \
    ls-walship --once --accept-replacement "$db" "$url"
is 'wholly' "$(count "$url" x; sql "$T/r.db" 'SELECT count(*) FROM t')" "0
3"
done_testing
