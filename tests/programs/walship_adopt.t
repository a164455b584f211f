#!/bin/bash
# A replica that was down while the others were taken over is taken over too
# when it is back: what it ends with is on the way to where they ended.
. tests/lib.sh
need sqlite3
db=$T/d/a.db one=file://$T/one two=file://$T/two
up() { : >"$T/walship.log"; rm -f "$LS_RUN_DIR/walship.sock"
    start walship ls-walship "$db" "$one" "${1:-$two}"
    wait_for 10 test -S "$LS_RUN_DIR/walship.sock"; }
insert() { sql "$db" "INSERT INTO t(v) VALUES ('$1')"; }
down() { mv "$T/two" "$T/two.away"; : >"$T/two"; } # not a folder
back() { rm "$T/two"; mv "$T/two.away" "$T/two"; }
whole() { rm -f "$T"/r.db*; ls-restore -q -o "$T/r.db" "$1" &&
    pages_equal "$db" "$T/r.db"; }
# a life of which the second replica sees nothing, with nothing but what the
# first one has; $1: restored, or the database without its state folder
life() {
	down
	rm -rf "$T/d/.a.db-litestream"
	test "$1" = lost || { rm -f "$db"*; ls-restore -q -o "$db" "$one"; }
	up
	insert "$1"
	ok "$1: one of two is enough" ls-sync --any -w 20s "$db"
	wait_for 30 grep -q 'shipping failed.*two' "$T/walship.log" ||
	    bail 'it is not down'
}

for how in lost restored; do
	rm -rf "$T/d" "$T/one" "$T/two"
	mkdir "$T/d"
	make_db "$db" 100
	up
	insert first
	ok "$how: two replicas" ls-sync -w 20s "$db"
	stop walship
	life $how
	stop walship KILL
	back
	life $how
	back
	ok "$how: it is back, and taken over" ls-sync -w 30s "$db"
	ok "$how: wholly" whole "$two"
	stop walship

	life $how
	stop walship KILL
	back
	up
	ok "$how: the same after a restart" ls-sync -w 30s "$db"
	ok "$how: wholly" whole "$two"

	# a writer that has no part in it
	stop walship
	rm -rf "$T/o" "$T/three"; mkdir "$T/o"
	make_db "$T/o/o.db" 100
	LS_RUN_DIR=$T/o ls-walship --once "$T/o/o.db" "file://$T/three" \
	    2>"$T/o.log"
	up "file://$T/three"
	exits "$how: a stranger's replica is refused" 102 ls-sync -w 20s "$db"
	stop walship
done

# the state folder is gone, the WAL is not: taken over by its end, of which
# nothing but the replica knew; and then no replica answers
rm -rf "$T/d" "$T/one" "$T/two"
mkdir "$T/d"
make_db "$db" 100
up
insert first
ls-sync -w 20s "$db"
stop walship KILL
rm -rf "$T/d/.a.db-litestream"
up
ok 'taken over by the WAL' ls-sync -w 20s "$db"
like 'without a copy' "$(cat "$T/walship.log")" 'the WAL continues'
stop walship KILL
for r in one two; do mv "$T/$r" "$T/$r.away"; : >"$T/$r"; done
up
insert alone
ok 'goes on without them' ls-sync --local -w 20s "$db"
unlike 'and without a copy' "$(cat "$T/walship.log")" 'full copy'
for r in one two; do rm "$T/$r"; mv "$T/$r.away" "$T/$r"; done
ok 'and with them' ls-sync -w 30s "$db"
ok 'wholly' whole "$two"
stop walship
done_testing
