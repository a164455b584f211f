#!/bin/sh
# Completions load in each shell and offer every option of -h. (litestream has
# none of its own: its flags are Litestream's.)
. tests/lib.sh
progs=$(ls bin | sed -n 's/[.]c$//p' | grep -v '^litestream$')
set -- $progs
plan $(($# * 3 + 1))
scripts/completions "$T/c" $progs || bail 'scripts/completions fails'

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
if command -v zsh >/dev/null; then
	# The real completion system takes them.
	ok 'zsh: compinit knows every program' zsh -f -c 'fpath=("$1" $fpath)
	    shift; autoload -U compinit; compinit -u -D
	    for p; do [[ $_comps[$p] == _$p ]] || { print $p; exit 1; }; done' \
	    - "$T/c/zsh" $progs
else skip 'zsh: compinit knows every program' 'no zsh'; fi
