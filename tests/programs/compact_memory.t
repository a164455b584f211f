#!/bin/bash
# run: plain
# The memory of ls-compact, whatever the number and size of its inputs.
. tests/lib.sh
need sqlite3 python3
need_peer versitygw
make=$BUILD/tests/ltxmake
test -x "$make" || bail "no $make"
plan 8

peak() { # NAME COMMAND...: at most 32 MB
	name=$1; shift
	kb=$(python3 -c 'import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stderr=subprocess.DEVNULL,
    stdout=open("/dev/null", "w"))
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)' "$@") ||
	    kb=999999
	test "$kb" -le 32768 && pass "$name ($((kb / 1024)) MB)" ||
	    fail "$name" "$kb KB"
}
name() { printf '%016x-%016x.ltx' "$1" "${2:-$1}"; }

# Many small files, more than are open at once.
make_db "$T/a.db" 20
cp "$T/a.db" "$T/b.db"
python3 - "$T" "$make" <<'END'
import os, struct, subprocess, sys
t, make = sys.argv[1:]
def ltx(n, pages):
    return bytearray(subprocess.check_output([make, "db", "block", f"{n:x}",
        f"{n:x}", t + "/a.db", *pages]))
os.makedirs(t + "/r/ltx/0")
for n in range(1, 301):
    with open(f"{t}/r/ltx/0/{n:016x}-{n:016x}.ltx", "wb") as f:
        f.write(ltx(n, [] if n == 1 else ["1", "2"]))
END
peak 'pain 331: 300 files' ls-compact -l 1 "file://$T/r"
ok 'became one' test -e "$T/r/ltx/1/$(name 1 300)"
peak 'the same by name' ls-compact "$T"/r/ltx/0/*.ltx

# A database of 200 MB that does not shrink by compression, in two versions.
sqlite3 "$T/big.db" "CREATE TABLE t(v); WITH RECURSIVE n(i) AS (SELECT 1
    UNION ALL SELECT i + 1 FROM n WHERE i < 200)
    INSERT INTO t SELECT randomblob(1000000) FROM n"
mkdir -p "$T/s3/mybkt/big/0000"
for i in 1 2; do
	"$make" db block $i $i "$T/big.db" >"$T/s3/mybkt/big/0000/$(name $i)"
done
rm "$T/big.db"
s3_start
peak 'pain 1477: 200 MB, twice, on s3' ls-compact -l 1 "$(s3_url big)"
ok 'became one' test -e "$T/s3/mybkt/big/0001/$(name 1 2)"
ok 'and is good' ls-dump "$T/s3/mybkt/big/0001/$(name 1 2)"
peak 'to standard output' ls-compact "$T"/s3/mybkt/big/0000/*
peak 'pain 613: a snapshot of it' ls-snapshot -r "$(s3_url big)"
