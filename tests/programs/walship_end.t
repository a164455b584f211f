#!/bin/bash
# How ls-walship begins and ends: readiness, signals, the program under it.
. tests/lib.sh
need sqlite3 perl
up() { rm -f "$LS_RUN_DIR/walship.sock"; start walship ls-walship "$@"
    wait_for 10 test -S "$LS_RUN_DIR/walship.sock"; }
mkdir "$T/d"
make_db "$T/d/a.db" 100
db=$T/d/a.db url=file://$T/replica
insert() { sql "$db" "INSERT INTO t(v) VALUES ('$1')"; }
restored() { rm -f "$T"/r.db*; ls-restore -o "$T/r.db" "$url" 2>"$T/restore.log" &&
    sql "$T/r.db" "SELECT count(*) FROM t WHERE v = '$1'"; }

# readiness
start walship sh -c "exec ls-walship -d 3 '$db' '$url' 3>'$T/ready'"
ok 'readiness is a newline' wait_for 10 sh -c \
    "test \"\$(od -An -tx1 '$T/ready')\" = ' 0a'"
stop walship
is 'TERM: 0' $status 0
LS_WAIT_READY=remote
export LS_WAIT_READY
insert remote
start walship sh -c "exec ls-walship -d 3 '$db' '$url' 3>'$T/ready2'"
wait_for 10 test -s "$T/ready2"
is 'LS_WAIT_READY=remote: shipped before' "$(restored remote)" 1
stop walship INT
is 'INT: 0' $status 0
unset LS_WAIT_READY

# the program under it
exits 'the exit code of the program passes through' 7 \
    ls-walship "$db" "$url" -x sh -c "exit 7"
exits 'also 0' 0 ls-walship "$db" "$url" -x true
exits 'also 255' 255 ls-walship "$db" "$url" -x sh -c "exit 255"
exits 'killed by a signal: 128 and its number' 137 \
    ls-walship "$db" "$url" -x sh -c 'kill -9 $$'
exits 'a program that is not there: 127' 127 \
    ls-walship "$db" "$url" -x "$T/none"
like 'and said' "$err" 'unable to run'
ok 'what it wrote last is shipped' ls-walship "$db" "$url" -x \
    sqlite3 "$db" "INSERT INTO t(v) VALUES ('last words')"
is 'all of it' "$(restored 'last words')" 1
up "$db" "$url" -x \
    sh -c 'trap "exit 5" TERM; trap "echo usr1 >&2" USR1; echo up >&2
	while :; do sleep 0.05; done'
wait_for 10 grep -q '^up' "$T/walship.log"
kill -USR1 $pid_walship
ok 'signals are passed on' wait_for 10 grep -q '^usr1' "$T/walship.log"
stop walship
is 'TERM ends the program, whose exit code it is' $status 5
up "$db" "$url" -x \
    sh -c 'trap "" TERM; echo deaf >&2; sleep 1.5; exit 3'
wait_for 10 grep -q '^deaf' "$T/walship.log"
stop walship
is 'a program that takes its time is waited for' $status 3
exits '-x without a program' 100 ls-walship "$db" "$url" -x

# once
insert once
exits 'once: ships and ends' 0 ls-walship --once "$db" "$url"
is 'all that is committed' "$(restored once)" 1

# a store that does not answer
dead=s3://b/p?endpoint=http://127.0.0.1:$(free_port)
AWS_ACCESS_KEY_ID=a AWS_SECRET_ACCESS_KEY=b
export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
cat >"$T/conf.yml" <<-END
	shutdown-sync-timeout: 2s
	dbs:
	  - path: $db
	    replicas:
	      - url: $dead
END
rm -rf "$T/d/.a.db-litestream"
up -c "$T/conf.yml"
ok 'dead store: said' wait_for 10 grep -q 'waiting for a replica' \
    "$T/walship.log"
t0=$(date +%s%N)
stop walship
is 'TERM with a dead store: 111' $status 111
t=$((($(date +%s%N) - t0) / 1000000))
ok "within its time-out ($t ms)" test $t -lt 4500
like 'and what was not shipped' "$(cat "$T/walship.log")" \
    'not everything was shipped.*a\.db'

