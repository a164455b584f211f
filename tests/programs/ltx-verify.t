#!/bin/sh
# What the library writes, the reference reads: ltx verify, and ltx apply
# gives the database back byte for byte.
. tests/lib.sh
need sqlite3
need_peer ltx
make=$BUILD/tests/ltxmake
test -x "$make" || bail "no $make"
ltx=$PEERS/ltx

verify_and_apply() { # NAME DB FILE...
	vname=$1 vdb=$2; shift 2
	ok "$vname: ltx verify" "$ltx" verify "$@"
	rm -f "$T/got"
	ok "$vname: ltx apply" "$ltx" apply -db "$T/got" "$@"
	ok "$vname: the database comes back" cmp "$vdb" "$T/got"
}

for size in 512 1024 2048 4096 8192 16384 32768 65536; do
	db=$T/$size.db
	make_db "$db" 200 $size
	for enc in block frame; do
		"$make" db $enc 1 1 "$db" >"$T/a.ltx" || bail "ltxmake: $?"
		verify_and_apply "$enc of $size bytes" "$db" "$T/a.ltx"
	done
done

db=$T/db
make_db "$db" 3000
"$make" tracked block 1 1 "$db" >"$T/tracked.ltx"
ok 'tracked checksums: ltx verify' "$ltx" verify "$T/tracked.ltx"
is 'the database checksum is the reference'"'"'s' \
    "$(ls-dump "$T/tracked.ltx" | sed -n 's/^post-apply //p')" \
    "$("$ltx" checksum "$db" | grep -oE '[0-9a-f]{16}')"

# Three states of the database, as a full file and changes, merged.
"$make" db block 1 1 "$db" >"$T/1.ltx"
sql "$db" 'UPDATE t SET v = v || 1 WHERE id % 100 = 7'
sql "$db" 'PRAGMA wal_checkpoint(TRUNCATE)' >/dev/null
cp "$db" "$T/db2"
"$make" db frame 2 2 "$db" $(seq 1 60) >"$T/2.ltx"
sql "$db" 'DELETE FROM t WHERE id > 2000; VACUUM'
sql "$db" 'PRAGMA wal_checkpoint(TRUNCATE)' >/dev/null
"$make" db block 3 9 "$db" >"$T/3.ltx"
for enc in block frame; do
	"$make" merge $enc "$T/1.ltx" "$T/2.ltx" "$T/3.ltx" >"$T/m.ltx"
	verify_and_apply "merge to $enc" "$db" "$T/m.ltx"
	"$make" merge $enc "$T/2.ltx" "$T/3.ltx" >"$T/m.ltx"
	verify_and_apply "file and merge to $enc" "$db" "$T/1.ltx" "$T/m.ltx"
done
like 'the merge has all TXIDs' "$(ls-dump "$T/m.ltx")" \
    '^max-txid 0000000000000009$'

# No page at all.
"$make" db block 4 4 "$db" 1 >"$T/one.ltx"
ok 'one page: ltx verify' "$ltx" verify "$T/one.ltx"

# More pages than the index keeps in memory.
sql "$T/big.db" "PRAGMA page_size=512; CREATE TABLE z(b);
    INSERT INTO z VALUES(zeroblob(80000000))"
"$make" db block 1 1 "$T/big.db" >"$T/big.ltx"
verify_and_apply 'an index past its memory' "$T/big.db" "$T/big.ltx"

exits 'a file ltxmake refuses' 102 "$make" merge block "$T/1.ltx" "$T/3.ltx"
like 'and says why' "$err" 'leave a gap'
done_testing
