#!/bin/sh
# scripts/setup with package managers that only pretend. No program of ours
# runs.
# run: plain
. tests/lib.sh
plan 14
bin=$T/bin
mkdir "$bin" "$T/lists"
for c in sh sed grep head ls env printf cat touch test dirname; do
	p=$(command -v $c) && test -x "$p" && ln -s "$p" "$bin/$c"
done
fake() { rm -f "$bin/$1"; printf '#!/bin/sh\n%s\n' "$2" >"$bin/$1"; chmod +x "$bin/$1"; }
export T
setup() { env PATH="$bin" sh scripts/setup "$@"; }

# Debian: libyaml-dev is missing until it is installed; the first try fails.
fake id 'echo 0'
fake sleep 'exit 0'
fake dpkg-query 'for p; do :; done
case $p in libyaml-dev | libclang-rt-14-dev) test -e "$T/$p" || exit 1 ;; esac
echo installed'
fake dpkg 'echo amd64'
fake apt-cache 'echo "  Depends: clang-14"'
fake apt-get 'echo "apt-get $*" >>"$T/apt.log"
case $1 in install)
	test -e "$T/tried" || { : >"$T/tried"; exit 100; }
	for p; do case $p in lib*) : >"$T/$p" ;; esac; done ;;
esac'
exits 'Debian: something is missing' 0 setup
like 'says what it installs' "$out" '^setup: apt-get install libyaml-dev$'
is 'in the second try' "$(grep -c '^apt-get install' "$T/apt.log")" 2
like 'after an update' "$(cat "$T/apt.log")" '^apt-get update'
rm "$T/apt.log"
exits 'nothing is missing' 0 setup
ok 'nothing is done' test ! -e "$T/apt.log"
exits 'for the tests' 0 setup test
like 'clang has its run-time library' "$(cat "$T/apt.log")" \
    'install.* libclang-rt-14-dev'
rm "$T/libyaml-dev"
fake id 'echo 1000'
exits 'not root and no sudo' 102 setup
like 'names what is missing' "$err" 'libyaml-dev'
fake sudo 'echo "$*" >>"$T/sudo.log"; exec "$@"'
exits 'with sudo' 0 setup
like 'through it' "$(cat "$T/sudo.log")" 'apt-get install'

# Alpine
rm "$bin/apt-get"
fake apk 'case $1 in
info) test "$3" != yaml-dev || test -e "$T/yaml-dev" ;;
add) echo "$*" >"$T/apk.log"; : >"$T/yaml-dev" ;;
esac'
exits 'Alpine' 0 setup
like 'apk add' "$(cat "$T/apk.log")" 'yaml-dev'
