#!/bin/sh
# The tree is what README says it is; descriptors never leak into children.
. tests/lib.sh
need git
plan 7
sed -n 's/^| `\(ls-[a-z0-9]*\|litestream\)` .*/\1/p' README.md | sort -u >"$T/programs"
sed -n 's/^| `lib\/\([a-z0-9]*\)\/` .*/\1/p' README.md | sort -u >"$T/modules"
ls bin | sed -n 's/[.]c$//p' | sort >"$T/bin"
ls lib | sort >"$T/lib"
is 'README lists the programs of bin/' "$(cat "$T/programs")" "$(cat "$T/bin")"
is 'README lists the modules of lib/' "$(cat "$T/modules")" "$(cat "$T/lib")"
is 'bin/ holds programs only' "$(ls bin | grep -v '[.]c$')" ''

# What it is built with on this machine, in the images, and for arm64.
dev() { grep -oE '\b(lib[a-z0-9-]*|skalibs)-dev\b' | sort -u; }
dev_here=$(sed -n "/^debian_build=/,/'\$/p" scripts/setup | dev)
is 'the images build with what scripts/setup installs' \
    "$(sed -n '/ AS tools/,/^FROM scratch/p' Dockerfile.ls-s6 | dev)" "$dev_here"
is 'and so does the test of arm64' \
    "$(sed -n "/^want=/,/'\$/p" tests/images/arm64.t | dev)" "$dev_here"

# A statement that makes a descriptor names the close-on-exec flag.
is 'every descriptor is close-on-exec' "$(git ls-files 'bin/*.c' 'lib/*.c' |
    xargs awk '
    FNR == 1 { s = "" }
    { t = $0; sub(/\/\*.*/, "", t)
      if (s == "" && t ~ /(^|[^a-z_0-9>.])(open|openat|socket|pipe|pipe2|accept|accept4|inotify_init|inotify_init1|epoll_create|epoll_create1|eventfd|timerfd_create|signalfd|mkstemp|mkostemp|memfd_create|dup)[(]/) {
	s = t; at = FNR }
      else if (s != "") s = s t }
    s != "" && s ~ /;|[{]/ {
	if (s !~ /CLOEXEC/) print FILENAME ":" at ": " s
	s = "" }')" ''
is 'no blanks at the ends of lines' "$(git ls-files '*.c' '*.h' '*.sh' '*.t' \
    '*.md' Makefile scripts | xargs grep -nE '[ 	]+$' /dev/null)" ''
