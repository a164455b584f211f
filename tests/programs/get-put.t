#!/bin/bash
# ls-get and ls-put, on both back ends.
. tests/lib.sh
V=tests/vectors/ltx
one=$V/ltx-0.5.1-big-pages.ltx
range=$V/ltx-0.5.1-changes.ltx
full=$V/ltx-0.5.1-snapshot.ltx
test -f "$one" && test -f "$full" || bail "no vectors"
field() { ls-dump "$1" | awk -v f="$2" '$1 == f { print $2 }'; }
name() { echo "$(field "$1" min-txid)-$(field "$1" max-txid).ltx"; }
set -o pipefail

both() { # URL, where level 0 and 9 are
	n1=$(name "$one") n9=$(name "$full")
	exits "put one transaction" 0 ls-put -v "$1" <"$one"
	like "it is in level 0" "$out" "/$2/$n1\$"
	exits "a range must be told its level" 102 ls-put "$1" <"$range"
	exits "a snapshot begins with transaction 1" 102 \
	    ls-put -l 9 "$1" <"$range"
	like "is told" "$err" 'level 9'
	exits "put it again" 102 ls-put "$1" <"$one"
	exits "put it with -f" 0 ls-put -f "$1" <"$one"
	ok "get it by its name" bash -c "ls-get '$1' $n1 | cmp - $one"
	ok "get it by level and name" bash -c "ls-get '$1' 0/$n1 | cmp - $one"
	ok "get it by Litestream's name" bash -c "ls-get '$1' $2/$n1 | cmp - $one"
	exits "it is not in level 9" 1 ls-get -l 9 "$1" "$n1"
	exits "put a snapshot" 0 ls-put -vl 9 "$1" <"$full"
	like "it is in level 9" "$out" "/$3/$n9\$"
	ls-get "$1" "9/$n9" "0/$n1" "9/$n9" "$n1" "$n1" >"$T/many"
	ok "several, one after the other" \
	    bash -c "cat $full $one $full $one $one | cmp - '$T/many'"
	exits "several, one missing" 1 ls-get "$1" "9/$n9" 0/none "$n1"
	exits "a KEY as it is" 0 ls-put -v "$1" other/x.bin </etc/passwd
	ok "get it" bash -c "ls-get '$1' other/x.bin | cmp - /etc/passwd"
	exits "no KEY for what is no LTX" 102 ls-put "$1" </etc/passwd
	like "says so" "$err" 'not an LTX file'
	size=$(wc -c <"$one")
	for n in 0 3 99 100 101 $((size / 2)) $((size - 1)); do
		head -c "$n" "$one" >"$T/cut"
		exits "cut at $n" 102 ls-put -f "$1" key/cut.ltx <"$T/cut"
	done 2>/dev/null
	cp "$one" "$T/bad"
	printf '\001' | dd of="$T/bad" bs=1 seek=$((size - 3)) conv=notrunc \
	    2>/dev/null
	exits "damaged" 102 ls-put -f "$1" key/cut.ltx <"$T/bad"
	like "says where" "$err" 'standard input: byte '
	cat "$one" "$one" >"$T/two"
	exits "under the name of another transaction" 102 ls-put -f "$1" \
	    "0/0000000000000999-0000000000000999.ltx" <"$one"
	like "says so" "$err" 'name of other transactions'
	exits "which is not there" 1 ls-get "$1" \
	    "0/0000000000000999-0000000000000999.ltx"
	exits "two in a row" 102 ls-put "$1" key/cut.ltx <"$T/two"
	exits "nothing of those is there" 1 ls-get "$1" key/cut.ltx
	exits "raw" 0 ls-put -rf "$1" key/cut.ltx <"$T/bad"
	ok "is not looked into" bash -c "ls-get '$1' key/cut.ltx | cmp - '$T/bad'"
	exits "no KEY" 100 ls-get "$1"
	exits "a full pipe is an error" 111 bash -c "ls-get '$1' $n1 >/dev/full"
}
exits "no URL" 100 ls-get
exits "no URL" 100 ls-put
exits "help" 0 ls-get -h
exits "version" 0 ls-put -V
exits "no key leads out of a folder" 100 ls-get "file://$T/r" ../x
exits "a bad scheme" 102 ls-get gopher://x/y z
diag "file"
both "file://$T/r" ltx/0 ltx/9
exits "a URL that is an object" 0 ls-get "file://$T/r/ltx/0/$(name "$one")"
is "nothing temporary is left" "$(find "$T/r" -name '*.tmp')" ""
# A folder that can be read but not searched is not an empty one.
mkdir -p "$T/shut/ltx/0" && cp "$one" "$T/shut/ltx/0/$(name "$one")"
chmod 400 "$T/shut/ltx/0"
set --
test "$(id -u)" -ne 0 \
    || set -- setpriv --bounding-set=-dac_override,-dac_read_search
if "$@" true 2>/dev/null && ! "$@" cat "$T/shut/ltx/0/"* >/dev/null 2>&1
then
	exits "files that cannot be looked at are not passed over" 102 \
	    "$@" ls-list "file://$T/shut"
	like "is told" "$err" 'Permission denied'
else
	diag "no way to give up root's rights here"
fi
chmod 700 "$T/shut/ltx/0"
# one MiB of disk
mkdir "$T/small"
if unshare -rm sh -c "mount -t tmpfs -o size=1m none '$T/small'" 2>/dev/null
then
	exits "a full disk" 111 unshare -rm sh -c "
	    mount -t tmpfs -o size=1m none '$T/small'
	    head -c 2000000 /dev/zero | ls-put 'file://$T/small' x; rc=\$?
	    find '$T/small' -type f; exit \$rc"
	like "is told" "$err" 'No space left'
	is "nothing is left" "$out" ""
else
	diag "a full disk: no right to mount one here"
fi
if test -x "$PEERS/versitygw"; then
	diag "s3"
	s3_start
	both "$(s3_url app/db)" 0000 0009
	exits "wrong credentials" 102 env AWS_SECRET_ACCESS_KEY=x \
	    ls-get "$(s3_url app/db)" x
else
	skip "s3" "no versitygw in $PEERS"
fi
done_testing
