#!/bin/bash
# ls-verify of a replica in the layout of Litestream 0.3: compared with the
# live database, and each damage to any of its objects is found.
. tests/lib.sh
need sqlite3 perl
. tests/programs/v03.sh

up
exits 'a snapshot alone' 0 ls-verify -c "$T/c.yml" "$db"
like 'is compared' "$out" 'ok; TXID 0000000000000001 .*equals the live database'
writes 4
ls-snapshot -q -r "$url" || fail 'a snapshot'
writes 4

# ---- good ----
exits 'undamaged' 0 ls-verify -c "$T/c.yml" "$db"
n=$(find "$T/r" -type f | wc -l)
like 'equals the database' "$out" \
    "ok; TXID 0000000000000009 of .*, equals the live database page by page; $n objects"
exits 'a proof' 0 ls-verify --proof -c "$T/c.yml" "$db"
like 'says which TXID' "$out" '"ok":true,"txid":"0000000000000009"'
exits 'freshness' 0 ls-verify -f --max-lag 1m -c "$T/c.yml" "$db"
like 'is told' "$out" 'fresh: the replica has TXID 0000000000000009'
exits 'the replica alone' 0 ls-verify "$url"
like 'is complete' "$out" 'ok; generations/[0-9a-f/]*wal.* is complete; not compared'
exits 'a row' 0 ls-verify --row -c "$T/c.yml" "$db"
like 'comes back' "$out" 'the new row came back'
stop walship
exits 'after the end' 0 ls-verify --proof -c "$T/c.yml" "$db"

# ---- not proven ----
pos=$(echo "$T"/d/.a.db-litestream/v03-*)
mv "$pos" "$T/pos"
exits 'without a position nothing is proven' 111 ls-verify --proof -c "$T/c.yml" "$db"
like 'and it is said' "$out" 'not compared .*no position of this replica'
exits 'nor is freshness' 111 ls-verify -f -c "$T/c.yml" "$db"
mv "$T/pos" "$pos"
exits 'an empty replica' 1 ls-verify "file://$T/none"

# ---- each object damaged, each gone ----
log=$(echo "$T"/r/generations/*/wal)
# Where a log ended the format does not tell, and retention takes snapshots.
silent() { # FILE: nothing in the replica says that it was there
	case $1 in *.snapshot.lz4) return 0 ;; esac
	test "$1" = "$log/$(ls "$log" | grep "^$(basename "$1" | cut -d _ -f 1)" |
	    tail -n 1)"
}
bad=
for f in $(find "$T/r" -type f); do
	cp -p "$f" "$T/kept"
	for kind in flip half gone; do
		silent=0
		case $kind in
		flip) perl -e 'open my $h, "+<", $ARGV[0]; local $/; my $s = <$h>;
		    substr($s, length($s) / 2, 1) ^= "\x10";
		    seek $h, 0, 0; print $h $s' "$f" ;;
		half) perl -e 'truncate $ARGV[0], (-s $ARGV[0]) / 2' "$f" ;;
		gone) silent "$f" && silent=1; rm "$f" ;;
		esac
		got=0
		ls-verify "$url" >"$T/found" 2>&1 || got=$?
		test $kind = gone || grep -q "${f##*/}: " "$T/found" ||
		    got="$got, not named"
		test "$got" = 1 || test $silent = 1 || bad="$bad
$kind ${f#"$T"}: exit $got: $(cat "$T/found")"
		cp -p "$T/kept" "$f"
	done
done
is 'each damage is found' "$bad" ''
f=$(ls "$log" | tail -n 1)
mv "$log/$f" "$T/kept"
exits 'what was put last is gone' 1 ls-verify --proof -c "$T/c.yml" "$db"
like 'which is said' "$out" "${f%.wal.lz4}.*put last, and is gone"
mv "$T/kept" "$log/$f"
exits 'whole again' 0 ls-verify --proof -c "$T/c.yml" "$db"

# ---- by itself ----
echo 'verify: {interval: 1s}' >>"$T/c.yml"
up
start tend ls-tend -c "$T/c.yml"
ok 'ls-tend has it proven' wait_for 20 grep -q \
    'proven-txid=00000000000000[01]' "$LS_RUN_DIR/tend.status"
stop tend
stop walship
done_testing
