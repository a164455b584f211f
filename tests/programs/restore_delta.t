#!/bin/bash
# ls-restore --delta: an older copy is brought forward by the newer files
# alone, and only if it is what it claims to be.
# run: asan
. tests/lib.sh
need sqlite3 python3
mkdir "$T/d"
db=$T/a.db R=file://$T/r
sqlite3 "$db" "PRAGMA auto_vacuum=full; PRAGMA journal_mode=wal; CREATE TABLE t(id INTEGER PRIMARY KEY,
    v TEXT); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n
    WHERE i < 3000) INSERT INTO t SELECT i, hex(randomblob(200)) FROM n" >/dev/null
ship() { ls-sync -w 20s "$db" || bail "$(cat "$T/walship.log")"; }
top() { ls "$T/r/ltx/0" | tail -n 1 | cut -c 1-16; }
json() { python3 -c 'import json, sys; print(json.loads(sys.argv[1])[sys.argv[2]])' \
    "$out" "$1"; }
R0=$R
start walship ls-walship "$db" "$R"
wait_for 10 test -S "$LS_RUN_DIR/walship.sock" || bail "$(cat "$T/walship.log")"
sql "$db" "INSERT INTO t(v) VALUES ('zero')"; ship
exits 'a restore that leaves its position' 0 \
    ls-restore -q --keep-txid -o "$T/d/old.db" "$R"
is 'beside it' "$(ls "$T/d")" "old.db
old.db-follow
old.db-txid"
is 'as Litestream writes it' "$(cat "$T/d/old.db-txid")" "$(top)"
exits 'one that does not' 0 ls-restore -q -o "$T/d/bare.db" "$R"
rm -r "$T/d/.bare.db-litestream"
mkdir "$T/m"
printf 'dbs: [{ path: %s, replica: { url: "%s" } }]\n' "$T/m/m.db" "$R" \
    >"$T/m.yml"
exits 'one in its place, which leaves a marker' 0 \
    ls-restore -q -c "$T/m.yml" "$T/m/m.db"
