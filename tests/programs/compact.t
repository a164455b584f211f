#!/bin/bash
# ls-compact on file replicas and on S3, and of LTX files.
. tests/lib.sh
need sqlite3 python3
need_peer versitygw ltx litestream-0.5
make=$BUILD/tests/ltxmake
test -x "$make" || bail "no $make"
litestream=$PEERS/litestream-0.5

name() { printf '%016x-%016x.ltx' "$1" "${2:-$1}"; }
row() { printf '%s\t%s\t%016x\t%016x' "$@"; }

changed() { # pages of B that are not those of A
	cmp -l "$1" "$2" | awk '{ p = int(($1 - 1) / 4096) + 1 }
	    p != last { print p; last = p }'
}

# States 1 to 40 of a database in $T, and level-0 files of them in $T/l0, whose
# times are a second apart; 12 holds every page, as after a lost position.
make_db "$T/a.db" 200
mkdir "$T/l0"
for i in $(seq 1 40); do
	test $i = 1 || sqlite3 "$T/a.db" "PRAGMA journal_mode=delete;
	    UPDATE t SET v = 'state $i' WHERE id = $i;
	    INSERT INTO t(v) VALUES (hex(randomblob(1500)))" >/dev/null
	cp "$T/a.db" "$T/state$i"
	case $i in 1 | 12) p= ;; *)
		p=$(changed "$T/state$((i - 1))" "$T/a.db" 2>/dev/null)
		n=$(($(wc -c <"$T/state$((i - 1))") / 4096))
		p="$p $(seq $((n + 1)) $(($(wc -c <"$T/a.db") / 4096)))" ;;
	esac
	LTX_TIME=$((1700000000000 + i * 1000)) "$make" db block $(printf %x $i) \
	    $(printf %x $i) "$T/a.db" $p >"$T/l0/$(name $i)"
done
fill() { # FOLDER FIRST LAST: these level-0 files
	mkdir -p "$1"
	for i in $(seq "$2" "$3"); do
		cp "$T/l0/$(name $i)" "$1"
		touch -d "@$((1700000000 + i))" "$1/$(name $i)"
	done
}
state() { # NAME URL N: our restore to TXID N is that state
	rm -f "$T/o.db"
	ls-restore -q --txid "$(printf %016x "$3")" -o "$T/o.db" "$2" \
	    2>"$T/o.err"
	if cmp -s "$T/o.db" "$T/state$3"; then pass "$1"
	else fail "$1" "$(cat "$T/o.err")"; fi
}
theirs() { # NAME URL N: Litestream's
	rm -f "$T/o.db"
	"$litestream" restore -txid "$(printf %016x "$3")" -o "$T/o.db" "$2" \
	    >"$T/o.err" 2>&1
	if cmp -s "$T/o.db" "$T/state$3"; then pass "$1"
	else fail "$1" "$(cat "$T/o.err")"; fi
}
damage() { # another byte in its middle
	n=$(($(wc -c <"$1") / 2))
	{ head -c $n "$1"
	  tail -c +$((n + 1)) "$1" | head -c 1 | tr '\000-\377' '\001-\377\000'
	  tail -c +$((n + 2)) "$1"; } >"$T/damaged"
	cat "$T/damaged" >"$1"
}

# ---- both back ends ----

