#!/bin/sh
# run: asan
# The store against OpenSSH's sshd: each operation, and what can be in its way.
. tests/lib.sh
. tests/sftp/sshd.sh

sshd_make
sshd_start
HOME=$T/home
export HOME
mkdir "$HOME"
K=$T/known
ctl() {
	"$BUILD/tests/storectl" -s "$SSHD_ADDR:$SSHD_PORT" -o user="$SSHD_USER" \
	    -o key="$SD/client" -o known="$K" "$@"
}
D=$T/served
mkdir "$D"
head -c 300000 /dev/urandom >"$T/a"
head -c 9000000 /dev/urandom >"$T/b"

ok 'put, into folders that are not there' ctl put "$D/x/y/a" "$T/a" \
    1700000000123
ok 'arrives' cmp "$D/x/y/a" "$T/a"
is 'has its time' "$(date -r "$D/x/y/a" +%s)" 1700000000
is 'head' "$(ctl head "$D/x/y/a")" "$D/x/y/a	300000	1700000000000"
ctl get "$D/x/y/a" >"$T/got"
ok 'get' cmp "$T/got" "$T/a"
ctl get "$D/x/y/a" 1000 2000 >"$T/got"
tail -c +1001 "$T/a" | head -c 2000 >"$T/want"
ok 'get a range' cmp "$T/got" "$T/want"
ctl get "$D/x/y/a" 299990 >"$T/got"
is 'get the end' "$(wc -c <"$T/got")" 10
is 'get from the end' "$(ctl get "$D/x/y/a" 300000 | wc -c)" 0
exits 'get past the end' 102 ctl get "$D/x/y/a" 300001
exits 'get more than there is' 102 ctl get "$D/x/y/a" 299990 20
like 'says how much' "$err" 'has 300000 bytes, not 300010'
exits 'nothing there' 1 ctl get "$D/x/y/b"
exits 'nothing there, by head' 1 ctl head "$D/nope/b"
ok 'empty' ctl put "$D/empty" /dev/null
is 'empty, by head' "$(ctl head "$D/empty" | cut -f 2)" 0
is 'get empty' "$(ctl get "$D/empty" | wc -c)" 0
ok 'large' ctl put "$D/b" "$T/b"
ctl get "$D/b" >"$T/got"
ok 'comes back' cmp "$T/got" "$T/b"
ok 'from a pipe' sh -c "cat '$T/b' | '$BUILD/tests/storectl' \
    -s $SSHD_ADDR:$SSHD_PORT -o user=$SSHD_USER -o key=$SD/client \
    -o known=$K put $D/p -"
ok 'arrives' cmp "$D/p" "$T/b"
ok 'one write at a time' ctl -o plod=1 put "$D/plod" "$T/b"
ok 'arrives' cmp "$D/plod" "$T/b"

ok 'create-if-absent, absent' ctl putif "$D/if" "$T/a"
exits 'create-if-absent' 111 ctl putif "$D/if" "$T/b"
like 'is told' "$err" '^exists: '
ok 'nothing was replaced' cmp "$D/if" "$T/a"
ok 'replace' ctl put "$D/if" "$T/b"
ok 'is' cmp "$D/if" "$T/b"
is 'the probe' "$(ctl probe "$D/")" '1 2'
is 'no temporary file stays' "$(find "$D" -name '*.tmp' -o -name '.ls*')" ''

is 'list' "$(ctl list "$D/" | cut -f 1,2)" \
"$D/b	9000000
$D/empty	0
$D/if	9000000
$D/p	9000000
$D/plod	9000000
$D/x/y/a	300000"
is 'list after' "$(ctl list "$D/" "$D/plod" | cut -f 1)" "$D/x/y/a"
is 'list what begins so, after' "$(ctl list "$D/p" "$D/p" | cut -f 1)" "$D/plod"
is 'list what is not there' "$(ctl list "$D/none/")" ''
mkdir "$D/hollow"
is 'list what is empty' "$(ctl list "$D/hollow/")" ''
ln -s b "$D/link"
mkfifo "$D/fifo"
is 'links and others are not listed' "$(ctl list "$D/" | grep -c -e link -e fifo)" 0
ok 'delete' ctl del "$D/p" "$D/nothing" "$D/plod"
is 'gone' "$(ls "$D/p" "$D/plod" 2>/dev/null)" ''

