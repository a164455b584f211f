#!/bin/sh
# Who may include whom: base <- ltx, wal, v03, crypt, http <- store, db
# <- repl <- conf, lfsb <- front <- bin; and each foreign library has one home.
. tests/lib.sh
need git
plan 11

# file includes-what, quoted and angled alike
git ls-files 'bin/*.[ch]' 'lib/*.[ch]' | xargs awk '
    /^[ \t]*#[ \t]*include/ { gsub(/[<>"]/, " "); print FILENAME, $2 }
    ' >"$T/inc"
test -s "$T/inc" || bail 'no include lines found'

is 'modules include only what is below them' "$(awk '
    function rank(m) {
	if (m == "base") return 1
	if (m ~ /^(ltx|wal|v03|crypt|http)$/) return 2
	if (m ~ /^(store|db)$/) return 3
	if (m == "repl") return 4
	if (m ~ /^(conf|lfsb)$/) return 5
	if (m == "front") return 6
	return 0
    }
    { split($1, f, "/"); split($2, i, "/")
      from = f[1] == "bin" ? 7 : rank(f[2])
      if (!from) { print $1 ": unknown module"; next }
      to = rank(i[1])
      if (to && i[1] != f[2] && to >= from) print }' "$T/inc")" ''

none() { # NAME FILES-ERE HEADER-ERE [BUT-ERE]: no such include
	is "$1" "$(awk -v f="$2" -v h="$3" -v b="${4:-^$}" \
	    '$1 ~ f && $2 ~ h && $2 !~ b' "$T/inc")" ''
}
none 'repl never sees sqlite3' '^lib/repl/' \
    '^(sqlite3[.]h|db/)' '^db/(capture|watch|state|live)[.]h$'
none 'front runs what talks to stores and databases' '^lib/front/' \
    '^(http|store|sqlite3|db|ltx|wal|v03)[/.]' '^(db/state|store/store)[.]h$'
none 'db never sees http' '^lib/db/' '^(http/|curl/)'
pure='^lib/(ltx|wal|v03)/|^lib/repl/(plan|retain|level)'
none 'ltx, wal, plan, retain and level are pure' "$pure" \
    '^(unistd|fcntl|time|stdio|pthread|dirent|poll)[.]h|^sys/|^base/(sk|log)'
foreign() { # NAME HEADER-ERE HOME-ERE
	is "$1" "$(awk -v h="$2" -v f="$3" '$2 ~ h && $1 !~ f' "$T/inc")" ''
}
foreign 'skalibs is for base/sk.h and base/sa.h' '^skalibs/' \
    '^lib/base/s[ka][.]h'
foreign 'sqlite3 is for db (and programs)' '^sqlite3' '^(lib/db/|bin/)'
foreign 'libcurl is for http' '^curl/' '^lib/http/'
foreign 'libyaml is for conf' '^yaml' '^lib/conf/|^bin/ls-conf[.]c'
foreign 'liblz4 is for ltx and v03' '^lz4' '^lib/(ltx|v03)/'

is 'nothing of skalibs that differs between its versions' "$(git ls-files \
    'bin/*.[ch]' 'lib/*.[ch]' | xargs grep -nE \
    'strerr_(die|warn)[a-z]*[0-9]|strerr_warnfu|\bgol_?|\bmkdirp|cspawn|envexec|child_spawn|\benv_get\b|\bcase_(str|diff|lower)|string_quote|_devino\b|SKALIBS_VERSION')" ''