first=$(top)
sql "$db" "INSERT INTO t(v) VALUES ('one')"; ship
mid=$(top)
sql "$db" "UPDATE t SET v = 'two' WHERE id = 1500"; ship
sql "$db" 'DELETE FROM t WHERE id > 2900'; ship
sql "$db" "INSERT INTO t(v) SELECT hex(randomblob(300)) FROM t LIMIT 500"; ship
pages "$db" "$T/want.db"
newer=$(ls "$T/r/ltx/0"/* | awk -v f="$first" -F/ 'substr($NF, 1, 16) > f' |
    xargs cat | wc -c)

was=$(cksum "$T/d/old.db")
exits '--delta' 0 ls-restore -j -q --delta "$T/d/old.db" -o "$T/d/new.db" "$R"
is 'reads the newer files alone' "$(json read)" "$newer"
is 'and 16 bytes of the one before' "$(json requests | grep -o "'get'.*")" \
    "'get': $(($(json files) + 1))}"
ok 'is the database, byte for byte' cmp "$T/d/new.db" "$T/want.db"
is 'the older copy is as it was' "$(cksum "$T/d/old.db")" "$was"
is 'the position of the new one is left' "$(cat "$T/d/new.db-txid")" "$(top)"
exits 'from which nothing is to be fetched' 0 \
    ls-restore -j -q --delta "$T/d/new.db" -o "$T/d/same.db" "$R"
is 'no file' "$(json files)/$(json read)" 0/0
ok 'and it is the same' cmp "$T/d/same.db" "$T/want.db"
exits '-n' 0 ls-restore -n -j --delta "$T/d/old.db" "$R"
is 'tells the bytes before' "$(json bytes)" "$newer"
exits 'to a TXID between' 0 \
    ls-restore -q --delta "$T/d/old.db" --txid "$mid" -o "$T/d/mid.db" "$R"
ls-restore -q --txid "$mid" -o "$T/mid.db" "$R"
ok 'is that state' cmp "$T/d/mid.db" "$T/mid.db"
exits 'backwards' 1 \
    ls-restore -q --delta "$T/d/new.db" --txid "$mid" -o "$T/d/x.db" "$R"
like 'cannot be' "$err" 'past .*files lead forward only'
exits 'over an existing one' 102 \
    ls-restore -q --delta "$T/d/old.db" -o "$T/d/new.db" "$R"
exits 'in the place of the older one' 0 ls-restore -q --move-aside \
    --delta "$T/d/mid.db" -o "$T/d/mid.db" "$R"
ok 'works too' cmp "$T/d/mid.db" "$T/want.db"

# the marker of a state folder
exits 'a copy that its state folder knows' 0 \
    ls-restore -j -q --delta "$T/m/m.db" -o "$T/d/marked.db" "$R"
is 'reads no more' "$(json read)" "$newer"
ok 'and is the database' cmp "$T/d/marked.db" "$T/want.db"
# a TXID that is only claimed
exits 'nothing tells what it is' 102 \
    ls-restore -q --delta "$T/d/bare.db" -o "$T/d/x.db" "$R"
like 'is said, with the way out' "$err" 'nothing tells.*--delta-txid TXID'
exits '--delta-txid' 0 ls-restore -q --delta "$T/d/bare.db" \
    --delta-txid "$first" -o "$T/d/claim.db" "$R"
ok 'is the database' cmp "$T/d/claim.db" "$T/want.db"
exits 'a wrong one' 102 ls-restore -q --delta "$T/d/bare.db" \
    --delta-txid "$mid" -o "$T/d/x.db" "$R"
like 'is found out' "$err" "older copy .*bare.db: .*page"
rm -rf "$T/r2"; cp -r "$T/r" "$T/r2"
find "$T/r2" -name "*-$first.ltx" -delete
exits 'one that nothing is there to compare with' 102 ls-restore -q \
    --delta "$T/d/bare.db" --delta-txid "$first" -o "$T/d/x.db" "file://$T/r2"
like 'is refused' "$err" 'no file of the replica ends at .*without --delta'
exits 'with a proof of its own it is not' 0 ls-restore -q \
    --delta "$T/d/old.db" -o "$T/d/y.db" "file://$T/r2"
like 'but warned of' "$err" 'cannot be checked'
ok 'and is the database' cmp "$T/d/y.db" "$T/want.db"
# a marker of the same TXIDs in another history
mkdir "$T/h"; make_db "$T/h/a.db" 50; cp "$T/h/a.db" "$T/h/b.db"
history() { # DB
	for i in 1 2 3; do
		ls-walship --once --run-dir '' "$T/h/$1.db" "file://$T/rh$1" \
		    2>"$T/log" || bail "$(cat "$T/log")"
		sql "$T/h/$1.db" "UPDATE t SET v = '$1$i' WHERE id = $2 + $i"
	done
}
history a 20
ls-walship --once --run-dir '' "$T/h/a.db" "file://$T/rha" 2>"$T/log"
history b 1; history b 1
exits 'a marked copy of another history of the same database' 102 \
    ls-restore -q --delta "$T/h/a.db" -o "$T/h/x.db" "file://$T/rhb"
like 'is found out too' "$err" 'older copy .*a.db: page .* is not what it is'
nok 'and nothing is made of both' test -e "$T/h/x.db"

# not what it was
try() { # NAME ERE
	exits "$1" 102 ls-restore -q --delta "$T/w/old.db" -o "$T/w/x.db" "$R"
	like "$1: said" "$err" "$2"
	nok "$1: nothing restored" test -e "$T/w/x.db"
}
again() { rm -rf "$T/w"; mkdir "$T/w"; cp "$T"/d/old.db* "$T/w"; }
again
printf x | dd of="$T/w/old.db" bs=1 seek=100000 conv=notrunc 2>"$T/dd"
try 'one flipped byte' 'not what it was at TXID .*without --delta'
again
sqlite3 "$T/w/old.db" "PRAGMA journal_mode=delete; INSERT INTO t(v) VALUES (0)" \
    >"$T/sq"
try 'a copy that was written to' 'written to since TXID'
again
sqlite3 "$T/w/old.db" '.filectrl persist_wal 1' 'PRAGMA wal_autocheckpoint=0' \
    "INSERT INTO t(v) VALUES (0)" >"$T/sq"
test -s "$T/w/old.db-wal" || bail 'no -wal'
try 'commits in its -wal' 'wal_checkpoint'
mkdir "$T/w/real"
mv "$T/w"/old.db* "$T/w/real"
ln -s real/old.db "$T/w/old.db"
try 'a link to it' 'wal_checkpoint'
again
printf x >"$T/w/old.db-journal"
try 'in the middle of a write' 'interrupted'
again
sed -i 's/^at /At /' "$T/w/old.db-follow"; rm "$T/w/old.db-txid"
try 'a damaged position' 'nothing tells'
again
make_db "$T/b.db" 50
for i in 1 2 3 4 5 6; do
	ls-walship --once --run-dir '' "$T/b.db" "file://$T/rb" 2>"$T/log"
	sql "$T/b.db" "INSERT INTO t(v) VALUES ($i)"
done
R=file://$T/rb
try 'a replica of another database' 'not the one that led to this state'
R=$R0
exits 'a copy that is not there' 102 \
    ls-restore -e -q --delta "$T/nothing" -o "$T/w/x.db" "$R"
: >"$T/w/empty"
exits 'an empty one' 102 ls-restore -q --delta "$T/w/empty" -o "$T/w/x.db" "$R"

# newer files are gone but for a snapshot
ls-snapshot -r "$db" "$R" 2>"$T/log" || bail "$(cat "$T/log")"
find "$T/r/ltx/0" -name '*.ltx' ! -name "$(top)-*" -delete
exits 'only a snapshot leads on' 0 \
    ls-restore -j -q --delta "$T/d/old.db" -o "$T/d/snap.db" "$R"
ok 'is the database' cmp "$T/d/snap.db" "$T/want.db"

# a standby is an older copy, too
mkdir "$T/s"
start follow ls-restore -f --follow-interval 50ms -o "$T/s/s.db" "$R"
wait_for 10 grep -q msg=following "$T/follow.log" || bail "$(cat "$T/follow.log")"
stop follow
sql "$db" "INSERT INTO t(v) VALUES ('last')"; ship
pages "$db" "$T/want.db"
exits 'from a standby' 0 \
    ls-restore -j -q --delta "$T/s/s.db" -o "$T/d/from.db" "$R"
is 'one file' "$(json files)" 1
ok 'page 1 is the replica'"'"'s again' cmp "$T/d/from.db" "$T/want.db"
for a in --all -; do
	exits "not with $a" 100 ls-restore --delta "$T/d/old.db" $a </dev/null
done
exits '--delta-txid alone' 100 ls-restore --delta-txid 1 -o x "$R"
done_testing
