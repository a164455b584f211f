#!/bin/sh
# Every program once, and once failing: run under valgrind, which looks for
# leaked memory and descriptors.
. tests/lib.sh
need sqlite3
plan 25
db=$T/d/app.db url=file://$T/r
mkdir "$T/d"
make_db "$db" 2000
start walship ls-walship "$db" "$url"
ok 'ready' wait_for 30 test -S "$LS_RUN_DIR/walship.sock"
ok 'ls-sync' wait_for 30 ls-sync "$db"
sql "$db" "INSERT INTO t(v) VALUES('one more')"
ok 'ls-sync DB' ls-sync -v "$db"
exits 'ls-sync of another' 1 ls-sync -w 1s "$T/none.db"
ok 'ls-status' ls-status
ok 'ls-status -j' ls-status -j
stop walship
is 'ls-walship at TERM' "$status" 0
ok 'ls-restore' ls-restore -o "$T/back.db" "$url"
ok 'the same pages' pages_equal "$db" "$T/back.db"
exits 'ls-restore over it' 102 ls-restore -o "$T/back.db" "$url"
exits 'ls-restore of nothing' 1 ls-restore -o "$T/x.db" "file://$T/none"
ls-restore -q -o - "$url" >"$T/out.db"
ok 'ls-restore to a pipe' integrity "$T/out.db"
ok 'ls-list' ls-list "$url"
ok 'ls-list -j' ls-list -j "$url"
ok 'ls-snapshot -r' ls-snapshot -r "$url"
ok 'ls-prune' ls-prune --retention 1ms "$url"
ls-snapshot "$db" >"$T/full.ltx" || fail 'ls-snapshot'
ok 'ls-dump' ls-dump -p "$T/full.ltx"
head -c 5000 "$T/full.ltx" >"$T/cut.ltx"
exits 'ls-dump of half a file' 102 ls-dump "$T/cut.ltx"
ok 'ls-put' sh -c 'ls-put "$0" <"$1"' "file://$T/r2" "$T/full.ltx"
exits 'ls-put of half a file' 102 sh -c 'ls-put "$0" <"$1"' "file://$T/r3" \
    "$T/cut.ltx"
ok 'ls-get and ls-restore' sh -c \
    'ls-get -l 9 "$0" "$(ls "$1")" | ls-restore -o "$2" -' "file://$T/r2" \
    "$T/r2/ltx/9" "$T/got.db"
ok 'the same pages, too' pages_equal "$db" "$T/got.db"
exits 'ls-get of nothing' 1 ls-get "$url" 00000000000000ff-00000000000000ff.ltx
printf 'dbs:\n  - path: %s\n    replicas:\n      - url: %s\n' "$db" "$url" \
    >"$T/conf.yml"
ok 'ls-conf' ls-conf -c "$T/conf.yml" --show
echo 'dbs: {' >"$T/bad.yml"
exits 'ls-conf of a broken file' 102 ls-conf -c "$T/bad.yml" --show
