#!/bin/sh
# run: asan valgrind
# The programs that read a replica, against a peer that fails.
. tests/lib.sh
. tests/fault/peer.sh
need sqlite3
http_start
LS_STORE_TIMEOUT=3s
export LS_STORE_TIMEOUT
URL="s3://b/app?endpoint=$HTTP_ENDPOINT&region=us-east-1"
V=tests/vectors/ltx/litestream-0.5.18
for n in 1 2 3 4; do
	ls-put "$URL" <"$V/0/000000000000000$n-000000000000000$n.ltx" ||
	    bail "put $n"
done
make_db "$T/src.db" 20000
"$BUILD/tests/ltxmake" db block 1 9 "$T/src.db" >"$T/big.ltx" || bail "ltxmake"
BIG="s3://b/big?endpoint=$HTTP_ENDPOINT&region=us-east-1"
ls-put "$BIG" <"$T/big.ltx" || bail "put a snapshot"
size=$(wc -c <"$T/big.ltx")

restored() { # URL SOURCE [OPTION...]
	u=$1 s=$2; shift 2
	rm -f "$T/out.db"*
	ls-restore -q "$@" -o "$T/out.db" "$u" && cmp "$T/out.db" "$s"
}
none() { # nothing was published, nothing is left
	is "$1: nothing is left" "$(cd "$T" && ls -d out.db* 2>/dev/null)" ""
}
pages "$T/src.db" "$T/src.pages"

ok "restore, four files" restored "$URL" "$V/db"
ok "restore, a snapshot" restored "$BIG" "$T/src.pages"
for s in 408 429 500 503; do
	rules "* * 1-2 status $s" "* * 4-5 status $s"
	ok "restore through $s" restored "$URL" "$V/db"
	rules "* * 1-2 status $s"
	is "list through $s" "$(ls-list "$URL" | grep -c 000000000000000)" 4
done
i=0 bad=
while test $i -lt 12; do
	rules "GET .ltx 1 resetout $((size * i / 12 + i))" \
	    "GET .ltx 2 cut $((size / 30 * i))"
	restored "$BIG" "$T/src.pages" >"$T/log" 2>&1 || bad="$bad $i"
	i=$((i + 1))
done
is "pain 1077: restore through resets and cuts" "$bad" ""
rules "GET .ltx 1 slow 100000 20"
ok "restore from a slow one" restored "$BIG" "$T/src.pages"

# --- ls-compact
rules 'GET 0001/ 1 okcut 200'
exits "what was compacted is read back" 102 ls-compact -q --verify --changes \
    -l 1 "$URL"
like "what differs is told" "$err" 'what was just written: deleted again'
is "and told to ls-tend" "$(printf '%s\n' "$out" | cut -f 1-4)" \
    "unsound	1	0000000000000001	0000000000000004"
is "and is not left there" "$(ls-list -l 1 "$URL" | grep -c ^1)" 0
rules
is "nothing is said where all is well" "$(ls-compact -q --verify --changes \
    -l 1 "$URL" | cut -f 1)" add

# --- segments of 0.3, many of one log
mkdir "$T/v03"
make_db "$T/v03/a.db" 20
V03="s3://b/v03?endpoint=$HTTP_ENDPOINT&region=us-east-1"
cat >"$T/v03.yml" <<END
dbs:
  - path: $T/v03/a.db
    replicas: [{format: v0.3, sync-interval: 10ms, url: "$V03"}]
END
rules
start v03 ls-walship -c "$T/v03.yml"
for n in 1 2 3 4 5 6 7 8 9; do
	wait_for 20 ls-sync -w 5s "$T/v03/a.db"
	sql "$T/v03/a.db" "INSERT INTO t(v) VALUES ($n)"
done
ls-sync -w 20s "$T/v03/a.db" || bail "$(cat "$T/v03.log")"
stop v03
pages "$T/v03/a.db" "$T/v03.pages"
test "$(ls-list --v03 wal "$V03" | grep -c '^s3')" -gt 6 || bail 'few segments'
set --
for n in 1 3 4 7 9; do set -- "$@" "GET .wal.lz4 $n resetout 300"; done
rules "$@" 'GET .wal.lz4 6 cut 20' 'GET .snapshot.lz4 1 cut 200'
ok "pain 585: restore of segments whose connections end" \
    restored "$V03" "$T/v03.pages"

