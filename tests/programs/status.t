#!/bin/bash
# ls-status: the status file of ls-walship, for people and programs.
. tests/lib.sh
need sqlite3
up() { rm -f "$LS_RUN_DIR/walship.sock"; start walship ls-walship "$@"
    wait_for 10 test -S "$LS_RUN_DIR/walship.sock"; }
mkdir "$T/d"
db=$T/d/a.db
make_db "$db" 100

exits 'no file: not healthy' 1 ls-status
exits 'a usage error' 100 ls-status a b
up "$db" "file://$T/one"
ls-sync -w 10s "$db"
ok 'healthy' wait_for 5 ls-status
like 'a line per replica' "$(ls-status)" \
    "a\.db +running +0+1 +ok +0+1 .*file://$T/one"
j=$(ls-status -j)
like 'JSON' "$j" '^\{"healthy":true,"pid":[0-9]+,"time":"'
ok 'which is JSON' perl -MJSON::PP -e 'decode_json($ARGV[0])' "$j"
is 'quiet' "$(ls-status -q)" ''
is 'the file is for its owner' \
    "$(stat -c %a "$LS_RUN_DIR/walship.status")" 600
like 'of version 1' "$(head -n 1 "$LS_RUN_DIR/walship.status")" \
    '^ls-s6-status 1$'
m=$(stat -c %Y.%y "$LS_RUN_DIR/walship.status")
sleep 1.5
is 'not written while nothing changes' \
    "$(stat -c %Y.%y "$LS_RUN_DIR/walship.status")" "$m"
kill -STOP $pid_walship
exits 'one that does not answer: not healthy' 1 ls-status
like 'said' "$err" 'does not answer: timed out'
kill -CONT $pid_walship
ok 'but when it does again' ls-status
stop walship
exits 'a process that is gone: not healthy' 1 ls-status
like 'said' "$err" 'is gone'

# a replica that does not take anything
AWS_ACCESS_KEY_ID=a AWS_SECRET_ACCESS_KEY=b
export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
up "$db" "file://$T/one" \
    "s3://b/p?endpoint=http://127.0.0.1:$(free_port)&region=us-east-1"
ls-sync --any -w 10s "$db"
sql "$db" "INSERT INTO t(v) VALUES ('x')"
ls-sync --any -w 10s "$db"
ok 'a failing replica is not healthy' wait_for 15 sh -c \
    '! ls-status -q && ls-status 2>&1 | grep -q failing'
like 'its error is shown' "$(ls-status 2>/dev/null)" '127.0.0.1'
like 'and its lag' "$(ls-status -j)" '"state":"(failing|probing)".*"lag_transactions":2'
stop walship KILL
exits 'killed: not healthy' 1 ls-status -q
done_testing
