#!/bin/sh
# ls-restore --all: what a container runs before its application.
. tests/lib.sh
need sqlite3
plan 31
cd "$T" || exit 1

mkdir data
for d in a b; do
	make_db data/$d.db 20
	ls-walship --once "$T/data/$d.db" "file://$T/r/$d" 2>/dev/null
	pages data/$d.db want.$d
done
cat >two.yml <<END
dbs:
  - {path: $T/data/a.db, replica: {url: "file://$T/r/a"}}
  - {path: $T/data/b.db, replica: {url: "file://$T/r/b"}}
END
export LITESTREAM_CONFIG="$T/two.yml"
all() { ls-restore --all -i -e "$@"; }
gone() { for d; do rm -rf data/$d.db* data/.$d.db-litestream; done; }

exits 'both are there' 0 all
is 'and left alone' "$(echo "$err" | grep -c 'msg="Database already exists, skipping restore" db=')" 2
gone a b
exits 'both are gone' 0 all
is 'and looked for' "$(echo "$err" | grep -c 'msg="No database found, restoring from replica if exists" db=')" 2
for d in a b; do ok "$d is back" pages_equal want.$d data/$d.db; done

gone a
before=$(stat -c %i.%Y data/b.db)
exits 'one of them is gone' 0 all
ok 'is back' pages_equal want.a data/a.db
is 'and the other one untouched' "$(stat -c %i.%Y data/b.db)" "$before"

mv r/a keep; gone a
exits 'a replica that is empty' 0 all
like 'is said to be' "$err" 'msg="nothing to restore, the database will be a new one" db=.*/a.db'
nok 'and nothing is made' test -e data/a.db
exits 'without -e that is no success' 1 ls-restore --all -i
like 'and named' "$err" 'a: the replica is empty'
mv keep r/a

: >data/a.db; gone b
exits 'an empty file is no database' 102 all
like 'it is named' "$err" 'not restored.*a.db'
ok 'the other one is back all the same' pages_equal want.b data/b.db
is 'and the file is as it was' "$(stat -c %s data/a.db)" 0
gone a

# what may pass and what does not: a.db cannot be reached, b.db is damaged
sed "s#file://$T/r/a#s3://b/a?endpoint=http://127.0.0.1:1#" two.yml >down.yml
export AWS_ACCESS_KEY_ID=x AWS_SECRET_ACCESS_KEY=y LS_STORE_TIMEOUT=1s
exits 'a store that is down' 111 env LITESTREAM_CONFIG="$T/down.yml" ls-restore --all -i -e
nok 'leaves nothing behind' test -e data/a.db
gone b
for f in "$T"/r/b/ltx/0/*; do echo x >"$f"; done
cp -R r/b keep; rm -rf r/b/ltx/9
exits 'and a damaged replica beside it' 102 env LITESTREAM_CONFIG="$T/down.yml" ls-restore --all -i -e
like 'both are named' "$err" 'not restored.*a.db'
like 'each with its reason' "$err" 'not restored.*b.db'
nok 'nothing looks like a database' ls data/a.db data/b.db

# one database, of the environment
unset LITESTREAM_CONFIG
rm -rf data && mkdir data
DB_PATH=$T/data/a.db REPLICA_URL=file://$T/r/a \
    exits 'of the environment' 0 ls-restore --all -i -e
ok 'is back' pages_equal want.a data/a.db
exits 'then a program is run' 7 env DB_PATH="$T/data/a.db" \
    REPLICA_URL="file://$T/r/a" ls-restore --all -i -e sh -c 'exit 7'
exits 'with nothing configured' 100 ls-restore --all -i -e
exits 'with -o' 100 ls-restore --all -o x
exits 'with --txid' 100 ls-restore --all --txid 1
exits 'with --beside' 100 ls-restore --all --beside
