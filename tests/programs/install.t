#!/bin/sh
# make install, uninstall and dist, of the ordinary build: its size counts.
# run: plain
. tests/lib.sh
need make git
plan 10
mk() { env -u MAKEFLAGS make -s BUILD="$BUILD" DESTDIR="$T/root" PREFIX=/usr "$@"; }
ok 'install' mk install
root=$T/root/usr
progs=$(ls bin | sed -n 's/[.]c$//p')
is 'every program' "$(ls "$root/bin")" "$progs"
is 'and page' "$(ls "$root/share/man/man1")" "$(printf '%s.1\n' $progs)"
is 'and completion' "$(find "$root" -name 'ls-dump' -o -name '_ls-dump' \
    -o -name 'ls-dump.fish' | wc -l)" 4
like 'litestream runs' "$("$root/bin/litestream" version)" \
    '^v0[.]5[.]18 .ls-s6 0[.]1[.]0.$'
progs=$(echo "$progs" | grep -v '^litestream$')
is 'so do the others' "$(for p in $progs; do "$root/bin/$p" --version; done)" \
    "$(printf '%s 0.1.0\n' $progs)"
size=$(find "$root/bin" -type f -exec cat {} + | wc -c)
if test "$size" -lt 2000000; then pass "all of them are less than 2 MB ($size)"
else fail 'all of them are less than 2 MB' "$size bytes"; fi
ok 'uninstall' mk uninstall
is 'leaves no file' "$(find "$T/root" ! -type d)" ''
ok 'a tarball of the commit has the tree' sh -c 'git archive --prefix=x/ HEAD |
    tar -xf - -C "$0" && test -x "$0/x/scripts/demo" &&
    test -f "$0/x/lib/ltx/ltx.h"' "$T"
