#!/bin/bash
# run: plain asan
# What ls-walship says is shipped: not after being stopped in the middle of a
# request while another writer went on, and not before a full dump after a gap
# has what it takes to be restored.
. tests/lib.sh
. tests/fault/peer.sh
need sqlite3
http_start
url() { echo "s3://b/$1?endpoint=$HTTP_ENDPOINT&region=us-east-1"; }
insert() { sql "$1" "INSERT INTO t(v) VALUES ('$2')"; }
name() { printf '%016x-%016x.ltx' "$1" "$1"; }

# --- stopped between two tries of a PUT, for longer than half of the retention
mkdir "$T/a" "$T/b"
make_db "$T/a/a.db" 100
cat >"$T/a/conf.yml" <<END
l0-retention: 6s
dbs:
  - path: $T/a/a.db
    replica: {url: "$(url two)"}
END
LS_RUN_DIR=$T/a start a ls-walship -c "$T/a/conf.yml"
LS_RUN_DIR=$T/a ok 'one writer' ls-sync -w 20s "$T/a/a.db"
insert "$T/a/a.db" first
LS_RUN_DIR=$T/a ok 'ships' ls-sync -w 20s "$T/a/a.db"
rules 'PUT 0000000000000003.ltx * status 503 SlowDown'
insert "$T/a/a.db" late
wait_for 10 grep -q '^< 503' "$HTTP_LOG" || bail 'no try'
kill -STOP "$pid_a"
rules
ls-restore -q -o "$T/b/a.db" "$(url two)" || bail 'no restore'
LS_RUN_DIR=$T/b start b ls-walship "$T/b/a.db" "$(url two)"
for i in 1 2; do
	insert "$T/b/a.db" "other$i"
	LS_RUN_DIR=$T/b ok "pain 224, 266: another writer goes on: $i" ls-sync -w 20s "$T/b/a.db"
done
stop b
# as level-0 retention leaves it: the number is free again
ctl del "two/0000/$(name 3)"
sleep 3.2 # more than half of the retention
kill -CONT "$pid_a"
LS_RUN_DIR=$T/a exits 'what the first had begun is not called shipped' 102 \
    ls-sync -w 20s "$T/a/a.db"
ok 'it ends' wait_for 10 sh -c "! kill -0 $pid_a"
like 'and says why' "$(cat "$T/a.log")" 'another writer went on after TXID'

# --- the program under one that lost ends with it: what it wrote on nobody has
mkdir "$T/l" "$T/m"
make_db "$T/l/a.db" 100
LS_RUN_DIR=$T/l start l ls-walship "$T/l/a.db" "$(url lease)" \
    -x sh -c 'echo $$ >"$0"; exec sleep 600' "$T/l/app"
wait_for 10 env LS_RUN_DIR="$T/l" ls-sync -w 5s "$T/l/a.db"
ls-restore -q -o "$T/m/a.db" "$(url lease)" || bail 'no restore'
LS_RUN_DIR=$T/m start m ls-walship "$T/m/a.db" "$(url lease)"
wait_for 10 env LS_RUN_DIR="$T/m" ls-sync -w 5s "$T/m/a.db"
insert "$T/m/a.db" taken
LS_RUN_DIR=$T/m ls-sync -w 20s "$T/m/a.db" || bail 'not taken'
ok 'pain 1300, 1301: it goes on until then' kill -0 "$(cat "$T/l/app")"
insert "$T/l/a.db" late
ok 'pain 1300, 1301: and ends with its right to write' \
    wait_for 20 sh -c "! kill -0 $(cat "$T/l/app")"
ended l
is 'with the code of that' "$status" 102
LS_RUN_DIR=$T/m ok 'pain 1300, 1301: the other one goes on' \
    ls-sync -w 20s "$T/m/a.db"
stop m

# --- a full dump after a gap, and its level-9 file cannot be put
LS_STORE_TIMEOUT=1s
export LS_STORE_TIMEOUT
mkdir "$T/c"
db=$T/c/a.db state=$T/c/.a.db-litestream
make_db "$db" 100
up() { rm -f "$LS_RUN_DIR/walship.sock"; start ws ls-walship "$db" "$(url gap)"
    wait_for 10 test -S "$LS_RUN_DIR/walship.sock"; }
up
insert "$db" one
ok 'shipped' ls-sync -w 20s "$db"
rules 'PUT * * status 503 SlowDown'
for i in 3 4; do
	insert "$db" "lost$i"
	ls-sync --local -w 20s "$db"
done
stop ws KILL
rm "$state/ltx/0/$(name 3)"
rules 'PUT 0009 * status 503 SlowDown'
up
ok 'a gap: the dump goes up' wait_for 20 grep -q "PUT /b/gap/0009" "$HTTP_LOG"
exits 'without its level-9 file it is not called shipped' 111 \
    ls-sync -w 4s "$db"
rules
ok 'with it, it is' ls-sync -w 30s "$db"
like 'it is there' "$(ls-list "$(url gap)")" \
    "^9.0000000000000001.0000000000000005"
stop ws
is 'ends well' $status 0
done_testing
