#!/bin/bash
# Folders and files that the process may not write.
. tests/lib.sh
need sqlite3
if test "$(id -u)" = 0; then
	need setpriv
	as="setpriv --reuid 61234 --regid 61234 --clear-groups"
	own() { chown -R 61234:61234 "$@"; }
	# where all can read them
	cp "$BUILD/bin/ls-walship" "$BUILD/bin/ls-conf" "$T"
else
	as=
	own() { :; }
	ln -s "$BUILD/bin/ls-walship" "$BUILD/bin/ls-conf" "$T"
fi
chmod 755 "$T"
mkdir "$T/ro" "$T/rw" "$T/out" "$T/urun" "$T/meta"
for i in ro/a rw/b; do make_db "$T/$i.db" 10; done
conf() {
	echo dbs:
	printf '  - path: %s\n    replica: {path: %s}\n' \
	    "$T/ro/a.db" "$T/out/a" "$T/rw/b.db" "$T/out/b"
}
conf >"$T/conf.yml"
chmod 644 "$T/conf.yml"
own "$T/rw" "$T/out" "$T/urun" "$T/meta"
chmod 555 "$T/ro"
LS_RUN_DIR=$T/urun
run() { timeout 60 $as "$T/ls-walship" "$@"; }
lines() { grep -c "db=$T/ro/a.db " <<<"$err"; }

exits 'a folder that cannot be written' 102 run --once "$T/ro/a.db" \
    "file://$T/out/a"
like 'says where and what to do' "$err" \
    "$T/ro/.a.db-litestream: Permission denied"
like 'or where else' "$err" 'meta-path'
is 'in one line' "$(lines)" 1
nok 'nothing is made in the replica' test -e "$T/out/a/ltx"

exits 'beside a good one' 102 run --once -c "$T/conf.yml"
is 'in one line too' "$(lines)" 1
ok 'the good one is shipped' ls-restore -o "$T/b.db" "file://$T/out/b"
ok 'page by page' pages_equal "$T/rw/b.db" "$T/b.db"
start walship $as "$T/ls-walship" -c "$T/conf.yml"
ok 'followed, ready' wait_for 10 grep -q msg=ready "$T/walship.log"
ok 'the good one goes on' ls-sync -w 10s "$T/rw/b.db"
stop walship
is 'the end tells of the other' $status 102

# the state elsewhere, and the database still not ours
cat >"$T/meta.yml" <<END
dbs:
  - path: $T/ro/a.db
    meta-path: $T/meta
    replica: {path: $T/out/a}
END
chmod 644 "$T/meta.yml"
exits 'state elsewhere' 102 run --once -c "$T/meta.yml"
like 'it is the database that must be writable' "$err" \
    'the database and its folder must be writable'
is 'in one line again' "$(lines)" 1

# a folder that cannot be looked into
mkdir "$T/shut"
make_db "$T/shut/a.db" 1
own "$T/shut"
chmod 000 "$T/shut"
if test "$(id -u)" = 0; then chown 0:0 "$T/shut"; fi
exits 'a folder that cannot be looked into' 102 run --once "$T/shut/a.db" \
    "file://$T/out/shut"
like 'is not the same as no database' "$err" 'Permission denied'
chmod 755 "$T/shut" "$T/ro"
done_testing
