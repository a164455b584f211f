#!/bin/sh
# ls-conf as a program, and what other programs get from it.
. tests/lib.sh
plan 64
cd "$T" || exit 1
unset LOG_LEVEL DB_PATH LITESTREAM_ACCESS_KEY_ID LITESTREAM_SECRET_ACCESS_KEY

cat >a.yml <<'END'
access-key-id: ${KEY}
secret-access-key: $SECRET
mcp-addr: ":3001"
dbs:
  - path: /data/app.db
    replicas:
      - type: s3
        bucket: s3://mybkt.localhost:9000/
        path: memos
      - url: file:///backup/app
    colour: red
END
export KEY=id1 SECRET='tab	and\slash'

exits 'records go to a pipe' 0 ls-conf -c a.yml
like 'with a first line that tells the version' "$out" '^ls-conf 1$'
like 'with their lines' "$out" '^path	5	/data/app.db$'
like 'expanded and escaped' "$out" \
    '^secret-access-key	2	tab\\tand\\\\slash$'
like 'to the end' "$out" '^end$'
like 'an unknown key is warned of with its line' "$err" \
    '^ls-conf: warning: a.yml:11: colour: unknown key'
like 'a key for later is noted' "$err" 'a.yml:3: mcp-addr: accepted, but'

exits '--show is for people' 0 ls-conf -c a.yml --show
like 'it names replicas' "$out" \
    'url: s3://mybkt/memos[?]endpoint=http://localhost:9000'
unlike 'and no secret' "$out$err" 'id1|slash'
exits 'LOG_LEVEL wins' 0 env LOG_LEVEL=debug ls-conf -c a.yml -s
like 'over the file' "$out" 'level: debug'

exits '-no-expand-env leaves variables' 0 ls-conf -no-expand-env -c a.yml
like 'as they are' "$out" '^access-key-id	1	[$][{]KEY[}]$'
LITESTREAM_CONFIG=$T/a.yml exits 'LITESTREAM_CONFIG names the file' 0 ls-conf
like 'too' "$out" '^source	.*/a.yml$'

exits 'a file that is not there' 102 ls-conf -c none.yml
like 'is named' "$err" '^ls-conf: fatal: unable to read the configuration: open .*none.yml'
exits 'a folder is no file' 102 ls-conf -c "$T"
echo 'dbs: {a' >bad.yml
exits 'bad YAML' 102 ls-conf -c bad.yml
like 'has its line' "$err" 'bad.yml:2: not valid YAML'
exits 'with --records the error is a record' 102 ls-conf -rc bad.yml
like 'for the parent' "$out" '^error	conf	.*bad.yml:2: not valid'
head -c 1100000 /dev/zero | tr '\0' '#' >big.yml
exits 'a file past a megabyte is refused' 102 ls-conf -c big.yml
printf 'dbs:\n- path: /d\n  replica: {path: /r, age: {recipients: [x]}}\n' >age.yml
exits 'encryption is for reading' 0 ls-conf -c age.yml
like 'and never left out silently' "$err" 'age.recipients: .*nothing encrypts'
# pain 790: plain files where encryption was asked for
mkdir age
printf 'dbs:\n- path: %s/age/a.db\n  replica: {path: %s/age/r, age: {recipients: [x]}}\n' "$T" "$T" >age.yml
make_db age/a.db 1
age() { # PROGRAM ARG...
	exits "pain 790: $1 refuses to write unencrypted" 102 "$@"
	like 'pain 790: in one sentence' "$err" '^[a-z-]*: fatal: .*age: is set, but nothing encrypts yet'
}
age ls-walship -c age.yml --once
age ls-snapshot -r -c age.yml age/a.db
age ls-put -c age.yml age/a.db key </dev/null
age ls-prune -c age.yml
nok 'pain 790: nothing is written' test -e age/r
exits 'pain 790: what is there is read' 0 ls-list -c age.yml
exits 'usage' 100 ls-conf -c a.yml more

# with no file at all
DB_PATH=/d/x.db REPLICA_URL='file:///r/1 s3://b/p' LITESTREAM_REGION=r9 \
    exits 'the environment alone' 0 ls-conf -s
is 'gives a database and its replicas' \
    "$(echo "$out" | grep -E 'path:|url:|region:')" \
    '  - path: /d/x.db
        url: file:///r/1
        url: s3://b/p
        region: r9'