# --- ls-snapshot and ls-prune
rules 'GET .ltx 1 resetout 150' 'GET .ltx 3 status 503' 'PUT 0009 1 lost'
ok "pain 1077: a snapshot by merging, through faults" ls-snapshot -q -r "$URL"
is "is there" "$(ls-list -l 9 "$URL" | cut -f 2,3 | tail -n 1)" \
    "0000000000000001	0000000000000004"
ok "and right" restored "$URL" "$V/db"
for n in 5 6 7; do
	for m in $n 1; do # level 0 too: what goes on past it is not relied on
		"$BUILD/tests/ltxmake" db block $m $n "$T/src.db" | ls-put "$URL"
	done
done
snapshots() { ls-list -l 9 "$URL" | grep -c ^9; }
rules 'POST delete * status 403 AccessDenied'
exits "pain 441, 236: refused deletions" 102 ls-prune -q --retention 1m "$URL"
like "are told with their number" "$err" '[0-9] of [0-9] objects.*AccessDenied'
is "once" "$(printf '%s\n' "$err" | grep -c AccessDenied)" 1
is "nothing is gone" "$(snapshots)" 4
rules 'POST delete * pretend' 'DELETE * * pretend'
exits "pain 976: a store that only says so" 1 ls-prune -q --retention 1m "$URL"
like "is told" "$err" 'has it still'
rules 'POST delete 1-2 status 503 SlowDown' 'POST delete 3 lost'
ok "deletions through faults" ls-prune -q --retention 1m "$URL"
is "all but the newest are gone" "$(snapshots)" 1
for n in 8 9; do
	for m in $n 1; do # level 0 too: what goes on past it is not relied on
		"$BUILD/tests/ltxmake" db block $m $n "$T/src.db" | ls-put "$URL"
	done
done
rules 'POST delete * pretend'
ok "pain 976: where only batches are not done" \
    ls-prune -q --retention 1m "$URL"
is "each is deleted by itself" "$(snapshots)" 1

fails() { # NAME CODE PATTERN [ARG...]
	rm -f "$T/out.db"*
	n=$1 c=$2 p=$3; shift 3
	exits "$n" "$c" ls-restore -q "$@" -o "$T/out.db" "$BIG"
	like "$n: is told" "$err" "$p"
	none "$n"
}
rules '* * * status 403 AccessDenied'
fails "refused" 102 AccessDenied
fails "refused, though an empty replica would do" 102 AccessDenied -e
rules '* * * status 404 NoSuchBucket'
fails "no bucket is not an empty replica" 102 NoSuchBucket -e
rules 'GET .ltx * status 403 AccessDenied'
fails "objects refused" 102 AccessDenied
rules 'GET .ltx * cut 1000'
fails "always cut" 111 'after [0-9] tries: .*(closed|remaining|missing)'
rules 'GET .ltx * hang'
fails "a hang" 111 'nothing moved'
rules '* * * status 503 SlowDown'
fails "503 for ever" 111 SlowDown -e
rules 'GET .ltx 1 resetout 50000' 'GET .ltx 2- etag "other"'
fails "replaced while it is read" 102 'changed while it was read'
rules '* list-type * okerror InternalError'
fails "an error in place of the listing" 111 InternalError -e
exits "the same for ls-list" 111 ls-list "$BIG"
rules '* list-type * status 200'
fails "a page that is no listing" 111 'not XML' -e
rules '* list-type 1-2 status 200'
ok "is asked for again" restored "$BIG" "$T/src.pages"
rules 'GET .ltx * nolength'
fails "an end that is not known" 102 'without a length'
ls-put -r "$URL" generations/0123456789abcdef/snapshots/00000000.snapshot.lz4 \
    <"$T/log" || bail "put a generation"
rules 'GET .ltx * status 404 NoSuchKey'
exits "what vanishes is not an empty replica" 111 ls-restore -q -e \
    -o "$T/out.db" "$URL"
like "and is told" "$err" 'NoSuchKey'
none "what vanishes"
exits "nor is it where only the plan is asked for" 111 ls-restore -q -e -n "$URL"
stop httpd
fails "nobody there" 111 'Failed to connect' -e
exits "the same for ls-list" 111 ls-list "$BIG"
exits "the same for ls-get" 111 ls-get "$BIG" x
exits "the same for ls-put" 111 sh -c "ls-put '$BIG' <'$T/big.ltx'"
done_testing
