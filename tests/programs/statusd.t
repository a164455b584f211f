#!/bin/bash
# ls-statusd: metrics of both Litestreams and ours, and health, over HTTP.
. tests/lib.sh
need sqlite3 curl
db=$T/a.db
make_db "$db" 100
p=$(free_port)
cat >"$T/c.yml" <<END
addr: 127.0.0.1:$p
dbs:
  - path: $db
    replicas:
      - {name: near, path: $T/near}
      - {name: far, url: "s3://b/p?endpoint=http://127.0.0.1:1&region=r1"}
END
export AWS_ACCESS_KEY_ID=a AWS_SECRET_ACCESS_KEY=b
get() { curl -s -m 10 "http://127.0.0.1:$p$1"; }
code() { curl -s -m 10 -o /dev/null -w '%{http_code}' "$@"; }
u=http://127.0.0.1:$p

start statusd ls-statusd -c "$T/c.yml"
ok 'listens on addr:' wait_for 10 get /healthz
is 'not healthy before anything ran' "$(code $u/healthz)" 503
like 'said' "$(get /healthz)" '^ls-walship has not run here$'
like 'metrics say so' "$(get /metrics)" '^ls_up 0$'

start walship ls-walship -c "$T/c.yml"
ok 'one replica has it' ls-sync --any -w 20s "$db"
ok 'the other is told of' wait_for 30 sh -c \
    "curl -s $u/metrics | grep -q '^litestream_replica_operation_errors_total.*s3'"
m=$(get /metrics)
like 'up' "$m" '^ls_up 1$'
while read -r line; do
	like "metric: $line" "$m" "^$line"
done <<END
litestream_db_size[{]db="$db"[}] [1-9]
litestream_wal_size[{]db="$db"[}] [0-9]
litestream_txid[{]db="$db"[}] 1$
litestream_disk_full[{]db="$db"[}] 0$
litestream_total_wal_bytes[{]db="$db"[}] [0-9]
litestream_sync_count[{]db="$db"[}] [1-9]
litestream_sync_error_count[{]db="$db"[}] 0$
litestream_sync_seconds[{]db="$db"[}] [0-9.]+$
litestream_checkpoint_count[{]db="$db",mode="PASSIVE"[}] [0-9]
litestream_checkpoint_error_count[{]db="$db",mode="PASSIVE"[}] [0-9]
litestream_checkpoint_seconds[{]db="$db",mode="PASSIVE"[}] [0-9]
litestream_replica_wal_bytes[{]db="$db",name="near"[}] [1-9]
litestream_replica_operation_total[{]replica_type="file",operation="PUT"[}] 1$
litestream_replica_operation_bytes[{]replica_type="file",operation="PUT"[}] [1-9]
litestream_replica_operation_errors_total[{]replica_type="s3",operation="LIST",code="temp"[}] [1-9]
litestream_replica_operation_duration_seconds_bucket[{]replica_type="file",operation="PUT",le="[+]Inf"[}] 1$
litestream_replica_operation_duration_seconds_bucket[{]replica_type="file",operation="PUT",le="0.01"[}] [0-9]
litestream_replica_operation_duration_seconds_count[{]replica_type="file",operation="PUT"[}] 1$
ls_spool_bytes[{]db="$db"[}] [1-9]
ls_lag_seconds[{]db="$db",replica="file://$T/near"[}] 0.000$
ls_lag_transactions[{]db="$db",replica="s3://b/p[?][^ ]*"[}] 1$
ls_last_success_timestamp_seconds[{]db="$db",replica="file://$T/near"[}] 1[0-9]+[.]
ls_errors[{]db="$db",replica="s3://b/p[?][^ ]*"[}] [1-9]
END
is 'not healthy with a replica that fails' "$(code $u/healthz)" 503
like 'said why' "$(get /healthz)" '127.0.0.1:1'
is 'ls-status -p says the same metrics' \
    "$(ls-status -p 2>/dev/null | sed 's/[{ ].*//' | sort -u)" \
    "$(printf '%s\n' "$m" | sed 's/[{ ].*//' | sort -u)"
if command -v promtool >/dev/null; then
	# The names that are Litestream's break rules of style, which we cannot.
	printf '%s\n' "$m" >"$T/metrics"
	promtool check metrics <"$T/metrics" >"$T/lint" 2>&1
	is 'promtool has nothing against what is ours' \
	    "$(grep -v '^litestream_' "$T/lint")" ''
elif test "${CI:-}" = true; then
	fail 'promtool has nothing against what is ours' 'it is not installed'
else
	skip 'promtool has nothing against what is ours' 'no promtool'
fi
is 'nothing else is there' "$(code $u/)" 404
is 'nor may anything be sent' "$(code -d x=y $u/metrics)" 405
is 'idle, it wakes nobody up' "$(
    f() { awk '/voluntary/ { n += $2 } END { print n }' /proc/$pid_statusd/task/*/status; }
    a=$(f); sleep 2; b=$(f); test $((b - a)) -le 1 && echo still)" still
p3=$(free_port)
printf 'dbs: [{path: %s, replicas: [{path: %s, format: v0.3}]}]\n' \
    "$db" "$T/near" >"$T/old.yml"
start old ls-statusd -c "$T/old.yml" -a "127.0.0.1:$p3"
ok 'a configuration all of format: v0.3' wait_for 10 curl -s -m 5 -o "$T/old.m" \
    "http://127.0.0.1:$p3/metrics"
like 'has the names of 0.3' "$(cat "$T/old.m")" '^litestream_replica_operation_total'
unlike 'and no others' "$(cat "$T/old.m")" '^litestream_replica_operation_errors'
stop old
stop walship KILL
like 'a process that is gone: not healthy' "$(get /healthz)" 'is gone'
stop statusd
is 'TERM ends it' "$?" 0

p2=$(free_port)
start any ls-statusd -a ":$p2" --run-dir "$T/none"
ok 'without a host: every address' wait_for 10 curl -s -m 5 -o /dev/null \
    "http://127.0.0.2:$p2/metrics"
ok 'of both kinds' sh -c "! test -e /proc/net/if_inet6 ||
    ! grep -q ^00000000000000000000000000000001 /proc/net/if_inet6 ||
    curl -s -m 5 -o /dev/null 'http://[::1]:$p2/metrics'"
p3=$(free_port)
start parent sh -c 'ls-statusd --with-parent -a "127.0.0.1:$0" & wait' "$p3"
ok 'beside another' wait_for 10 listening "$p3"
child=$(pgrep -P "$pid_parent" -x ls-statusd)
stop parent KILL
ok 'it ends with that' wait_for 10 sh -c '! kill -0 "$0" 2>/dev/null' "${child:-1}"
exits 'an address that is taken' 111 ls-statusd -a "127.0.0.1:$p2"
like 'is named' "$err" "unable to serve: listen on 127.0.0.1:$p2"
exits 'an address that is none' 102 ls-statusd -a nonsense
grep -v '^addr' "$T/c.yml" >"$T/d.yml"
exits 'no address at all' 102 ls-statusd -c "$T/d.yml"
like 'says what to do' "$err" 'addr: is not set in .*d.yml; set it, or say -a'
exits 'a file that is not there' 102 ls-statusd -c "$T/none.yml"
exits 'and usage' 100 ls-statusd x
done_testing
