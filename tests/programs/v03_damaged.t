#!/bin/sh
# What is damaged in the newest generation of a replica in the layout of
# Litestream 0.3: verification says so, no snapshot can be made, nothing is
# deleted, and a full copy that is asked for begins another generation.
. tests/lib.sh
need sqlite3
. tests/programs/v03.sh

up
writes 8
first=$(ls "$T/r/generations")
log=$T/r/generations/$first/wal
seg=$log/$(ls "$log" | sed -n 3p)
exits 'nothing is wrong yet' 0 ls-snapshot -r "$url"
rm "$T/r/generations/$first/snapshots"/*[1-9a-f].snapshot.lz4
printf 'x%.0s' $(seq 40) | dd of="$seg" bs=1 seek=60 conv=notrunc 2>/dev/null

# ---- what is said ----
exits 'no snapshot can be made' 102 ls-snapshot -r "$url"
like 'it says what is damaged' "$err" "${seg##*/}"
like 'and the way out' "$err" "ls-sync --full"
find "$T/r" -type f | xargs touch -d '30 hours ago'
before=$(find "$T/r" -type f | sort)
exits 'nor by ls-prune' 102 ls-prune -c "$T/c.yml" "$db"
like 'which says the way out too' "$err" "ls-sync --full"
is 'nothing was deleted' "$(find "$T/r" -type f | sort)" "$before"

# ---- the way out ----
exits 'a full copy is asked for' 0 ls-sync --full -w 30s "$db"
is 'another generation' "$(ls "$T/r/generations" | wc -l)" 2
second=$(ls "$T/r/generations" | grep -v "$first")
like 'it is said why' "$(cat "$T/walship.log")" \
    "new generation.*generation=$second.*a full copy was asked for"
like 'it begins with a snapshot' "$(ls "$T/r/generations/$second/snapshots")" \
    '^00000000[.]snapshot[.]lz4$'
exits 'replication goes on' 0 ls-sync -w 10s "$db"
sql "$db" "UPDATE t SET v = 'after' WHERE id = 1"
exits 'with what is new' 0 ls-sync -w 10s "$db"
is 'in that generation' "$(ls "$T/r/generations" | wc -l)" 2
lines=$(wc -l <"$T/walship.log")
sleep 1
is 'and has nothing left to do' "$(wc -l <"$T/walship.log")" "$lines"
like 'status' "$(ls-status)" ' ok '
ok 'it restores' ls-restore -q -o "$T/o.db" "$url"
ok 'page by page' pages_equal "$db" "$T/o.db"
exits 'a snapshot can be made again' 0 ls-snapshot -r "$url"
find "$T/r/generations/$first" -type f | xargs touch -d '30 hours ago'
find "$T/r/generations/$second" -type f | xargs touch -d '26 hours ago'
exits 'and when the retention is over' 0 ls-prune -c "$T/c.yml" "$db"
stop walship

# ---- a generation for a key that is gone keeps none of the others away ----
lost=$T/r/generations/0123456789abcdef/snapshots z=$(printf %043d 0 | tr 0 A)
mkdir -p "$lost"
printf 'age-encryption.org/v1\n-> X25519 CQ%s\n%s\n--- %s\n%040d' "${z#AA}" "$z" \
    "$z" 0 >"$lost/00000000.snapshot.lz4"
touch -d '3 days ago' "$lost"/*
rm -f "$T/o.db"
ok 'the newest is restored' ls-restore -q -o "$T/o.db" "$url"
ok 'as it is' pages_equal "$db" "$T/o.db"
exits 'that one is not' 102 ls-restore -q -o "$T/p.db" \
    --generation 0123456789abcdef "$url"
like 'which says why' "$err" 'encrypted with age, and no identity'
rm -r "$T/r/generations/0123456789abcdef"

# ---- a generation that ended is the last good one ----
gens() { find "$T/r/generations" -type f | sed 's,.*generations/,,; s,/.*,,' | sort -u; }
is 'the damaged one went' "$(gens)" "$second"
is 'with its folder' "$(ls "$T/r/generations")" "$second"
rm "$T"/d/.a.db-litestream/v03-*
up
stop walship
third=$(gens | grep -v "$second")
ls-restore -q -o "$T/second.db" --generation "$second" "$url"
find "$T/r/generations/$second" -type f | xargs touch -d '30 hours ago'
snap=$T/r/generations/$third/snapshots/00000000.snapshot.lz4
cp "$snap" "$T/kept"
printf 'x%.0s' $(seq 60) | dd of="$snap" bs=1 seek=300 conv=notrunc 2>/dev/null
touch -d '26 hours ago' "$snap"
exits 'the one that takes its place is damaged' 102 ls-prune "$url"
like 'which is said' "$err" "nothing of generation $third is deleted, nor any"
rm -f "$T/o.db"
ok 'the one before still restores' ls-restore -q -o "$T/o.db" \
    --generation "$second" "$url"
ok 'as it was' cmp "$T/o.db" "$T/second.db"
cp "$T/kept" "$snap"
touch -d '26 hours ago' "$snap"
exits 'once it is good' 0 ls-prune "$url"
is 'the one before goes' "$(gens)" "$third"

# ---- by itself ----
rm -rf "$T/r" "$T"/d/.a.db-litestream
sed -i 's/sync-interval/retention-check-interval: 1s\n        sync-interval/' "$T/c.yml"
up
writes 8
first=$(gens)
log=$T/r/generations/$first/wal
printf 'x%.0s' $(seq 40) |
    dd of="$log/$(ls "$log" | sed -n 3p)" bs=1 seek=60 conv=notrunc 2>/dev/null
find "$T/r" -type f | xargs touch -d '30 hours ago'
start tend ls-tend -c "$T/c.yml"
two() { test "$(gens | wc -l)" = 2; }
ok 'ls-tend has a full copy made' wait_for 20 two
like 'and says why' "$(cat "$T/tend.log")" 'ls-walship makes a full copy'
ok 'then all is well' wait_for 20 grep -q recovered "$T/tend.log"
is 'once is enough' "$(grep -c 'makes a full copy' "$T/tend.log")" 1
stop tend
stop walship
done_testing
