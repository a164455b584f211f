#!/bin/bash
# ls-prune: what keep: promises, over months, on a file replica and on S3; and
# what a supervisor gives and gets.
. tests/lib.sh
need sqlite3 python3
need_peer versitygw litestream-0.5
make=$BUILD/tests/ltxmake
make_db "$T/a.db" 20
name() { printf '%016x-%016x.ltx' $1 $2; }
day() { date -u -d "2026-01-01 + $1 days $2" +%s; }

# 1 to 60, a day each at 10:00 from the first of January 2026: level 0, level 1
# of three days each, and a snapshot every second day.
fill() {
	mkdir -p "$1/0" "$1/1" "$1/9"
	for i in $(seq 60); do
		test $i = 1 || sqlite3 "$T/a.db" "PRAGMA journal_mode=delete;
		    UPDATE t SET v = 'state $i' WHERE id = $i % 20 + 1" >/dev/null
		cp "$T/a.db" "$T/at$i"
		t=$(day $((i - 1)) 10:00)
		changed=$(test $i = 1 || cmp -l "$T/at$((i - 1))" "$T/at$i" |
		    awk '{ p = int(($1 - 1) / 4096) + 1 } p != last { print p; last = p }')
		LTX_TIME=${t}000 "$make" db block $(printf %x $i) $(printf %x $i) \
		    "$T/a.db" $changed >"$1/0/$(name $i $i)"
		test $((i % 3)) != 0 || "$make" merge block \
		    "$1/0/$(name $((i - 2)) $((i - 2)))" \
		    "$1/0/$(name $((i - 1)) $((i - 1)))" "$1/0/$(name $i $i)" \
		    >"$1/1/$(name $((i - 2)) $i)"
		test $((i % 2)) != 0 || LTX_TIME=${t}000 "$make" db block 1 \
		    $(printf %x $i) "$T/a.db" >"$1/9/$(name 1 $i)"
	done
}
state() { # URL TXID [PROG]
	rm -f "$T"/o.db*
	if test "$3"; then
		"$3" restore -txid $(printf %016x $2) -o "$T/o.db" "$1" 2>&1
	else
		ls-restore -q --txid $(printf %x $2) -o "$T/o.db" "$1"
	fi && cmp "$T/o.db" "$T/at$2"
}

