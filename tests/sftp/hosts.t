#!/bin/sh
# Host keys: pinned, known, remembered, unknown, changed.
# run: plain
. tests/lib.sh
. tests/sftp/sshd.sh

sshd_make
sshd_start
HOME=$T/home LS_KEY_PATH=$SD/client
export HOME LS_KEY_PATH
unset XDG_STATE_HOME
mkdir -p "$HOME/.ssh"
K=$HOME/.local/state/ls-s6/known_hosts
U=$(sshd_url "$T/r")
N="[$SSHD_ADDR]:$SSHD_PORT"
pub() { cut -d ' ' -f 1,2 "$SD/$1.pub"; }
print() { ssh-keygen -l -f "$SD/$1.pub" | cut -d ' ' -f 2; }
# has NAME TEXT...: $err has each of them.
has() {
	name=$1 miss=; shift
	for w; do case $err in *"$w"*) ;; *) miss="$miss [$w]" ;; esac; done
	is "$name" "$miss" ''
	test -z "$miss" || diag "$err"
}
clean() { rm -rf "$K" "$HOME/.ssh/known_hosts"; }
again() { sshd_stop; sshd_config; sshd_start; }

exits 'unknown' 0 ls-list "$U"
has 'warned of, with the line to pin' 'level=warn prog=ls-list' \
    "host-key=\"$(pub host_ecdsa)\" file=$K"
is 'remembered' "$(cat "$K")" "$N $(pub host_ecdsa)"
is 'for nobody else to change' "$(stat -c %a "$K")" 600
exits 'known by then' 0 ls-list "$U"
is 'silently' "$err" ''
XDG_STATE_HOME=$T/xdg ls-list "$U" >"$T/out" 2>&1
is 'remembered where XDG_STATE_HOME says' \
    "$(cat "$T/xdg/ls-s6/known_hosts")" "$N $(pub host_ecdsa)"
exits 'with no place to remember' 0 env -u HOME ls-list "$U"
like 'it is told' "$err" 'not remembered: pin it.*no HOME'

# A part of a key in the file would be another key, and the right one refused.
for pad in 847 848 849 850; do
	printf "#%0${pad}d\n" 0 >"$K"
	(ulimit -f 2; exec ls-list "$U") >"$T/out" 2>&1
	like "a key that has no room, $pad" "$(cat "$T/out")" 'not remembered: pin'
	is 'is not there in part' "$(wc -c <"$K")" $((pad + 2))
done
exits 'with room again' 0 ls-list "$U"
like 'it is remembered' "$err" 'and remembered'
echo "$N $(pub host_ecdsa)" >"$K"

mv "$SD/host_ecdsa" "$SD/kept"
mv "$SD/host_ecdsa.pub" "$SD/kept.pub"
sshd_key "$SD/host_ecdsa" ecdsa
again
exits 'changed' 102 ls-list "$U"
has 'refused, with the way out' \
    "not the one that was known, of $K: it shows $(print host_ecdsa)" \
    "remove the lines of $N there, or pin host-key: \"$(pub host_ecdsa)\""
is 'nothing was added' "$(cat "$K")" "$N $(pub kept)"
sed -i '/ssh/d;/ecdsa/d' "$K"
exits 'forgotten, it is new' 0 ls-list "$U"
like 'and warned of' "$err" 'level=warn'

clean
for t in host_ed25519 host_ecdsa; do
	exits "pinned, $t" 0 env LS_HOST_KEY="$(pub $t)" ls-list "$U"
	is 'silently' "$err" ''
	exits "pinned, $t by its fingerprint" 0 \
	    env LS_HOST_KEY="$(print $t)" ls-list "$U"
	is 'silently' "$err" ''
done
exits 'pinned with a comment' 0 env LS_HOST_KEY="$(cat "$SD/host_ecdsa.pub")" \
    ls-list "$U"
exits 'pinned to another' 102 env LS_HOST_KEY="$(pub kept)" ls-list "$U"
like 'refused, with the way out' "$err" 'is pinned: it shows SHA256:.*new key, pin host-key:'
exits 'pinned to the fingerprint of another' 102 \
    env LS_HOST_KEY="$(print kept)" ls-list "$U"
like 'refused' "$err" 'is pinned: it shows SHA256:'
for bad in nonsense 'ssh-ed25519' 'ssh-ed25519 AAAA' 'ssh-rsa QUJD' SHA256:; do
	exits "pinned to \"$bad\"" 102 env LS_HOST_KEY="$bad" ls-list "$U"