for k in 'odd name' 'perc%41ent%' 'quo"te' "apo's" 'back\slash' 'q?a=b#c' \
    '~' 'grüße' '[a]*' '-rf' ; do
	ok "put $k" ctl put "$D/odd/$k" "$T/a" 1600000000000
	ok "$k is there" cmp "$D/odd/$k" "$T/a"
	is "its time" "$(date -r "$D/odd/$k" +%s)" 1600000000
	ctl get "$D/odd/$k" >"$T/got"
	ok "get $k" cmp "$T/got" "$T/a"
done
is 'list them' "$(ctl list "$D/odd/" | wc -l)" 10
ok 'replace one' ctl put "$D/odd/quo\"te" "$T/b"
ok 'delete them' ctl del "$D/odd/odd name" "$D/odd/quo\"te" "$D/odd/~"
is 'gone' "$(ls "$D/odd" | wc -l)" 7

# More reads at once than connections.
i=0 all=
while test $i -lt 30; do
	head -c 200000 /dev/urandom >"$D/m$i"
	all="$all $D/m$i"
	i=$((i + 1))
done
# shellcheck disable=SC2086
ctl many $all >"$T/got"
# shellcheck disable=SC2086
cat $all >"$T/want"
ok 'thirty reads at once' cmp "$T/got" "$T/want"

# What a killed writer leaves goes after a day, what another writes stays.
touch -d '2 days ago' "$D/hollow/o.ltx.0badcafe.tmp"
touch "$D/hollow/n.ltx.1badcafe.tmp"
LS_KEY_PATH=$SD/client ls-list "$(sshd_url "$D/hollow")" >"$T/list" 2>&1
is 'temporary files are not listed' "$(ctl list "$D/hollow/")" ''
is 'nor deleted by who lists' "$(ls "$D/hollow" | wc -l)" 2
touch -d '2 days ago' "$D/hollow/notes.tmp" "$D/hollow/.nothexas.tmp"
is 'nor seen by who lists and writes' \
    "$(ctl sweep "$D/hollow/" "$D/hollow/w" "$T/a")" ''
is 'who then deletes the old one, and of ours alone' \
    "$(cd "$D/hollow" && echo .n* *)" '.nothexas.tmp n.ltx.1badcafe.tmp notes.tmp w'

# Root has every right: it logs in as somebody else.
chmod 711 "$T"
mkdir "$D/ro"
echo x >"$D/ro/f"
chmod 555 "$D/ro"
echo x >"$D/secret"
chmod 0 "$D/secret"
exits 'a folder without the right to write' 102 ctl -o user="$SSHD_LOW" \
    put "$D/ro/a" "$T/a"
like 'is told' "$err" '^denied: put sftp://.*Permission denied'
exits 'a new folder there' 102 ctl -o user="$SSHD_LOW" \
    put "$D/ro/x/a" "$T/a"
exits 'a file without the right to read' 102 ctl -o user="$SSHD_LOW" \
    get "$D/secret"
like 'is told' "$err" '^denied: get sftp://.*Permission denied'
exits 'a delete that is refused' 102 ctl -o user="$SSHD_LOW" del "$D/ro/f"
like 'is told' "$err" '^denied: delete sftp://.*/ro/f: .*Permission denied'
chmod 700 "$D/ro"
exits 'below a file there is no folder' 102 ctl put "$D/b/a" "$T/a"
exits 'a copy' 102 ctl copy "$D/b" "$D/c"
sshd_stop
exits 'nobody there' 111 ctl -t 500 head "$D/b"
like 'is told' "$err" '^temp: .*onnect'
# shellcheck disable=SC2046
exits 'many deletes wait for nobody once, not each' 111 timeout 15 \
    "$BUILD/tests/storectl" -t 1000 -s "$SSHD_ADDR:$SSHD_PORT" \
    -o user="$SSHD_USER" -o key="$SD/client" -o known="$K" \
    del $(seq 40)
done_testing
