#!/bin/sh
# Every program has a page, its options are those of -h, and mandoc has
# nothing to complain about.
. tests/lib.sh
need mandoc
progs=$(ls bin | sed -n 's/[.]c$//p')
set -- $progs
plan $(($# * 2 + 1))
is 'no page without a program' "$(ls man | sed 's/[.]1$//' | sort)" \
    "$(printf '%s\n' $progs | sort)"

# Both as "-s --long ARG", sorted.
# Those of litestream are its commands' together, with one dash.
of_help() {
	if test "$1" = litestream; then
		"$BUILD/bin/litestream" -h | awk '/^\t/ { print $1 }' |
		    grep -v '^litestream$' | while read -r c; do
			"$BUILD/bin/litestream" "$c" -h
		done | awk '/^[\t ] ?-[a-z]/ { sub(/^[\t ]+/, ""); print }' |
		    sort -u
		return
	fi
	"$BUILD/bin/$1" -h | awk '/^  +-/ {
		s = $1; sub(/,$/, "", s); i = 2
		if ($2 ~ /^--/) { s = s " " $2; i = 3 }
		line = $0
		for (k = 1; k < i; k++) { sub(/^ +/, "", line); sub(/^[^ ]+/, "", line) }
		if (line ~ /^ [A-Z]/) s = s " " $i
		print s }' | sort
}
of_page() {
	awk '/^[.]It Fl / {
		s = ""
		for (i = 2; i <= NF; i++) {
			if ($i == "Fl") { i++; s = s " -" $i }
			else if ($i == "Ar") { i++; s = s " " $i }
		}
		print substr(s, 2) }' "$1" | sort
}
for p; do
	is "$p: the page has the options of -h" "$(of_page "man/$p.1")" \
	    "$(of_help "$p")"
	is "$p: mandoc -T lint" \
	    "$(mandoc -T lint -W warning "man/$p.1" 2>&1)" ''
done