done
nok 'nothing is remembered of pinned ones' test -e "$K"

H=$HOME/.ssh/known_hosts
for t in host_ed25519 host_ecdsa; do
	echo "$N $(pub $t)" >"$H"
	exits "in ~/.ssh/known_hosts, $t" 0 env LS_SFTP_STRICT=1 ls-list "$U"
	is 'silently' "$err" ''
done
{ echo "other $(pub kept)"; echo "$N $(pub host_ed25519)"; } >"$H"
ssh-keygen -q -H -f "$H" >"$T/out" 2>&1
rm -f "$H.old"
unlike 'hashed names' "$(cat "$H")" 'other|127'
exits 'are known' 0 env LS_SFTP_STRICT=1 ls-list "$U"
echo "[127.0.0.?]:*,!$N $(pub host_ecdsa)" >"$H"
exits 'a pattern that excludes' 102 env LS_SFTP_STRICT=1 ls-list "$U"
echo "!other,[127.0.0.?]:* $(pub host_ecdsa)" >"$H"
exits 'a pattern' 0 env LS_SFTP_STRICT=1 ls-list "$U"
echo "@revoked $N $(pub host_ecdsa)" >"$H"
exits 'revoked' 102 ls-list "$U"
like 'is told' "$err" "marked as revoked in $H"
printf '%s\n' '# a comment' 'garbage' '@cert-authority *' '|1|x|y z q' '' \
    "$N ssh-ed25519 notbase64!" "$N $(pub host_ecdsa)" >"$H"
exits 'among lines of other kinds' 0 env LS_SFTP_STRICT=1 ls-list "$U"
echo "127.0.0.1 $(pub host_ecdsa)" >"$H"
exits 'of another port' 102 env LS_SFTP_STRICT=1 ls-list "$U"
clean
exits 'strict' 102 env LS_SFTP_STRICT=1 ls-list "$U"
has 'refused, with the way out' 'LS_SFTP_STRICT refuses' \
    "pin host-key: \"$(pub host_ecdsa)\"" "known_hosts as $N"
nok 'nothing is remembered' test -e "$K"
exits 'strict must be told clearly' 102 env LS_SFTP_STRICT=maybe ls-list "$U"

# The server gives up the type that is known: not another one, but changed.
echo "$N $(pub host_ed25519)" >"$H"
sed -i '/host_ed25519/d' "$SD/config"
sshd_stop
sshd_start
exits 'a key of another type' 102 ls-list "$U"
has 'refused' "was known, of $H: it shows $(print host_ecdsa)"
echo "$N $(pub host_ecdsa)" >>"$H"
exits 'unless that is known as well' 0 ls-list "$U"
again

# Two databases of one process: each remembers, one warns.
clean
for d in a b; do make_db "$T/$d.db" 50 4096; done
printf 'dbs:\n' >"$T/c.yml"
for d in a b; do
	printf '  - path: %s\n    replica: {url: "%s", key-path: %s}\n' \
	    "$T/$d.db" "$(sshd_url "$T/r/$d")" "$SD/client" >>"$T/c.yml"
done
start walship ls-walship -c "$T/c.yml"
wait_for 10 test -S "$LS_RUN_DIR/walship.sock"
ok 'both are shipped' ls-sync -w 10s
for d in a b; do
	is "$d remembers" "$(cat "$T/.$d.db-litestream/known_hosts")" \
	    "$N $(pub host_ecdsa)"
done
mv "$SD/host_ecdsa" "$SD/new"
cp "$SD/kept" "$SD/host_ecdsa"
again
sql "$T/a.db" "INSERT INTO t(v) VALUES ('while it is another server')"
ok 'a changed key while running is told' wait_for 20 grep -q \
    'host key is not the one' "$T/walship.log"
nok 'nothing is shipped' ls-sync -w 1s "$T/a.db"
mv "$SD/new" "$SD/host_ecdsa"
again
ok 'with the old one it goes on' ls-sync -w 60s "$T/a.db"
stop walship
is 'ends well' "$status" 0
start walship ls-walship -c "$T/c.yml"
wait_for 10 test -S "$LS_RUN_DIR/walship.sock"
ok 'started anew' ls-sync -w 10s
stop walship
ok 'each warned once at most' test "$(grep -c host-key= "$T/walship.log")" -le 2
done_testing