# the same with local state, and a second TERM
ls-walship --once "$db" "$url"
insert spool
sed -i 's/timeout: 2s/timeout: 30s/' "$T/conf.yml"
up -c "$T/conf.yml"
wait_for 10 ls-sync --local -w 5s "$db"
ok 'local state: captured without any replica' \
    ls-sync --local -w 5s "$db"
nok 'and not shipped' ls-sync -w 1s "$db"
kill -TERM $pid_walship
sleep 0.05
kill -TERM $pid_walship # as timeout does, which also tells the group
sleep 0.5
ok 'one TERM tries on' alive walship
t0=$(date +%s%N)
stop walship
is 'a second TERM ends it' $status 111
t=$((($(date +%s%N) - t0) / 1000000))
ok "at once ($t ms)" test $t -lt 1000
ok 'the spool is shipped by the next life' ls-walship --once "$db" "$url"
is 'nothing lost' "$(restored spool)" 1

# a store that takes connections and says nothing
port=$(free_port)
start hang perl -MIO::Socket::INET -e 'my $s = IO::Socket::INET->new(
    LocalAddr => "127.0.0.1:$ARGV[0]", Listen => 20, ReuseAddr => 1);
    push @c, $s->accept while 1' "$port"
wait_for 10 listening "$port"
hang="s3://b/p?endpoint=http://127.0.0.1:$port&region=us-east-1"
cat >"$T/conf.yml" <<-END
	shutdown-sync-timeout: 2s
	dbs:
	  - path: $db
	    replicas:
	      - url: $url
	      - url: $hang
END
up -c "$T/conf.yml"
insert hang
t0=$(date +%s%N)
ok 'a store that hangs' ls-sync --any -w 20s "$db"
t=$((($(date +%s%N) - t0) / 1000000))
ok "delays no other ($t ms)" test $t -lt 4500
is 'which has it' "$(restored hang)" 1
t0=$(date +%s%N)
stop walship
is 'TERM then: 111' $status 111
t=$((($(date +%s%N) - t0) / 1000000))
ok "within its time-out ($t ms)" test $t -lt 4500

# what is made, or put in its place, just before the end: with --poll too,
# where nothing tells of it
for how in '' --poll; do
	new=$T/new$how
	mkdir "$new"
	ok "made just before the end (${how:-inotify}): all of it" ls-walship $how \
	    "$new/n.db" "file://$new/r" -x sqlite3 "$new/n.db" \
	    'PRAGMA journal_mode=wal; CREATE TABLE t(v); INSERT INTO t VALUES(7)'
	ok 'is shipped' ls-restore -q -o "$new/c.db" "file://$new/r"
	is 'with its rows' "$(sql "$new/c.db" 'SELECT v FROM t')" 7
	exits 'another one in its place: held' 102 ls-walship $how "$new/n.db" \
	    "file://$new/r" -x sh -c "sleep 0.2; rm '$new'/n.db*
	    sqlite3 '$new/n.db' 'PRAGMA journal_mode=wal; CREATE TABLE u(v)'"
	like 'and said' "$err" 'deleted or replaced while it was captured|held'
	unlike 'not taken for shipped' "$err" 'everything is shipped'
done

# the final capture fails
up "$db" "$url"
ls-sync -w 10s "$db"
mv "$T/d/.a.db-litestream/ltx/0" "$T/d/.a.db-litestream/ltx/away"
: >"$T/d/.a.db-litestream/ltx/0"
insert final
stop walship
is 'a final capture that fails: 111' $status 111
like 'and said' "$(cat "$T/walship.log")" 'not captured.*a\.db'
mv -f "$T/d/.a.db-litestream/ltx/away" "$T/away"
rm "$T/d/.a.db-litestream/ltx/0"
mv "$T/away" "$T/d/.a.db-litestream/ltx/0"
ok 'later it is captured' ls-walship --once "$db" "$url"
is 'and there' "$(restored final)" 1
done_testing
