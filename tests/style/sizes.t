#!/bin/sh
# Functions and files stay small enough to be read.
. tests/lib.sh
need ctags git
plan 5
tests/style/figures -r >"$T/rows"
over() { # LIMIT, rows on stdin: those above
	awk -v m="$1" '$1 > m'
}
grep -v ' tests/' "$T/rows" | sort -n >"$T/own"
p95=$(awk '{ a[NR] = $1 } END { print a[int(NR * 0.95 + 0.999)] + 0 }' "$T/own")
test "$(wc -l <"$T/own")" -gt 20 || bail 'ctags sees no functions'
if test "$p95" -le 70; then pass 'p95 of functions is at most 70 lines'
else fail 'p95 of functions is at most 70 lines' "it is $p95"; fi
is 'no function over 120 lines' "$(over 120 <"$T/own")" ''
is 'nor in the tests' "$(grep ' tests/' "$T/rows" | over 120)" ''
is 'no file over 600 lines' \
    "$(wc -l $(git ls-files '*.c' '*.h') | grep -v total | over 600)" ''
is 'no program over 300 lines' \
    "$(wc -l bin/*.c /dev/null | grep -v total | over 300)" ''
