#!/bin/bash
# Pins: states that stay under a name; one is made before a replacement.
. tests/lib.sh
need sqlite3 python3
need_peer litestream-0.5 ltx versitygw
name() { printf '%016x-%016x.ltx' $1 $2; }
once() { timeout 30 ls-walship --once "$@" 2>"$T/once.log" || { r=$?; cat "$T/once.log" >&2; return $r; }; }
insert() { sql "$1" "INSERT INTO t(v) VALUES ('$2')"; }
has() { # URL OPTIONS...: how many rows a restore has
	rm -f "$T"/r.db*
	ls-restore -q -o "$T/r.db" "${@:2}" "$1" && sql "$T/r.db" \
	    'SELECT count(*) FROM t'
}

try() { # WHAT URL FOLDER
	rm -rf "$T/d"; mkdir "$T/d"
	db=$T/d/a.db
	make_db "$db" 10
	for i in 1 2 3 4; do insert "$db" $i; once "$db" "$2"; done
	exits "$1: --pin" 0 ls-snapshot --pin first "$2"
	like "$1: says what" "$err" 'pinned.*txid=0*4 .*pin=first'
	exits "$1: --txid" 0 ls-snapshot --pin two.x_-1 --txid 2 "$2"
	ok "$1: is an LTX file" "$PEERS/ltx" verify "$3/pins/two.x_-1.ltx"
	exits "$1: a name that is taken" 102 ls-snapshot --pin first --txid 2 "$2"
	like "$1: is told" "$err" 'a pin first already.*--unpin first'
	exits "$1: a state that is not there" 1 ls-snapshot --pin no --txid 9 "$2"
	exits "$1: -t" 0 ls-snapshot --pin time -t 2199-01-01T00:00:00Z "$2"
	exits "$1: ls-list --pins" 0 ls-list --pins "$2"
	is "$1: lists them" "$(printf '%s\n' "$out" | cut -f 1-3,6 | tr '\t' ' ')" \
"level min_txid max_txid pin
pin 0000000000000001 0000000000000004 first
pin 0000000000000001 0000000000000004 time
pin 0000000000000001 0000000000000002 two.x_-1"
	exits "$1: as JSON" 0 ls-list --pins -j "$2"
	is "$1: with their names" "$(printf %s "$out" | python3 -c \
	    'import json, sys; print(*[f["pin"] for f in json.load(sys.stdin)["files"]])')" \
	    'first time two.x_-1'
	is "$1: restored" "$(has "$2" --pin two.x_-1)" 12
	exits "$1: -n" 0 ls-restore -n --pin first "$2"
	like "$1: is one file" "$out" '^pin.*0000000000000001.*0000000000000004'
	exits "$1: no such pin" 1 ls-restore -o "$T/n.db" --pin none "$2"
	like "$1: is told" "$err" 'no pin none; ls-list --pins'
	exits "$1: not even with -e" 1 ls-restore -e -o "$T/n.db" --pin none "$2"

	# outside of everything else
	exits "$1: ls-list" 0 ls-list "$2"
	unlike "$1: does not see them" "$out" 'other objects|pins|	9	'
	for i in 1 2 3; do insert "$db" later; once "$db" "$2"; done
	exits "$1: a snapshot" 0 ls-snapshot -r "$2"
	exits "$1: pinned where a snapshot is that state" 0 \
	    ls-snapshot --pin copy "$2"
	ok "$1: is a copy of it" cmp "$3/pins/copy.ltx" \
	    "$(ls "$3"/ltx/9/*7.ltx "$3"/0009/*7.ltx 2>/dev/null | tail -1)"
	exits "$1: ls-prune" 0 ls-prune --retention 0 --l0-retention 1ms "$2"
	is "$1: touches none" "$(ls "$3/pins" | tr '\n' ' ')" \
	    'copy.ltx first.ltx time.ltx two.x_-1.ltx '
	is "$1: what has gone elsewhere is there" "$(has "$2" --pin two.x_-1)" 12
	is "$1: the newest is not a pin" "$(has "$2")" 17

	# a pin restored in place is not the newest state
	rm -f "$db" "$db"-*
	ok "$1: restored in place" ls-restore -q -o "$db" --pin first "$2"
	insert "$db" fork
	exits "$1: and replicated" 0 once "$db" "$2"
	is "$1: goes on after the newest" "$(ls-list "$2" | cut -f 3 |
	    grep ^0 | sort | tail -1)" 0000000000000008
	is "$1: with all of it" "$(has "$2")" 15

	exits "$1: --unpin" 0 ls-prune --unpin first "$2"
	exits "$1: once" 1 ls-prune --unpin first "$2"
	is "$1: only that" "$(ls "$3/pins" | tr '\n' ' ')" \
	    'copy.ltx time.ltx two.x_-1.ltx '
	printf x | dd of="$3/pins/time.ltx" bs=1 seek=300 conv=notrunc 2>"$T/dd"
	exits "$1: a damaged pin" 102 ls-restore -o "$T/n.db" --pin time "$2"
	nok "$1: is nothing restored" test -e "$T/n.db"
}

