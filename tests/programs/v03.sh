# A database $db and ls-walship, which ships it to $url in the layout of
# Litestream 0.3. Sourced after tests/lib.sh.

mkdir "$T/d"
db=$T/d/a.db url=file://$T/r
make_db "$db" 400
cat >"$T/c.yml" <<END
dbs:
  - path: $db
    min-checkpoint-page-count: 20
    replicas:
      - format: v0.3
        sync-interval: 10ms
        url: "$url"
END
up() {
	start walship ls-walship -c "$T/c.yml"
	wait_for 20 ls-sync -w 5s "$db" || bail "$(cat "$T/walship.log")"
}
writes() { # N: a segment each
	for i in $(seq "$1"); do
		sql "$db" "UPDATE t SET v = hex(randomblob(48)) WHERE id % 40 = $i"
		ls-sync -w 20s "$db" || bail "$(cat "$T/walship.log")"
	done
}
