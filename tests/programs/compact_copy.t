#!/bin/sh
# What the store copies in place of an upload is read before: damage in the
# replica is not repeated in the next level where a good local copy is there.
. tests/lib.sh
need sqlite3
need_peer ltx
plan 6

db=$T/a.db url=file://$T/r
make_db "$db" 30
start walship ls-walship "$db" "$url"
wait_for 20 ls-sync -w 5s "$db" || bail "$(cat "$T/walship.log")"
sql "$db" "INSERT INTO t(v) VALUES (hex(randomblob(100000)))"
ls-sync -w 10s "$db" || bail "$(cat "$T/walship.log")"
f=0000000000000002-0000000000000002.ltx
printf 'xxxxxxxx' |
    dd of="$T/r/ltx/0/$f" bs=1 seek=90000 conv=notrunc 2>/dev/null
nok 'the only input is damaged' "$PEERS/ltx" verify "$T/r/ltx/0/$f"
exits 'it is compacted all the same' 0 ls-compact -l 1 "$db" "$url"
ok 'from the local copy' "$PEERS/ltx" verify "$T/r/ltx/1/$f"
rm "$T/r/ltx/1/$f"
exits 'without one' 102 ls-compact -l 1 "$url"
like 'it is said' "$err" "newest state is damaged .*$f: .*ls-sync --full"
nok 'and not published' test -e "$T/r/ltx/1/$f"
stop walship
