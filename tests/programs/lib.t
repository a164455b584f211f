#!/bin/sh
# The helpers themselves: a page comparison that sees nothing proves nothing.
. tests/lib.sh
need sqlite3
plan 8
make_db "$T/a.db" 100 512
ok 'make_db makes a sound database' integrity "$T/a.db"
cp "$T/a.db" "$T/b.db"
ok 'pages_equal: a copy' pages_equal "$T/a.db" "$T/b.db"
sqlite3 "$T/a.db" '.filectrl persist_wal 1' \
    "INSERT INTO t(v) VALUES('x')" >"$T/out" 2>&1
nok 'pages_equal: one row more, in the WAL only' \
    pages_equal "$T/a.db" "$T/b.db"
exits 'exits takes the code' 3 sh -c 'echo said; exit 3'
is 'and the output' "$out" said
start sleeper sleep 60
ok 'start and alive' alive sleeper
stop sleeper
is 'stop waits and has the status' "$status" 143
(CI=true BUILD=$BUILD sh -c '. tests/lib.sh; skip x y' >"$T/out" 2>&1)
like 'with CI=true a skip is a failure' "$(cat "$T/out")" '^not ok 1 - x$'