both() { # NAME URL FOLDER DIGITS: level n is FOLDER/DIGITSn
	name=$1 url=$2 L=$3/$4
	fill "${L}0" 1 10
	exits "$name: level 1" 0 ls-compact -l 1 --changes "$url"
	is "$name: what was put is told" \
	    "$(printf '%s\n' "$out" | cut -f 1-4)" "$(row add 1 1 10)"
	f=${L}1/$(name 1 10)
	ok "$name: ltx verify" "$PEERS/ltx" verify "$f"
	is "$name: pain 771: the original time survives compaction" \
	    "$(ls-dump "$f" | sed -n 's/^time //p')" 2023-11-14T22:13:30.000Z
	is "$name: and no other file is there" "$(ls "${L}1")" "$(name 1 10)"
	exits "$name: again" 0 ls-compact -l 1 "$url"
	like "$name: there is nothing to do" "$err" 'nothing to compact'
	fill "${L}0" 11 20
	exits "$name: the lowest that is behind" 0 ls-compact "$url"
	ok "$name: with a full copy among them" test -e "${L}1/$(name 11 20)"
	exits "$name: and then level 2" 0 ls-compact "$url"
	ok "$name: of both" test -e "${L}2/$(name 1 20)"
	fill "${L}0" 21 21
	exits "$name: a single file" 0 ls-compact -l 1 "$url"
	ok "$name: is the same again" cmp "${L}0/$(name 21)" "${L}1/$(name 21)"
	rm -rf "${L}0"
	fill "${L}0" 22 30
	exits "$name: level 1 goes on" 0 ls-compact -l 1 --verify "$url"
	rm "${L}0"/*; rmdir "${L}0"
	for n in 10 20 21 30; do
		state "$name: TXID $n from levels 1 and 2" "$url" $n
		theirs "$name: and by Litestream" "$url" $n
	done
	rm -rf "${L}1"
	fill "${L}1" 1 3
	theirs "$name: pain 1199: over a full copy at level 0" "$url" 20
	rm -rf "${L}0" "${L}1" "${L}2"
}
both file "file://$T/f" "$T/f/ltx" ''
s3_start
both s3 "$(s3_url r)" "$T/s3/mybkt/r" 000

# Bytes go up only if they have to.
mark() { at=$(wc -c <"$S3_LOG"); }
ops() { # since mark
	sleep 0.2
	tail -c +$((at + 1)) "$S3_LOG" | grep -o ' s3_[A-Za-z0-9]*' | sort |
	    uniq -c | tr -s ' \n' ' '
}
url=$(s3_url one)
fill "$T/s3/mybkt/one/0000" 1 1
ls-list "$url" >"$T/listing"
mark
exits 's3: one file into the next level' 0 ls-compact -l 1 \
    --listing "$T/listing" "$url"
ok 's3: is there' cmp "$T/l0/$(name 1)" \
    "$T/s3/mybkt/one/0001/$(name 1)"
is 's3: it was read once and copied, not listed and not uploaded' \
    "$(ops)" ' 1 s3_CopyObject 1 s3_GetObject 1 s3_HeadObject '

# ---- local copies ----

# A database whose state folder holds level-0 files.
db=$T/app.db
cp "$T/state40" "$db"
M=$T/.app.db-litestream/ltx/0
mine() { rm -rf "$T/.app.db-litestream"; fill "$M" "$@"; }
R=$T/r/ltx
fresh() { rm -rf "$R"; fill "$R/0" "$@"; }

rm -rf "$T/s3/mybkt/l"
fill "$T/s3/mybkt/l/0000" 1 30
mine 1 30
mark
exits 'local copies' 0 ls-compact -l 1 "$db" "$(s3_url l)"
is 'are read, and of the replica only the end of one' \
    "$(ops)" ' 1 s3_GetObject 1 s3_ListObjectsV2 1 s3_PutObject '
state 'and the result is right' "$(s3_url l)" 30

fresh 1 30; mine 1 30
cp "$T/l0/$(name 29)" "$M/$(name 30)"
exits 'local files that are not the replica'"'"'s' 0 \
    ls-compact -l 1 "$db" "file://$T/r"
rm -rf "$R/0"
state 'are not used' "file://$T/r" 30
fresh 1 30; mine 1 30; damage "$M/$(name 7)"
exits 'a damaged local file' 0 ls-compact -l 1 "$db" "file://$T/r"
like 'is named' "$err" 'local files are not used'
rm -rf "$R/0"
state 'and the replica read' "file://$T/r" 30

# ---- gaps and damage ----

fresh 1 30; mine 5 30; rm "$R/0/$(name 9)" "$R/0/$(name 10)"
exits 'pain 1459: a gap that local files close' 0 ls-compact -l 1 --changes \
    "$db" "file://$T/r"
is 'all of it is told' "$(printf '%s\n' "$out" | cut -f 1-4)" "$(row add 0 9 9)
$(row add 0 10 10)
$(row add 1 1 30)"
like 'and logged' "$err" 'put again from the local copy'
ok 'it is there again' cmp "$R/0/$(name 9)" "$T/l0/$(name 9)"
state 'and the result is right' "file://$T/r" 30

fresh 1 30; mine 5 30; damage "$R/0/$(name 9)"
cp "$R/0/$(name 9)" "$T/bad"
exits 'a damaged object with a local copy' 0 ls-compact -l 1 "$db" \
    "file://$T/r"
rm -rf "$R/0"
state 'the copy is read' "file://$T/r" 30
fresh 1 30; head -c 300 "$T/l0/$(name 9)" >"$R/0/$(name 9)"
exits 'one that is cut short' 0 ls-compact -l 1 "$db" "file://$T/r"
is 'is never replaced' "$(wc -c <"$R/0/$(name 9)")" 300
rm -rf "$R/0"
state 'but not needed' "file://$T/r" 30

fresh 1 30; rm "$R/0/$(name 9)"
exits 'a gap that nothing closes' 1 ls-compact -l 1 --changes "file://$T/r"
is 'is told' "$(printf '%s\n' "$out" | cut -f 1-4)" "$(row gap 0 9 9)"
like 'and named, with the way out' "$err" \
    'TXIDs 0000000000000009 to 0000000000000009 of level 0.*full copy'
nok 'nothing was published' test -e "$R/1"
fresh 1 30; damage "$R/0/$(name 9)"
exits 'an object that is damaged, and no copy' 1 ls-compact -l 1 --changes \
    "file://$T/r"
is 'is told as one' "$(printf '%s\n' "$out" | cut -f 1-4)" "$(row gap 0 9 9)"
like 'and named' "$err" "gap: .*ltx/0/$(name 9)"
nok 'nothing was published' test -e "$R/1"

# TXID 12 is a full copy: with its snapshot the gap is none.
mkdir "$R/9"; ls-compact "$T/l0/$(name 12)" >"$T/12.ltx"
"$make" db block 1 c "$T/state12" >"$R/9/$(name 1 12)"
exits 'pain 1155: after a full copy' 0 ls-compact -l 1 --changes "file://$T/r"
is 'it goes on, up to the gap and over it' \
    "$(printf '%s\n' "$out" | cut -f 1-4)" "$(row add 1 1 8)
$(row add 1 9 30)"
ok 'which Litestream can merge' "$PEERS/ltx" verify "$R/1/$(name 9 30)"
exits 'and so can we' 0 ls-compact -l 2 "file://$T/r"
rm -rf "$R/0" "$R/9"
for n in 8 30; do
	state "TXID $n is there" "file://$T/r" $n
	theirs "TXID $n by Litestream" "file://$T/r" $n
done

# A page that no file has: TXID 6 grew the database.
fresh 1 11
n=$(($(wc -c <"$T/state5") / 4096)) m=$(($(wc -c <"$T/state6") / 4096))
test $m -gt $n || bail 'TXID 6 does not grow it'
"$make" db block 6 6 "$T/state6" 1 2 >"$R/0/$(name 6)"
exits 'a page that is missing' 102 ls-compact -l 1 --changes "file://$T/r"
like 'is named' "$err" "page $((n + 1)) is missing"
is 'is told as a gap' "$(printf '%s\n' "$out" | cut -f 1)" gap
nok 'nothing was published' test -e "$R/1"
mkdir "$R/1"; "$make" merge block "$R"/0/000000000000000[1-5]-* \
    >"$R/1/$(name 1 5)"
exits 'also where the level goes on' 102 ls-compact -l 1 "file://$T/r"
like 'with the same page' "$err" "page $((n + 1)) is missing"
is 'nothing was published' "$(ls "$R/1")" "$(name 1 5)"

# A level above heals from the one below.
fresh 1 30
for i in 1 11 21; do
	mkdir -p "$R/1"
	"$make" merge block $(for k in $(seq $i $((i + 9))); do
		echo "$R/0/$(name $k)"; done) >"$R/1/$(name $i $((i + 9)))"
done
damage "$R/1/$(name 11 20)"
exits 'a damaged file of level 1' 0 ls-compact -l 2 "file://$T/r"
like 'is named' "$err" "left out.*$(name 11 20)"
rm -rf "$R/0" "$R/1"
state 'and level 0 has it' "file://$T/r" 30

# ---- two at once ----

fresh 1 30
ls-list "file://$T/r" >"$T/listing"
exits 'one' 0 ls-compact -l 1 "file://$T/r"
before=$(ls -i "$R/1")
exits 'another, who knows nothing of it' 0 \
    ls-compact -l 1 --listing "$T/listing" --changes "file://$T/r"
is 'leaves what is there' "$(ls -i "$R/1")" "$before"
is 'and says so' "$(printf '%s\n' "$out" | cut -f 1-4)" "$(row add 1 1 30)"
damage "$R/1/$(name 1 30)"; cp "$R/1/$(name 1 30)" "$T/bad"
exits 'what is there is damaged' 102 ls-compact -l 1 --listing "$T/listing" \
    "file://$T/r"
like 'it is named, with the way out' "$err" "$(name 1 30).*"
ok 'and never replaced' cmp "$T/bad" "$R/1/$(name 1 30)"
fresh 1 30; rm "$R/0/$(name 30)"
exits 'a listing of a file that is gone' 0 sh -c 'ls-compact -l 1 --changes \
    --listing - "$0" <"$1"' "file://$T/r" "$T/listing"
is 'is told' "$(printf '%s\n' "$out" | cut -f 1-4)" "$(row stale 0 30 30)
$(row add 1 1 29)"
exits 'an empty replica' 0 ls-compact "file://$T/none"
exits 'no listing' 102 ls-compact --listing "$T/no" "file://$T/r"
echo nonsense >"$T/no"
exits 'one that is none' 102 ls-compact --listing "$T/no" "file://$T/r"
like 'is shown' "$err" 'no line of a listing.*nonsense'

# ---- a listing that others have made old ----

fresh 1 4
mkdir -p "$R/9"
ls-compact -q -l 1 "file://$T/r" || bail 'compact'
fill "$R/0" 5 8
ls-list "file://$T/r" | grep '^[0-9]' >"$T/stale"
ls-compact -q -l 1 "file://$T/r" || bail 'compact'
rm "$R/0/$(name 5)" "$R/0/$(name 6)"
exits 'compacted and deleted by another' 0 ls-compact -l 1 \
    --listing "$T/stale" --changes "file://$T/r"
is 'that is no gap, and the listing is to be read anew' \
    "$(printf '%s\n' "$out" | cut -f 1,2)" 'stale	0'
ls-snapshot -q -r "file://$T/r" || bail 'snapshot'
grep -v '^1' "$T/stale" >"$T/stale0"
exits 'a snapshot by it' 111 ls-snapshot -r --listing "$T/stale0" --changes \
    "file://$T/r"
like 'says so, too' "$out" '^stale	'

# ---- LTX files ----

cd "$T/l0" || bail 'no files'
ls-compact "$(name 2)" "$(name 1)" >"$T/m.ltx"
ok 'two files are merged' "$PEERS/ltx" verify "$T/m.ltx"
cat $(for i in $(seq 3 40); do name $i; echo; done) |
    ls-compact "$T/m.ltx" - >"$T/all.ltx"
ls-restore -q -o "$T/all.db" - <"$T/all.ltx"
ok 'and many by standard input' cmp "$T/all.db" "$T/state40"
ls-compact "$T/all.ltx" "$(name 7)" "$(name 1)" >"$T/again.ltx"
ok 'what is covered says nothing more' cmp "$T/again.ltx" "$T/all.ltx"
ls-compact -e frame "$T/all.ltx" >"$T/frame.ltx"
ok 'frames' "$PEERS/ltx" verify "$T/frame.ltx"
nok 'are others' cmp -s "$T/frame.ltx" "$T/all.ltx"
merge() { ls-compact "$@" >"$T/null"; }
exits 'a gap' 102 merge "$(name 1)" "$(name 3)"
like 'is named' "$err" 'leave a gap'
exits 'no such file' 1 merge "$(name 1)" "$T/x.ltx"
{ cat "$(name 1)"; echo x; } >"$T/x.ltx"
exits 'more than a file' 102 merge "$T/x.ltx" "$(name 2)"
like 'is named' "$err" "$T/x.ltx"
damage "$T/m.ltx"
exits 'damage' 102 merge "$T/m.ltx" "$(name 3)"
exits 'options of levels' 100 merge -l 1 "$(name 1)" "$(name 2)"
done_testing
