#!/bin/sh
# Completions load in each shell and offer every option of -h; for litestream,
# its commands and the flags of each.
. tests/lib.sh
progs=$(ls bin | sed -n 's/[.]c$//p' | grep -v '^litestream$')
set -- $progs
scripts/completions "$T/c" $progs litestream ||
    bail 'scripts/completions fails'

options() { # PROGRAM: all its long options, sorted
	"$BUILD/bin/$1" -h | grep '^  ' | grep -o -e ' --[a-z0-9-]*' |
	    tr -d ' ' | sort | tr '\n' ' '
}
for p; do
	want=$(options "$p")
	if command -v bash >/dev/null; then
		got=$(bash -c '. "$1"; COMP_WORDS=("$2" --) COMP_CWORD=1
		    $(complete -p "$2" | sed "s/.*-F \([^ ]*\) .*/\1/")
		    printf "%s\n" "${COMPREPLY[@]}"' - "$T/c/bash/$p" "$p" |
		    sort | tr '\n' ' ')
		is "bash: $p" "$got" "$want"
	else skip "bash: $p" 'no bash'; fi
	if command -v fish >/dev/null; then
		got=$(HOME=$T fish --no-config -c \
		    "source $T/c/fish/$p.fish; complete -C '$p --'" |
		    cut -f 1 | sort | tr '\n' ' ')
		is "fish: $p" "$got" "$want"
	else skip "fish: $p" 'no fish'; fi
	if command -v zsh >/dev/null; then
		got=$(zsh -f -c '_arguments() { print -rl -- "$@" }
		    . "$1"' - "$T/c/zsh/_$p" | grep -o -e '^[^[]*--[a-z0-9-]*\[' |
		    grep -o -e '--[a-z0-9-]*\[$' | tr -d '[' | sort | tr '\n' ' ')
		is "zsh: $p" "$got" "$want"
	else skip "zsh: $p" 'no zsh'; fi
done

# ---- litestream ----
# offered SHELL COMMAND WORD: sorted; COMMAND '' is its place
offered() {
	case $1 in
	bash) bash -c '. "$1"; set -- ${2:+"$2"} "$3"
	    COMP_WORDS=(litestream "$@") COMP_CWORD=$#
	    $(complete -p litestream | sed "s/.*-F \([^ ]*\) .*/\1/")
	    printf "%s\n" "${COMPREPLY[@]}"' - "$T/c/bash/litestream" "$2" "$3" ;;
	fish) HOME=$T fish --no-config -c "source $T/c/fish/litestream.fish
	    complete -C 'litestream $2${2:+ }$3'" | cut -f 1 ;;
	zsh) zsh -f -c 'c=$2 w=$3
	    _describe() { print -rl -- "${names[@]%%:*}" }
	    _arguments() { print -rl -- "$@" | sed -n "s/^([^)]*)\([^[]*\)\[.*/\1/p" |
		grep -e "^$w[a-z]" }
	    set -- "$1"; words=(litestream ${c:+$c} "$w"); CURRENT=$#words
	    . "$1"' - "$T/c/zsh/_litestream" "$2" "$3" ;;
	esac | sort | tr '\n' ' '
}
commands=$({ litestream -h; LITESTREAM_COMPAT=v0.3 litestream -h; } |
    awk '/^\t/ && NF > 2 && $1 != "litestream" { print $1 }' | sort -u |
    tr '\n' ' ')
for c in restore replicate sync unregister generations wal; do
	like "litestream: $c is a command" " $commands" " $c "
done
flags() { # COMMAND DASHES
	litestream $1 -h | sed -n "s/^[ 	]*-\([a-z][a-z-]*\).*/$2\1/p" | sort |
	    tr '\n' ' '
}
for sh in bash fish zsh; do
	command -v $sh >/dev/null || { skip "$sh: litestream" "no $sh"; continue; }
	is "$sh: the commands of litestream" "$(offered $sh '' '')" "$commands"
	for c in $commands; do
		for d in - --; do
			want=$(flags $c $d)
			# one letter is offered as an option of one dash only,
			# where two dashes have begun all names are whole
			is "$sh: litestream $c $d" "$(offered $sh $c $d |
			    tr ' ' '\n' | grep -e "^$d[a-z]" | tr '\n' ' ')" "$want"
		done
	done
done
if command -v zsh >/dev/null; then
	# The real completion system takes them.
	ok 'zsh: compinit knows every program' zsh -f -c 'fpath=("$1" $fpath)
	    shift; autoload -U compinit; compinit -u -D
	    for p; do [[ $_comps[$p] == _$p ]] || { print $p; exit 1; }; done' \
	    - "$T/c/zsh" $progs litestream
else skip 'zsh: compinit knows every program' 'no zsh'; fi
done_testing
