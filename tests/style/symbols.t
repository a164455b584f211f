#!/bin/sh
# What object files of lib/ export and use.
. tests/lib.sh
need nm git
plan 5
git ls-files 'lib/*.c' | while read -r f; do
	test -f "$BUILD/${f%.c}.o" && echo "$BUILD/${f%.c}.o"
done >"$T/objects"
test -s "$T/objects" || bail "no objects in $BUILD"
# "lib/x/y.c SYMBOL..."; sanitizers add symbols of their own.
each() { # nm's ARGUMENTS
	xargs nm -A "$@" <"$T/objects" | sed "s|^$BUILD/||; s|[.]o:|.c |"
}
each -g --defined-only | grep -v -e ' __asan' -e ' __odr_asan' >"$T/defined"
each -u | awk '{ print $1, $NF }' >"$T/used"

# lib/db/capture_hop.c: capture_*, or the module's name: db_*. A digit may
# follow as in hex64_fmt.
is 'a file exports its own name or its module'"'"'s' "$(awk '
    { n = split($1, p, "/"); m = p[2]; f = p[n]; sub(/[.]c$/, "", f)
      sub(/_.*/, "", f); s = $NF
      if (s ~ "^" f "([_0-9]|$)" || index(s, m "_") == 1) next
      print $1, s }' "$T/defined")" ''

# A pthread_once_t, named so, is the one thing that has to be static.
is 'no globals that can be written' "$(each -f sysv | awk -F '|' '
    { s = $7; gsub(/ /, "", s); split($1, n, " ") }
    n[2] == "" || n[2] ~ /asan|ubsan|^[.]L|^__|_once$/ { next }
    s ~ /^[.](data|bss|tdata|tbss)/ && s !~ /^[.]data[.]rel[.]ro/ {
	print n[1], n[2] }')" ''

uses() { # FILES-ERE SYMBOLS-ERE
	awk -v f="$1" -v s="^($2)\$" '$1 ~ f && $2 ~ s' "$T/used"
}
is 'the library never prints' "$(uses . \
    'printf|puts|putchar|perror|fprintf|vfprintf|fwrite|fputs|stderr|stdout|__(v?f?)printf_chk|strerr_.*|err|warn')" ''
is 'the library never exits' "$(uses . 'exit|abort|_exit|_Exit|quick_exit')" ''
is 'pure modules make no system call' "$(uses \
    '^lib/(ltx|wal|v03)/|^lib/repl/(plan|retain|level)' \
    'open|openat|read|write|p?read64|pwrite64|close|lseek|fopen|socket|connect|time|clock_gettime|gettimeofday|getenv|fork|poll|stat|unlink|rename')" ''
