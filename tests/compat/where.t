#!/bin/sh
# Under the same configuration ls-walship writes the very names Litestream
# 0.5 writes, odd ones included.
. tests/lib.sh
. tests/fault/peer.sh
need sqlite3
need_peer litestream-0.5
unset AWS_CA_BUNDLE http_proxy HTTP_PROXY
cd "$T" || exit 1

# config REPLICA: with PORT replaced; the peer starts empty.
config() {
	test -z "$HTTP_PORT" || stop httpd
	http_start
	rm -rf d
	mkdir d
	sqlite3 d/a.db 'PRAGMA journal_mode=wal; CREATE TABLE t(v);
	    INSERT INTO t VALUES(1)' >/dev/null
	printf 'dbs:\n- path: %s\n  replica: %s\n' "$T/d/a.db" "$1" |
	    sed "s/PORT/$HTTP_PORT/" >c.yml
}

# The keys of the level-0 files put, less the bucket.
keys() { sed -n 's|^> PUT /b\(/[^ ?]*0000/[^ ?]*\).*|\1|p' "$HTTP_LOG" |
    sort -u; }

same() { # WHAT REPLICA
	config "$2"
	"$PEERS/litestream-0.5" replicate -config c.yml -once >l.log 2>&1
	theirs=$(keys)
	config "$2"
	ls-walship -c c.yml --once >o.log 2>&1
	ours=$(keys)
	is "$1" "${ours:-none $(cat o.log)}" "${theirs:-no keys $(cat l.log)}"
}
E='endpoint: "http://127.0.0.1:PORT"'
same 'bucket without path' "{type: s3, bucket: b, $E}"
same 'URL without path' "{url: 's3://b', $E}"
same 'URL with a slash' "{url: 's3://b/', $E}"
same 'slashes in a URL' "{url: 's3://b//x//y/', $E}"
same 'escapes in a URL' "{url: 's3://b/a%20b/%2e%2e/c+d e%25', $E}"
same 'slashes in path' "{type: s3, bucket: b, path: /lead//db/, $E}"
same 'dots in path' "{type: s3, bucket: b, path: ./db/../x, $E}"
same 'blanks in path' "{type: s3, bucket: b, path: 'a b%20', $E}"
same 'bucket.host:port' "{url: 's3://b.localhost:PORT/p'}"
same 'endpoint in a URL' "{url: 's3://b/p?endpoint=localhost:PORT'}"
same 'path beside a type URL wins over' \
    "{type: file, url: 's3://b.localhost:PORT/p'}"

files() { # WHAT REPLICA
	config "$2"
	rm -rf r
	"$PEERS/litestream-0.5" replicate -config c.yml -once >l.log 2>&1
	theirs=$(find r -name '*.ltx' | grep /ltx/0/)
	config "$2"
	rm -rf r
	ls-walship -c c.yml --once >o.log 2>&1
	is "file: $1" "$(find r -name '*.ltx' | grep /ltx/0/)" "$theirs"
}
files 'path' "{path: '$T/r//a b/../c%41d'}"
files 'URL' "{url: 'file://$T/r/db/'}"
files 'escapes in a URL' "{url: 'file://$T/r/a%20b%41'}"
files 'what needs escapes' "{url: 'file://$T/r/a b(1)%41'}"
files 'query and fragment' "{url: 'file://$T/r/x?y=1#z'}"
done_testing