try() { # WHAT URL FOLDER L0 L1 L9
	name=$1 url=$2 d=$3
	# by the headers alone (pain 535): a copy has lost all other times
	touch -d '2026-03-01 12:00' "$d/$4"/* "$d/$5"/* "$d/$6"/*
	set -- ls-prune --retention 1ms --l0-retention 1ms --daily 5 --weekly 3 \
	    --monthly 2
	exits "$name: -n" 0 "$@" -n "$url"
	# 60 is 1 March, a Sunday, which is not over; snapshots are on the even
	# ones, level 1 ends with multiples of three
	like "$name: a day with a snapshot" "$out" \
	    "^keep	9	0*1	$(printf %016x 58).*needed by the state of 2026-02-27 .daily."
	like "$name: a week" "$out" \
	    "^keep	9	0*1	$(printf %016x 46).*needed by the state of 2026-02-15 .weekly."
	like "$name: a month" "$out" \
	    "^keep	9	0*1	$(printf %016x 30).*needed by the state of 2026-01-30 .monthly."
	like "$name: the chain of a day without one" "$out" \
	    "^keep	1	$(printf %016x 55)	$(printf %016x 57).*2026-02-26 .daily."
	like "$name: what nothing needs goes" "$out" \
	    "^delete	9	0*1	$(printf %016x 40).*past the retention"
	exits "$name: pruned" 0 "$@" "$url"
	left=$(ls-list "$url" | grep -c ^9)
	nok "$name: others are gone" state "$url" 50
	for i in 60 58 57 56 54 52 46 38 30; do
		ok "$name: state $i" state "$url" $i
		ok "$name: by Litestream" state "$url" $i "$PEERS/litestream-0.5"
	done
	is "$name: few snapshots are left" "$left" 8
	exits "$name: again" 0 "$@" "$url"
	like "$name: nothing goes" "$err" 'deleted=0'
}
fill "$T/r/ltx"
s3_start
mkdir -p "$S3_DIR/mybkt/r"
for i in 0 1 9; do cp -r "$T/r/ltx/$i" "$S3_DIR/mybkt/r/000$i"; done
cp -r "$T/r" "$T/all"
try file "file://$T/r" "$T/r/ltx" 0 1 9
try s3 "$(s3_url r)" "$S3_DIR/mybkt/r" 0000 0001 0009

# every state of the last while: back from the newest, so level 0 stays too
cp -r "$T/all" "$T/r2"
for i in $(seq 60); do
	touch -d "@$(day $((i - 1)) 10:00)" "$T/r2/ltx/0/$(name $i $i)" \
	    "$T"/r2/ltx/[19]/*"$(printf %x $i).ltx"
done 2>"$T/touch"
url=file://$T/r2
exits '--keep-all' 0 ls-prune --retention 1ms --l0-retention 1ms \
    --keep-all 240h "$url"
is 'level 0 of these days stays' "$(ls-list -l 0 "$url" | grep -c ^0)" 11
ok 'its first state' state "$url" 50
ok 'and each one' state "$url" 55
nok 'none before' state "$url" 49

# a supervisor's listing, and what it is told
ls-list "$url" >"$T/listing"
exits 'given a listing' 0 ls-prune --retention 1ms --l0-retention 1ms \
    --listing "$T/listing" --changes "$url"
is 'what went is told' "$(printf '%s\n' "$out" | grep -c '^del	')" \
    $(($(grep -c '^[0-9]' "$T/listing") - $(ls-list "$url" | grep -c '^[0-9]')))
like 'in its words' "$out" "^del	0	$(printf %016x 50)	$(printf %016x 50)	[0-9]*	"
grep -v "$(printf %016x 60)" "$T/listing" >"$T/short"
exits 'what is not in it is not looked at' 0 ls-prune -0 -n --listing - \
    "$url" <"$T/short"
unlike 'nor named' "$out" "$(printf %016x 60)"

# what is not what it is called is not relied on: level 0 stays
cp -r "$T/all" "$T/r3"
url=file://$T/r3
touch -d '2026-03-01 12:00' "$T"/r3/ltx/*/*
: >"$T/r3/ltx/1/$(name 55 57)"
mv "$T/r3/ltx/1/$(name 58 60)" "$T/r3/ltx/1/$(name 58 600)"
exits 'files that are no such files' 0 ls-prune -0 "$url"
like 'one too short is told' "$err" "left alone.*level=1 file=$(name 55 57)"
like 'and one that ends where nothing has' "$err" \
    "left alone.*level=1 file=$(name 58 600)"
is 'what only level 0 has stays' "$(ls-list -l 0 "$url" | grep ^0 | cut -f 2)" \
    "$(printf '%016x\n' 55 56 57 58 59 60)"
is 'they stay too' "$(ls "$T/r3/ltx/1" | tail -n 2)" \
    "$(name 55 57; echo; name 58 600)"

# a folder that keeps no times: a snapshot goes by the state that is in it
cp -r "$T/all" "$T/r4"
url=file://$T/r4
: >"$T/r4/ltx/9/$(name 1 2)"
printf x | dd of="$T/r4/ltx/9/$(name 1 4)" bs=1 conv=notrunc 2>/dev/null
touch -d 2000-01-01 "$T"/r4/ltx/*/*
exits 'times that were lost' 0 ls-prune \
    --retention $(($(date +%s) - $(day 50 00:00)))s "$url"
for i in 52 54 56 58 60; do ok "state $i" state "$url" $i; done
is 'what is past it goes, also where it is damaged' \
    "$(ls "$T/r4/ltx/9" | head -n 2)" "$(name 1 2; echo; name 1 52)"
done_testing