replaced() { # WHAT URL FOLDER
	rm -rf "$T/d" "$T/o"; mkdir "$T/d" "$T/o"
	make_db "$T/o/a.db" 100
	insert "$T/o/a.db" x
	once "$T/o/a.db" "$2"
	insert "$T/o/a.db" y
	once "$T/o/a.db" "$2"
	# a new database, without a state folder
	make_db "$T/d/a.db" 5
	exits "$1: held" 102 once "$T/d/a.db" "$2"
	nok "$1: no pin" ls "$3/pins"
	exits "$1: accepted" 0 once --accept-replacement "$T/d/a.db" "$2"
	is "$1: one pin" "$(ls "$3/pins" |
	    grep -cE '^before-replacement-20[0-9]{6}T[0-9]{6}Z\.ltx$')" 1
	p=$(ls "$3/pins"); p=${p%.ltx}
	is "$1: of what was there" "$(has "$2" --pin "$p")" 102
	is "$1: the replica is the new one" "$(has "$2")" 5
	insert "$T/d/a.db" z
	exits "$1: and goes on" 0 once --accept-replacement "$T/d/a.db" "$2"
	is "$1: without another pin" "$(ls "$3/pins" | wc -l)" 1
	# the first database again, whose state folder knows another history
	insert "$T/o/a.db" again
	exits "$1: fenced" 102 once "$T/o/a.db" "$2"
	exits "$1: accepted" 0 once --accept-replacement "$T/o/a.db" "$2"
	is "$1: one more" "$(ls "$3/pins" | wc -l)" 2
	is "$1: the replica is the old one" "$(has "$2")" 103
	p=$(ls "$3/pins" | grep -vxF "$p.ltx"); p=${p%.ltx}
	is "$1: the other is in the pin" "$(has "$2" --pin "$p")" 6
	# Litestream goes on as if nothing was there
	exits "$1: Litestream lists" 0 "$PEERS/litestream-0.5" ltx "$4"
	unlike "$1: no pin" "$out" pin
	rm -f "$T"/l.db*
	exits "$1: Litestream restores" 0 "$PEERS/litestream-0.5" restore \
	    -o "$T/l.db" "$4"
	is "$1: all of it" "$(sql "$T/l.db" 'SELECT count(*) FROM t')" 103
}

try file "file://$T/one" "$T/one"
replaced file "file://$T/two" "$T/two" "file://$T/two"
s3_start
try s3 "$(s3_url one)" "$S3_DIR/mybkt/one"
replaced s3 "$(s3_url two)" "$S3_DIR/mybkt/two" "$(s3_url two)"

# what cannot be read is not replaced
rm -rf "$T/d" "$T/o"; mkdir "$T/d" "$T/o"
make_db "$T/o/a.db" 100
once "$T/o/a.db" "file://$T/bad"
insert "$T/o/a.db" y
once "$T/o/a.db" "file://$T/bad"
for f in "$T"/bad/ltx/*/*; do
	printf xxxx | dd of="$f" bs=1 seek=300 conv=notrunc 2>"$T/dd"
done
make_db "$T/d/a.db" 5
exits 'a replica that is damaged' 111 \
    once --accept-replacement "$T/d/a.db" "file://$T/bad"
like 'is not replaced without a pin' "$err" 'without a pin'
is 'it is as it was' "$(ls "$T"/bad/ltx/0 | wc -l)" 2

exits 'a name with a slash' 100 ls-snapshot --pin a/b "file://$T/one"
exits 'a name that is too long' 100 ls-snapshot --pin \
    "$(printf %065d 1)" "file://$T/one"
exits 'a pin and a time' 100 ls-restore --pin a -t 2026-01-01T00:00:00Z \
    -o x "file://$T/one"
exits '--txid without --pin' 100 ls-snapshot -r --txid 1 "file://$T/one"
done_testing
