#!/bin/sh
# What hurt users of Litestream, by the numbers of its issues: each has a test
# whose description says "pain NUMBER", in C as pain_NUMBER in the name of the
# function, in the file this table names; and no test has one that is not here.
. tests/lib.sh
plan 3
cat >"$T/table" <<'END'
compat/follow.t 1460
compat/v03.t 535 933
fault/fence.t 224 266 1300 1301
fault/programs.t 236 441 585 976 1077
fault/walship.t 592
programs/compact.t 771 1155 1199 1459
programs/compact_memory.t 331 613 1477
programs/conf.t 454 790 1285 1319
programs/front_replicate.t 132 183 364 399 436 934 1119 1218 1397
programs/many.t 474 955 1051
programs/restore.t 630 807
programs/restore_follow.t 8 361 383 450
programs/restore_points.t 564 753 847 858 930 1056
programs/restore_state.t 521 627 781
programs/tend.t 234 261 776 784 992 1104 1171 1210 1327
programs/v03-write.t 406
programs/verify.t 582 1164
programs/walship_codes.t 422 777
programs/walship_full.t 1310
sftp/ship.t 412 413
unit/capture_barrier.c 1332
unit/capture_checkpoint.c 237 473 724 824 881 896 927 997
unit/capture_checkpoint.c 1165 1175 1197 1198 1309 1337 1536
unit/capture_start.c 752
unit/level.c 1488
unit/meter.c 417
END
# Not ours: encrypted databases (47, 663) need the library that encrypts them,
# what is left is that they are refused in a sentence (777); there is no VFS
# (426); nothing encrypts yet, and that is said, never passed over (88, 468).

# rows: NUMBER FILE of descriptions, of tests alone
git ls-files 'tests/*.t' 'tests/*.c' | grep -v '^tests/style/' |
    xargs awk '
    FNR == 1 { f = substr(FILENAME, 7) }
    /^[ \t]*(#|\/?[*])/ && !/^#include/ { next }
    { s = $0; sub(/\/[*].*/, "", s)
      while (match(s, /pain[ _][0-9]+((, |_)[0-9]+)*/)) {
	n = split(substr(s, RSTART + 5, RLENGTH - 5), a, /, |_/)
	for (i = 1; i <= n; i++) print a[i], f
	s = substr(s, RSTART + RLENGTH) } }' | sort -u >"$T/found"
awk '{ for (i = 2; i <= NF; i++) print $i, $1 }' "$T/table" | sort >"$T/listed"
cut -d ' ' -f 1 "$T/listed" | sort >"$T/numbers"
is 'each is listed once' "$(uniq -d "$T/numbers")" ''
is 'each has its test' "$(comm -23 "$T/listed" "$T/found")" ''
is 'and each test with a number is of one listed' \
    "$(cut -d ' ' -f 1 "$T/found" | sort -u | comm -23 - "$T/numbers")" ''
