#!/bin/bash
# ls-verify: each object of a replica is damaged in turn, and each damage is
# found and named; of what may be missing by retention nothing is lost.
. tests/lib.sh
need sqlite3 perl
db=$T/a.db r=$T/r url=file://$T/r
make_db "$db" 300
start walship ls-walship "$db" "$url"
ok 'replication' ls-sync -w 20s "$db"
for i in 2 3 4 5 6 7 8 9 10 11 12; do
	sql "$db" "INSERT INTO t(v) VALUES (hex(randomblob(500)));
	    UPDATE t SET v = hex(randomblob(48)) WHERE id % 17 = $i"
	ls-sync -w 20s "$db" || fail "sync $i"
done
name() { printf '%016x-%016x.ltx' "$1" "$2"; }
merge() { # LEVEL MIN MAX FILE...: as compaction would
	l=$1 to=$r/ltx/$1/$(name "$2" "$3"); shift 3
	mkdir -p "$r/ltx/$l"
	"$BUILD/tests/ltxmake" merge block "$@" >"$to"
}
l0=
for i in 2 3 4 5 6 7 8 9; do l0="$l0 $r/ltx/0/$(name $i $i)"; done
set -- $l0
merge 1 2 5 "$1" "$2" "$3" "$4"
merge 1 6 9 "$5" "$6" "$7" "$8"
merge 2 2 9 "$r/ltx/1/$(name 2 5)" "$r/ltx/1/$(name 6 9)"
merge 9 1 9 "$r/ltx/9/$(name 1 1)" "$r/ltx/2/$(name 2 9)"
for i in 1 2 3 4 5; do rm "$r/ltx/0/$(name $i $i)"; done
exits 'undamaged' 0 ls-verify "$db" "$url"
like 'it equals the database' "$out" \
    'ok; TXID 000000000000000c of .*, equals the live database page by page; 12 objects'
unlike 'and nothing was found' "$out" 'level'
exits 'the replica alone' 0 ls-verify "$url"
like 'says what it did not do' "$out" \
    'not compared with the live database: only a replica was named'

