#!/bin/bash
# What cannot be shipped and what only cannot be now: exit codes, readiness,
# and that each is said once.
. tests/lib.sh
need sqlite3
mkdir "$T/d"
AWS_ACCESS_KEY_ID=a AWS_SECRET_ACCESS_KEY=b
export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
dead="s3://b/p?endpoint=http://127.0.0.1:$(free_port)&region=us-east-1"
once() { timeout 60 ls-walship --once "$@"; }
lines() { grep -cE "db=$1( |\$)" <<<"$err"; }
# conf DB URL...: a configuration of several
conf() {
	printf 'shutdown-sync-timeout: 5s\ndbs:\n'
	while test $# -gt 0; do
		printf '  - path: %s\n    replica: {url: "%s"}\n' "$1" "$2"
		shift 2
	done
}
# bad WHAT CODE DB TEXT: the only database; soon, in one line
bad() {
	local t0=$(date +%s%N)
	exits "$1" "$2" once "$3" "file://$T/r-$1"
	t=$((($(date +%s%N) - t0) / 1000000))
	ok "$1: at once ($t ms)" test $t -lt 3000
	like "$1: says why" "$err" "$4"
	is "$1: in one line" "$(lines "$3")" 1
}

# one database
head -c 8192 /dev/zero | tr '\0' x >"$T/d/text.db"
bad 'no database' 102 "$T/d/text.db" 'not a SQLite database'
head -c 8192 /dev/urandom >"$T/d/encrypted.db"
bad 'pain 777: encrypted' 102 "$T/d/encrypted.db" 'or an encrypted one; take it out'
bad 'absent' 1 "$T/d/absent.db" 'there is no database'
mkdir "$T/d/folder.db"
bad 'folder' 102 "$T/d/folder.db" 'not a file'
mkfifo "$T/d/pipe.db"
bad 'pipe' 102 "$T/d/pipe.db" 'not a file'
ln -s circle.db "$T/d/circle.db"
bad 'circle' 102 "$T/d/circle.db" 'symbolic links'
: >"$T/d/empty.db"
bad 'empty' 1 "$T/d/empty.db" 'empty'
make_db "$T/d/good.db" 10
exits 'good' 0 once "$T/d/good.db" "file://$T/good"
like 'good: said' "$err" 'everything is shipped'

make_db "$T/d/held.db" 10
once "$T/d/held.db" "file://$T/r-held" 2>/dev/null
rm "$T/d/held.db"*
make_db "$T/d/held.db" 5
bad held 102 "$T/d/held.db" 'held.*another file.*ls-restore.*accept-replacement'

make_db "$T/d/exclusive.db" 10
mkfifo "$T/fifo"
sqlite3 "$T/d/exclusive.db" <"$T/fifo" >"$T/sqlite.log" 2>&1 &
exec 7>"$T/fifo"
echo "PRAGMA locking_mode=exclusive; INSERT INTO t(v) VALUES (1);
    SELECT 'locked';" >&7
wait_for 10 grep -q locked "$T/sqlite.log"
bad exclusive 102 "$T/d/exclusive.db" 'exclusive locking mode'
exec 7>&-
wait $!

# what may pass: the whole state folder, a store
start walship ls-walship "$T/d/good.db" "file://$T/good"
wait_for 10 ls-sync -w 5s "$T/d/good.db"
mkdir "$T/run2"
LS_RUN_DIR=$T/run2 exits 'pain 422: in use by another process' 111 \
    once "$T/d/good.db" "file://$T/good"
stop walship
exits 'a dead store' 111 once "$T/d/good.db" "$dead"
like 'a dead store: said' "$err" 'not everything was shipped.*db=.*good.db'
exits 'absent, and a dead store' 1 once "$T/d/absent.db" "$dead"
for n in 10 11 12 13 14 15 16 17; do
	make_db "$T/d/few$n.db" 1
	(ulimit -n $n; once --run-dir '' "$T/d/few$n.db" "file://$T/few$n" \
	    2>"$T/few$n.log"; echo $? >"$T/few$n.code") &
	few="$few $!"
done
wait $few
is 'too few descriptors are never for good' \
    "$(cat "$T"/few*.code | grep -vx -e 0 -e 111)" ''

# several
conf "$T/d/good.db" "file://$T/good" "$T/d/absent.db" "file://$T/x" >"$T/c"
exits 'one good, one absent' 0 once -c "$T/c"
conf "$T/d/text.db" "file://$T/y" "$T/d/good.db" "file://$T/good" >"$T/c"
exits 'one good, one refused' 102 once -c "$T/c"
like 'the good one is shipped' "$err" "db=$T/d/good.db"
is 'the other told of in one line' "$(lines "$T/d/text.db")" 1
conf "$T/d/text.db" "file://$T/y" "$T/d/held.db" "file://$T/r-held" >"$T/c"
exits 'refused and held' 102 once -c "$T/c"
like 'and the end says so' "$err" 'no database can be replicated'
conf "$T/d/text.db" "file://$T/y" "$T/d/good.db" "$dead" >"$T/c"
exits 'refused, and a dead store' 111 once -c "$T/c"
conf "$T/d/absent.db" "file://$T/x" "$T/d/empty.db" "file://$T/y" >"$T/c"
exits 'none there' 1 once -c "$T/c"

# readiness
exits 'never ready without a database that can be' 102 \
    timeout 20 ls-walship -d 3 "$T/d/text.db" "file://$T/y" 3>"$T/ready" \
    -x touch "$T/ran"
is 'the descriptor says nothing' "$(cat "$T/ready")" ''
nok 'and the program is not run' test -e "$T/ran"
nok 'nor the log' grep -q msg=ready <<<"$err"
start later ls-walship "$T/d/absent.db" "file://$T/absent"
ok 'ready before the database is made' wait_for 10 \
    grep -q msg=ready "$T/later.log"
cp "$T/d/text.db" "$T/d/absent.db"
ok 'what is no database then is told' wait_for 10 \
    grep -q 'capture failed' "$T/later.log"
nok 'ls-sync does not wait for it' ls-sync -w 20s "$T/d/absent.db"
ok 'and ends nothing that was ready' alive later
rm "$T/d/absent.db"
make_db "$T/d/absent.db" 5
ok 'it can be mended' ls-sync -w 20s "$T/d/absent.db"
stop later
is 'and all is well' $status 0
conf "$T/d/text.db" "file://$T/y" "$T/d/good.db" "file://$T/good" >"$T/c"
start two ls-walship -c "$T/c"
ok 'ready with one of two' wait_for 10 grep -q msg=ready "$T/two.log"
ok 'which is shipped' ls-sync -w 20s "$T/d/good.db"
stop two
is 'the end tells of the other' $status 102
done_testing
