#!/bin/sh
# run: plain
# The programs for arm64, built here and run under qemu-user against the
# libraries of Debian's arm64 packages, which are only unpacked: build/arm64.
. tests/lib.sh
qemu=$(command -v qemu-aarch64-static || command -v qemu-aarch64)
test -n "$qemu" || skip_all 'no qemu-aarch64-static'
need aarch64-linux-gnu-gcc apt-get dpkg-deb sqlite3
. /etc/os-release

# Debian's packages of the other architecture, found with lists of our own:
# those of this machine stay as they are.
root=$PWD/build/arm64-root
want='libc6-dev libgcc-s1 libcurl4-openssl-dev libbearssl-dev skalibs-dev
    libsqlite3-dev liblz4-dev libyaml-dev libexpat1-dev libcjson-dev libssl-dev
    libmicrohttpd-dev'
unpacked() {
	apt=$T/apt
	mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$apt/etc" "$root.new"
	: >"$apt/status"
	printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s main\n' \
	    http://deb.debian.org/debian "$VERSION_CODENAME" >"$apt/sources"
	cat >"$apt/conf" <<-END
	APT::Architecture "arm64";
	APT::Architectures { "arm64"; };
	APT::Install-Recommends "false";
	Acquire::Languages "none";
	Acquire::Retries "3";
	APT::Sandbox::User "root";
	Dir::State "$apt";
	Dir::State::status "$apt/status";
	Dir::Cache "$apt/cache";
	Dir::Etc::SourceList "$apt/sources";
	Dir::Etc::SourceParts "-";
	END
	export APT_CONFIG="$apt/conf"
	apt-get update -qq && apt-get install -y -qq -d $want >/dev/null || return
	for f in "$apt"/cache/archives/*.deb; do
		dpkg-deb -x "$f" "$root.new" || return
	done
	rm -rf "$root.new/usr/share" && mv "$root.new" "$root"
}
rm -rf "$root.new"
test -d "$root" || ok 'the packages of arm64 unpack' unpacked
test -d "$root" || bail 'no root for arm64'

# Absolute links of an unpacked package point into this machine.
find "$root" -type l -lname '/*' | while read -r l; do
	ln -sfn "$root$(readlink "$l")" "$l"
done
arm=$PWD/build/arm64-linked
ok 'the programs build for arm64' make -s -j"$(nproc)" all BUILD="$arm" \
    CC="aarch64-linux-gnu-gcc --sysroot=$root"
like 'they are of it' "$(od -An -tx1 -j18 -N2 "$arm/bin/ls-walship")" 'b7 00'

# One that starts another looks beside itself, where there is none it could
# start, then on the PATH: scripts that call qemu.
mkdir "$T/arm"
for p in "$arm"/bin/ls-*; do
	case $p in *.o | *.d) continue ;; esac
	mkdir "$T/of-${p##*/}" && cp "$p" "$T/of-${p##*/}"
	printf '#!/bin/sh\nexec %s -L %s %s "$@"\n' "$qemu" "$root" \
	    "$T/of-${p##*/}/${p##*/}" >"$T/arm/${p##*/}"
done
chmod +x "$T"/arm/*
run() { PATH=$T/arm:$PATH "$@"; }
for p in "$T"/arm/*; do
	ok "${p##*/} runs" run "${p##*/}" -h
done

make_db "$T/app.db" 2000
printf 'dbs:\n  - path: %s\n    replicas:\n      - url: file://%s\n' \
    "$T/app.db" "$T/r" >"$T/c.yml"
ok 'ls-conf reads a configuration' run ls-conf -c "$T/c.yml" --show
ok 'ls-walship ships' run ls-walship --once -c "$T/c.yml"
ok 'ls-restore restores what arm64 shipped' run ls-restore -q -o "$T/a.db" "file://$T/r"
ok 'page for page' pages_equal "$T/app.db" "$T/a.db"
ok 'and so it does here' ls-restore -q -o "$T/b.db" "file://$T/r"
ok 'the same' pages_equal "$T/app.db" "$T/b.db"
sql "$T/app.db" "INSERT INTO t(v) VALUES('more')"
ok 'what is shipped here' ls-walship --once -c "$T/c.yml"
rm -f "$T"/a.db*
ok 'arm64 restores' run ls-restore -q -o "$T/a.db" "file://$T/r"
ok 'page for page too' pages_equal "$T/app.db" "$T/a.db"
done_testing
