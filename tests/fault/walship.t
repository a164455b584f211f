#!/bin/sh
# run: asan valgrind
# ls-walship against a peer that fails: nothing is lost, and what it says.
. tests/lib.sh
. tests/fault/peer.sh
need sqlite3
http_start
LS_STORE_TIMEOUT=2s
export LS_STORE_TIMEOUT
DB=$T/a.db
make_db "$DB" 2000
url() { echo "s3://b/$1?endpoint=$HTTP_ENDPOINT&region=us-east-1"; }
# ship PREFIX: starts it and waits until it is ready.
ship() {
	: >"$T/ws.log"
	start ws ls-walship "$DB" "$(url "$1")"
	wait_for 20 grep -q msg=ready "$T/ws.log" || bail "$(cat "$T/ws.log")"
}
row() { sql "$DB" "INSERT INTO t(v) VALUES (hex(randomblob(${1:-40})))"; }
same() {
	rm -f "$T/r.db"*
	ls-restore -q -o "$T/r.db" "$(url "$1")" && pages_equal "$DB" "$T/r.db"
}
# through NAME RULE...: writes while these hold, lifts them, compares.
through() {
	n=$1; shift
	rules "$@"
	for i in 1 2 3 4 5 6; do row; sleep 0.3; done
	rules
	row
	ok "$n: all is shipped" ls-sync -w 30s "$DB"
	ok "$n: and all is there" same app
	ok "$n: it still runs" alive ws
}

ship app
ok "shipped" ls-sync -w 20s "$DB"
for s in 408 429 500 503; do
	through "status $s" "PUT * 1-3 status $s" "PUT * 5 status $s"
done
through "answers lost" 'PUT * 1-2 lost' 'PUT * 4 lost'
through "answers reset" 'PUT * 1 resetout 0' 'PUT * 2 resetout 30' 'PUT * 3 lost'
through "requests reset" 'PUT * 1 resetin 400' 'PUT * 2 resetin 900'
through "a conflict" 'PUT * 1-2 status 409 ConditionalRequestConflict'
through "pain 592: a hang" 'PUT * 1 hang'
through "refused for a while" '* * * status 403 AccessDenied'
through "all down" '* * * resetout 0'
through "a success that is an error" 'PUT * 1-3 okerror InternalError'
rules 'PUT * * status 503 SlowDown'
row
wait_for 15 sh -c "ls-status -j | grep -q SlowDown"
like "the status tells what is wrong" "$(ls-status -j)" 'SlowDown'
rules
ok "and later" ls-sync -w 30s "$DB"
stop ws
is "TERM: shipped" $status 0
nok "no level-0 file twice: no warning of a fork" grep -i "fence\|another writer" "$T/ws.log"

# --- at the end
rules
cat >"$T/end.yml" <<END
shutdown-sync-timeout: 3s
dbs:
  - path: $DB
    replica:
      url: $(url app)
END
: >"$T/ws.log"
start ws ls-walship -c "$T/end.yml"
wait_for 20 grep -q msg=ready "$T/ws.log" || bail "$(cat "$T/ws.log")"
ok "again" ls-sync -w 20s "$DB"
rules '* * * status 503 SlowDown'
row
stop ws
is "TERM with the store down" $status 111
like "says what is not shipped" "$(tail -5 "$T/ws.log")" 'shipped'
rules
ok "once" ls-walship --once "$DB" "$(url app)"
ok "and all is there" same app

# --- at the start
rules '* * * status 403 InvalidAccessKeyId'
exits "refused credentials at the start" 102 timeout 60 ls-walship "$DB" "$(url new)"
like "are told" "$(cat "$T/.err")" InvalidAccessKeyId
rules '* * 1-3 status 500 InternalError'
ship late
ok "a store that comes later" ls-sync -w 30s "$DB"
ok "has all" same late
stop ws

# --- conditions
for w in unconditional unknown; do
	rules "PUT * * $w"
	ship "$w"
	ok "conditions $w: shipped" ls-sync -w 30s "$DB"
	row
	ok "conditions $w: and later" ls-sync -w 30s "$DB"
	row
	ok "conditions $w: and later" ls-sync -w 30s "$DB"
	like "conditions $w: told" "$(cat "$T/ws.log")" 'condition'
	ok "conditions $w: all is there" same "$w"
	stop ws
done
done_testing
