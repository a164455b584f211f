#!/bin/sh
# ls-dump: LTX to text, verdicts and exit codes.
. tests/lib.sh
plan 29
v=tests/vectors/ltx
one=$v/litestream-0.5.18/9/0000000000000001-0000000000000004.ltx

exits 'a file of Litestream' 0 ls-dump $one
is 'nothing on standard error' "$err" ''
size=$(wc -c <$one)
is 'every field' "$(echo "$out" | sed -E '/^(time|wal-salt|checksum) /d')" "\
file $one
format 3
checksums none
page-size 512
commit 4
min-txid 0000000000000001
max-txid 0000000000000004
pre-apply 0000000000000000
wal-offset 32
wal-size 536
node 0000000000000000
pages 4
post-apply 0000000000000000
size $size
verdict ok"
like 'time' "$out" '^time 20[0-9-]+T[0-9:]+\.[0-9]{3}Z$'
exits 'pages' 0 ls-dump -p $v/ltx-0.5.1-tiny.ltx
is 'one line a page' "$(echo "$out" | grep '^page ')" \
"page 1 offset 100 size 50 frame
page 2 offset 150 size 434 frame"
exits 'pages of version 3 blocks' 0 ls-dump --pages $v/ltx-0.5.3-tiny.ltx
is 'have their offsets' "$(echo "$out" | grep '^page ')" \
"page 1 offset 100 size 35 block
page 2 offset 135 size 419 block"

is 'every version' "$(ls-dump $v/ltx-*-changes-tracked.ltx |
    grep -E '^(format|verdict)' | tr '\n' ' ')" \
'format 1-lz4 verdict ok format 1-lz4 verdict ok format 2 verdict ok format 3 verdict ok format 3 verdict ok '
cat $v/ltx-0.5.3-*.ltx >"$T/all"
exits 'several in a row, from standard input' 0 sh -c "ls-dump <'$T/all'"
is 'each has a verdict' "$(echo "$out" | grep -c '^verdict ok$')" \
    "$(ls $v/ltx-0.5.3-*.ltx | wc -l)"
exits 'the name of standard input' 0 sh -c "ls-dump - <'$one'"
like 'is -' "$out" '^file -$'

exits 'JSON' 0 ls-dump -jp $v/ltx-0.5.3-tiny.ltx
is 'one line' "$out" '{"file":"tests/vectors/ltx/ltx-0.5.3-tiny.ltx","format":"3","checksums":"tracked","page-size":512,"commit":2,"min-txid":"0000000000000001","max-txid":"0000000000000001","time":"1970-01-01T00:00:01.000Z","pre-apply":"0000000000000000","wal-offset":0,"wal-size":0,"wal-salt":"0000000000000000","node":"0000000000000000","page":[{"pgno":1,"offset":100,"size":35,"encoding":"block"},{"pgno":2,"offset":135,"size":419,"encoding":"block"}],"pages":2,"post-apply":"e2de8a53c0d9c151","checksum":"bf8d067655e93c87","size":593,"verdict":"ok"}'

head -c 400 $one >"$T/cut"
exits 'a file cut short' 102 ls-dump "$T/cut"
like 'verdict with the offset' "$out" \
    '^verdict byte 400: unexpected end of file in a page$'
is 'and on standard error' "$err" \
    "ls-dump: fatal: unable to read $T/cut: byte 400: unexpected end of file in a page"
cp "$v/ltx-0.5.3-tiny.ltx" "$T/caf$(printf '\351').ltx"
exits 'JSON of a name that is not UTF-8' 0 ls-dump -j "$T"/caf*.ltx
like 'is UTF-8' "$out" '"file":"[^"]*/caf\\ufffd[.]ltx"'
exits 'damage in JSON' 102 ls-dump -jp "$T/cut"
like 'closes the object' "$out" \
    '"page":\[.*\],"pages":[0-9]+,"verdict":"byte 400: .*"}$'
exits 'a damaged one among others' 102 ls-dump "$T/cut" $one
like 'the others are read' "$out" '^verdict ok$'
exits 'bytes after the last file' 102 sh -c "(cat $one; echo x) | ls-dump"
like 'are named' "$err" 'unexpected end of file in the header$'
echo 'this is not an LTX file, and it is long enough for one; the header of one
has a hundred bytes, and these are more than that.' >"$T/text"
exits 'another kind of file' 102 ls-dump "$T/text"
like 'is said to be one' "$err" ': byte 0: header: not an LTX file$'
exits 'no such file' 1 ls-dump "$T/none"