# damage KIND FILE: done to it
damage() {
	perl -e 'my ($kind, $f, $other) = @ARGV;
	    open my $h, "+<", $f or die; binmode $h; local $/; my $s = <$h>;
	    my $n = length $s;
	    my %at = (magic => 1, header => 85, page => 180, middle => $n / 2,
		index => $n - 16 - 8 - 2, length => $n - 17 - 8,
		trailer => $n - 1);
	    if (exists $at{$kind}) {
		substr($s, $at{$kind}, 1) ^= "\x10";
	    } elsif ($kind eq "half") { $s = substr($s, 0, $n / 2)
	    } elsif ($kind eq "short") { $s = substr($s, 0, 60)
	    } elsif ($kind eq "last") { $s = substr($s, 0, $n - 1)
	    } elsif ($kind eq "more") { $s .= "x"
	    } elsif ($kind eq "empty") { $s = "" } else { die }
	    seek $h, 0, 0; truncate $h, 0; print $h $s; close $h' "$1" "$2"
}
level_of() { basename "$(dirname "$1")"; }
# found FILE WHAT: exit 1, and a line that names it
found() {
	got=0
	ls-verify "$url" >"$T/found" 2>&1 || got=$?
	test $got = 1 && grep -q \
	    "r: level $(level_of "$1") file ${1##*/}: .*can still be restored" "$T/found" &&
	    return
	bad="$bad
$2 of ${1#"$r"}: exit $got: $(cat "$T/found")"
}
objects=$(find "$r" -name '*.ltx')
is 'objects' "$(echo "$objects" | wc -l)" 12
for kind in magic header page middle index length trailer half short last more empty; do
	bad=
	for f in $objects; do
		cp -p "$f" "$T/kept"
		damage $kind "$f"
		found "$f" $kind
		cp -p "$T/kept" "$f"
	done
	is "pain 582, 1164: $kind: each is found and named" "$bad" ''
done
bad= last=$r/ltx/0/$(name 12 12)
for f in $objects; do
	test "$f" != "$last" || last=$r/ltx/0/$(name 11 11)
	mv "$f" "$T/kept"; mv "$last" "$f"; mv "$T/kept" "$last"
	found "$f" swapped
	mv "$f" "$T/kept"; mv "$last" "$f"; mv "$T/kept" "$last"
done
is 'swapped with another: each is found and named' "$bad" ''
exits 'and whole again' 0 ls-verify "$db" "$url"

# Two at once, one of them needed for the newest state.
cp -p "$r/ltx/1/$(name 2 5)" "$T/k1"; cp -p "$r/ltx/0/$(name 11 11)" "$T/k0"
damage page "$r/ltx/1/$(name 2 5)"; damage half "$r/ltx/0/$(name 11 11)"
exits 'two' 1 ls-verify "$db" "$url"
like 'one' "$out" "level 1 file $(name 2 5): byte .*damaged LZ4 block; without it: "
like 'and the other' "$out" "level 0 file $(name 11 11): .*without it: what can still be restored ends at --txid 000000000000000a"
exits 'in one line for ls-tend' 1 ls-verify --proof "$db" "$url"
like 'with the first' "$out" '^[{]"db":"[^"]*/a.db","replica":"file:[^"]*","ok":false,"txid":null,"time":null,"bytes":[1-9][0-9]*,"error":"level 0 file .* [(]and 1 more[)]"[}]$'
mv "$T/k1" "$r/ltx/1/$(name 2 5)"; mv "$T/k0" "$r/ltx/0/$(name 11 11)"

# What it may read, and how fast
exits 'a budget too small for a restore' 1 ls-verify --budget 100 "$url"
like 'says so' "$out" 'a restore reads [0-9]* bytes, more than the budget of 100'
need=$(ls-verify -j "$url" | sed 's/.*"bytes":\([0-9]*\).*/\1/')
exits 'one for some' 0 ls-verify --budget $((need - 1)) "$url"
like 'says what it left out' "$out" '[1-9] objects not read for the budget'
t=$(date +%s%3N)
exits 'paced' 0 ls-verify --pace $((need / 2)) "$url"
t=$(($(date +%s%3N) - t))
ok 'takes its time' test $t -ge 1200

# missing FILE: what is said of the replica without it, and the exit code
missing() {
	mv "$1" "$T/kept"
	got=0
	ls-verify -w 500ms "$db" "$url" >"$T/found" 2>&1 || got=$?
	mv "$T/kept" "$1"
	echo "exit $got"; cat "$T/found"
}
for i in 7 8 9 10 11; do
	out=$(missing "$r/ltx/0/$(name $i $i)")
	like "level 0 without $i" "$out" "^exit 1$"
	like 'named' "$out" "r: level 0: TXID $(printf %016x $i) to $(printf %016x $i) are missing between level 0 file $(name $((i - 1)) $((i - 1))) and level 0 file $(name $((i + 1)) $((i + 1))).*can still be restored"
done
out=$(missing "$r/ltx/0/$(name 12 12)")
like 'without its newest' "$out" 'exit 1'
like 'named' "$out" 'r: the replica: it ends at TXID 000000000000000b, the database at 000000000000000c'
out=$(missing "$r/ltx/1/$(name 6 9)")
like 'level 1 without its newest' "$out" 'exit 1'
like 'named' "$out" "r: level 1: its newest files, up to TXID 0000000000000009, are missing after level 1 file $(name 2 5)"
# As retention leaves it: nothing can be lost, and that is what is proven.
for f in "$r/ltx/0/$(name 6 6)" "$r/ltx/1/$(name 2 5)" \
    "$r/ltx/2/$(name 2 9)" "$r/ltx/9/$(name 1 1)" "$r/ltx/9/$(name 1 9)"; do
	like "as retention may leave it, without ${f#"$r"/ltx/}" "$(missing "$f")" \
	    'ok; TXID 000000000000000c .*equals the live database'
done
# With nothing to spare each one is missed.
rm "$r/ltx/2"/* "$r/ltx/9/$(name 1 9)" "$r/ltx/1/$(name 6 9)"
exits 'nothing to spare' 0 ls-verify "$db" "$url"
like 'no snapshot' "$(missing "$r/ltx/9/$(name 1 1)")" \
    'TXID 0000000000000001 to 0000000000000001 are missing and no snapshot covers them: nothing can be restored'
like 'no level 1' "$(missing "$r/ltx/1/$(name 2 5)")" \
    'gap: TXID 0000000000000002 to 0000000000000005 are missing; what can still be restored ends at --txid 0000000000000001'

# Foreign ones and pins
touch "$r/ltx/0/notes.txt"
exits 'a foreign object is no fault' 0 ls-verify "$db" "$url"
like 'but named' "$out" 'note: .*/ltx/0/notes.txt: is no LTX file'
mkdir "$r/pins"
cp "$r/ltx/9/$(name 1 1)" "$r/pins/before-upgrade.ltx"
exits 'a pin' 0 ls-verify -j "$url"
like 'is read too' "$out" '"objects":10,'
damage trailer "$r/pins/before-upgrade.ltx"
exits 'a damaged one' 1 ls-verify "$url"
like 'is named' "$out" 'r: .*/pins/before-upgrade.ltx: .*file checksum mismatch'
cp "$r/ltx/0/$(name 9 9)" "$r/pins/before-upgrade.ltx"
exits 'one that is no full copy' 1 ls-verify "$url"
like 'is named' "$out" 'before-upgrade.ltx: it is no full copy'
rm -r "$r/pins"

# A page that is not the database's, in a file that is whole
pages "$db" "$T/other.db"
printf other | dd of="$T/other.db" bs=1 seek=$((4096 * 3 + 1000)) \
    conv=notrunc 2>"$T/dd"
newest=$r/ltx/0/$(name 12 12)
cp -p "$newest" "$T/kept"
"$BUILD/tests/ltxmake" db block c c "$T/other.db" >"$newest"
exits 'a page differs' 1 ls-verify "$db" "$url"
like 'it is named' "$out" 'the state of TXID 000000000000000c: 1 pages differ from the database: 4;'
exits 'in one line for ls-tend' 1 ls-verify --proof "$db" "$url"
like 'it is not proven' "$out" '"ok":false,"txid":"000000000000000c",.*"error":"the state of TXID 000000000000000c: 1 pages differ'
like 'the database is left alone' "$(ls-verify --no-compare "$db" "$url")" \
    'ok; .* is complete; not compared with the live database: not asked for'

cp -p "$T/kept" "$newest"

# Exit codes
exits 'an empty replica is an answer' 1 ls-verify -w 500ms "$db" "file://$T/none"
like 'named' "$out" 'none: not verified: the replica is empty'
exits 'usage' 100 ls-verify --pace fast "$url"
exits 'usage' 100 ls-verify --row "$url"
stop walship
done_testing