DB_PATH=/d/x.db LITESTREAM_REPLICA_BUCKET=bkt LITESTREAM_REPLICA_PATH=p/q \
    LITESTREAM_REPLICA_ENDPOINT=http://h:9 LITESTREAM_SYNC_INTERVAL=3s \
    exits 'so do bucket, path and endpoint' 0 ls-conf -s
like 'of an s3 replica' "$out" 'url: s3://bkt/p/q[?]endpoint=http://h:9'

LS_SHUTDOWN_SYNC_TIMEOUT=8s exits 'a shorter end' 0 ls-conf -sc a.yml
like 'from the environment' "$out" '^shutdown-sync-timeout: 8s'
sed 's/^mcp-addr.*/shutdown-sync-timeout: 25s/' a.yml >end.yml
LS_SHUTDOWN_SYNC_TIMEOUT=8s exits 'is a default' 0 ls-conf -sc end.yml
like 'below the file' "$out" '^shutdown-sync-timeout: 25s'
LS_SHUTDOWN_SYNC_TIMEOUT=soon exits 'and a duration' 102 ls-conf -sc a.yml
# a bucket is for many, a path is not
printf 'dbs:\n- {path: /a.db, replica: {url: s3://b/dev}}\n- {path: /b.db, replica: {url: s3://b/prod}}\n' \
    >same.yml
exits 'pain 454: two databases in one bucket' 0 ls-conf -pc same.yml
sed -i s/prod/dev/ same.yml
exits 'pain 454: not at one path' 102 ls-conf -pc same.yml
like 'pain 454: which is named' "$err" \
    'same.yml:3: s3://b/dev is the replica of two databases.*path of its own'
printf 'dbs:\n- {path: b.db, url: file:///r/b}\n- {path: /a.db, url: file:///r/a}\n' \
    >two.yml
exits '--paths' 0 ls-conf -pc two.yml
is 'prints absolute paths' "$out" "$T/b.db
/a.db"

# --init
mkdir -p 'data/sub dir' data/.app.db-litestream
for f in data/app.db 'data/sub dir/b$1".db' data/.app.db-litestream/no.db; do
	printf 'SQLite format 3\000and so on' >"$f"
done
echo text >data/text.db
exits '--init finds SQLite files' 0 ls-conf --init data data/app.db
printf '%s\n' "$out" >init.yml
export LITESTREAM_REPLICA_BUCKET=bkt LITESTREAM_REPLICA_ENDPOINT= \
    LITESTREAM_REPLICA_REGION=
is 'and only those, in YAML that reads back' \
    "$(ls-conf -sc init.yml 2>/dev/null | grep -E ' path:|url:')" \
    "  - path: $T/data/app.db
        url: s3://bkt/${T#/}/data/app.db
  - path: $T/data/sub dir/b\$1\".db
        url: s3://bkt/${T#/}/data/sub dir/b\$1\".db"
exits '--init of a file that is none' 102 ls-conf --init data/text.db

# a key that does nothing says so, whatever its value
cat >idle.yml <<'END'
mcp-addr: ":1"
heartbeat-url: "http://localhost:1/"
shutdown-sync-interval: 1s
sign-accept-encoding: true
logging: {source: true}
dbs:
  - path: /data/app.db
    replica: {url: "file:///b", format: v0.3, validation-interval: 1h,
      auto-recover: true, max-sync-ltx-files: 2}
END
notes=$(ls-conf -c idle.yml 2>&1 >/dev/null)
for k in mcp-addr shutdown-sync-interval sign-accept-encoding logging.source \
    validation-interval auto-recover max-sync-ltx-files; do
	like "$k: no effect is said" "$notes" ":[0-9]+: $k: .*no effect"
done

cat >own.yml <<'END'
type: s3
bucket: b
snapshot: {retention: 333h}
dbs:
  - path: /data/app.db
    replica: {type: file, path: /backup/app}
END
own=$(ls-conf -sc own.yml 2>/dev/null)
like "pain 1319: a replica's own type goes before that of all" "$own" 'url: file:///backup/app'
like 'pain 1285: the retention that is asked for' "$own" 'retention: 333h'
sed -i '/^snapshot/d; s/^  - path/    path/; s/^dbs:/&\n  - snapshot: {retention: 333h}/' own.yml
like 'pain 1285: of a database, too' "$(ls-conf -sc own.yml 2>&1)" 'retention: 333h'
