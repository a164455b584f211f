#!/bin/bash
# ls-restore --move-aside: an existing database is moved, never deleted, and
# only when the restored one is ready.
# run: asan
. tests/lib.sh
need sqlite3
mkdir "$T/d"
make_db "$T/a.db" 300
ls-walship --once --run-dir '' "$T/a.db" "file://$T/r" 2>"$T/log" ||
    bail "$(cat "$T/log")"
pages "$T/a.db" "$T/want.db"
R=file://$T/r db=$T/d/x.db
# an old one whose last rows are in its -wal alone
old() {
	rm -rf "$T/d"; mkdir "$T/d"
	make_db "$db" 10
	sqlite3 "$db" '.filectrl persist_wal 1' 'PRAGMA wal_autocheckpoint=0' \
	    "INSERT INTO t(v) VALUES ('old')" >"$T/sq"
	test -s "$db-wal" || bail 'no -wal'
	: >"$db-journal"
}
here() { (cd "$T/d" && ls -A) | tr '\n' ' '; }

old
exits 'an existing database stays without it' 102 ls-restore -o "$db" "$R"
was=$(cksum "$T/d"/*)
cp -r "$T/r" "$T/bad"
f=$(find "$T/bad" -name '*.ltx' | head -n 1)
for f in $(find "$T/bad" -name '*.ltx'); do
	printf x | dd of="$f" bs=1 seek=700 conv=notrunc 2>"$T/dd"
done
exits 'a restore that fails' 102 \
    ls-restore --move-aside -o "$db" "file://$T/bad"
is 'leaves everything where it is' "$(cksum "$T/d"/*)" "$was"
exits 'an empty replica' 1 ls-restore --move-aside -o "$db" "file://$T/none"
exits 'or -e' 0 ls-restore -e --move-aside -o "$db" "file://$T/none"
is 'too' "$(cksum "$T/d"/*)" "$was"
exits 'and -n' 0 ls-restore -n --move-aside -o "$db" "$R"
is 'too' "$(cksum "$T/d"/*)" "$was"

exits '--move-aside' 0 ls-restore --move-aside -o "$db" "$R"
ok 'restores' cmp "$db" "$T/want.db"
to=$(printf '%s\n' "$err" | sed -n 's/.*moved aside.*file=[^ ]*x.db to=\([^ ]*\).*/\1/p')
like 'and prints where the old one is' "$to" '/d/x.db.replaced-[0-9]{14}$'
is 'with its -wal' "$(sql "$to" "SELECT count(*) FROM t WHERE v = 'old'")" 1
rm -f "$to-shm" "$to-wal"
unlike 'nothing of it is left beside the new one' "$(here)" ' x.db-'
exits 'again' 0 ls-restore -q --move-aside -o "$db" "$R"
like 'is printed even with -q' "$err" 'moved aside.*x.db.replaced-'
is 'and the first is still there' \
    "$(ls "$T/d" | grep -c 'replaced-[0-9]*\([.][0-9]*\)*$')" 2

# what is in use stays
old
mkfifo "$T/in"
sqlite3 "$db" <"$T/in" >"$T/sq" 2>&1 & user=$!
exec 5>"$T/in"
echo 'SELECT count(*) FROM t;' >&5
wait_for 10 test -s "$T/sq" || bail 'no reader'
exits 'a database in use' 111 ls-restore --move-aside -o "$db" "$R"
like 'is said to be' "$err" 'in use and cannot be moved aside: stop'
is 'and stays' "$(here)" 'x.db x.db-journal x.db-shm x.db-wal '
exec 5>&-; wait $user
# what is no database is moved as well; links and folders are not
echo text >"$T/d/text"
exits 'another file' 0 ls-restore -q --move-aside -o "$T/d/text" "$R"
is 'is kept' "$(cat "$T/d/text".replaced-*)" text
ln -s x.db "$T/d/link"
exits 'a link' 102 ls-restore --move-aside -o "$T/d/link" "$R"
mkdir "$T/d/dir"
exits 'a folder' 102 ls-restore --move-aside -o "$T/d/dir" "$R"
exits 'nothing there' 0 ls-restore --move-aside -o "$T/d/new.db" "$R"
unlike 'nothing moved' "$err" 'moved aside'
exits '-i is the opposite' 100 ls-restore -i --move-aside -o "$db" "$R"
exits 'not to standard output' 100 ls-restore --move-aside -o - "$R"

# a database that is replicated: the restored one goes on
echo 'dbs: [{ path: '"$T/a.db"', replica: { url: "'"$R"'" } }]' >"$T/c.yml"
exits 'in its place' 0 ls-restore --move-aside -c "$T/c.yml" "$T/a.db"
ok 'is it' cmp "$T/a.db" "$T/want.db"
n=$(find "$T/r" -type f | wc -l)
ls-walship --once --run-dir '' "$T/a.db" "$R" 2>"$T/log"
is 'and replication goes on without a full copy' \
    "$(find "$T/r" -type f | wc -l)" "$n"
# positions of an earlier database are not this one's
rm -f "$T/d/new.db"
echo 0000000000000007 >"$T/d/new.db-txid"
exits 'a left position' 0 ls-restore -o "$T/d/new.db" "$R"
nok 'is not that of what is restored' test -e "$T/d/new.db-txid"
done_testing
