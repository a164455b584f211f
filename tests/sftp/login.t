#!/bin/sh
# Ways to log in, and what is said where none works. The password is that of
# an account in a mount namespace of the server's own.
# run: plain
. tests/lib.sh
. tests/sftp/sshd.sh
need ssh-agent ssh-add unshare

asroot=
test "$(id -u)" = 0 || asroot='sudo -n'
$asroot true 2>/dev/null || skip_all 'neither root nor sudo without password'

sshd_make
HOME=$T/home LS_HOST_KEY=$(cut -d ' ' -f 1,2 "$SD/host_ed25519.pub")
export HOME LS_HOST_KEY
mkdir "$HOME"
unset SSH_AUTH_SOCK LS_PASSWORD LS_KEY_PATH
W='p@ss:wo/rd#%41 $x'
R=$T/r
at() { echo "sftp://$1@$SSHD_ADDR:$SSHD_PORT$R"; }

# One account more, in copies of the files that say which there are.
mkdir "$T/etc" "$T/lshome"
chmod 711 "$T" "$T/etc"
cp /etc/passwd "$T/etc/passwd"
hash=$(printf '%s' "$W" | openssl passwd -6 -stdin)
low=$(id -u nobody) group=$(id -g nobody)
echo "lstest:x:$low:$group::$T/lshome:/bin/sh" >>"$T/etc/passwd"
$asroot cat /etc/shadow >"$T/etc/shadow"
printf 'lstest:%s:19000:0:99999:7:::\n' "$hash" >>"$T/etc/shadow"
$asroot chown "$low" "$T/lshome"
$asroot install -d -o "$low" "$R"
cat >"$T/sshd.ns" <<EOF
mount --bind "$T/etc/passwd" /etc/passwd || exit 1
mount --bind "$T/etc/shadow" /etc/shadow || exit 1
exec "$SSHD" -D -e -f "$SD/config"
EOF
$asroot mkdir -p /run/sshd
start_as() { # MORE-CONFIGURATION
	SSHD_MORE=$1
	sshd_config
	sed -i -e '/^PasswordAuthentication/d' -e '/^KbdInteractive/d' \
	    "$SD/config"
	{ printf '%s\n' "$1"; cat "$SD/config"; } >"$SD/config.new"
	mv "$SD/config.new" "$SD/config"
	$asroot unshare -m sh "$T/sshd.ns" 2>>"$SD/log" &
	sshd_pid=$!
	tap_pids="$tap_pids $sshd_pid"
	wait_for 10 sshd_up || bail "sshd: $(cat "$SD/log")"
}
start_as 'PasswordAuthentication yes'
put() { echo x | ls-put -rf "$@" f; }

exits 'a password in the environment' 0 env LS_PASSWORD="$W" \
    ls-put -rf "$(at lstest)" f </dev/null
exits 'a password in the URL' 0 \
    ls-put -rf "$(at 'lstest:p%40ss%3Awo%2Frd%23%2541%20$x')" f </dev/null
cat >"$T/c.yml" <<EOF
dbs:
  - path: $T/a.db
    replica:
      type: sftp
      host: $SSHD_ADDR:$SSHD_PORT
      user: lstest
      password: "p@ss:wo/rd#%41 \$x"
      host-key: $LS_HOST_KEY
      path: $R
EOF
exits 'a password in the configuration' 0 ls-get -c "$T/c.yml" \
    --no-expand-env "$T/a.db" f
exits 'ls-conf shows' 0 ls-conf --show -c "$T/c.yml" --no-expand-env
like 'that there is a password' "$out" 'password: set .hidden.'
unlike 'and not which' "$out$err" 'ss:wo'
unlike 'no note of keys that do nothing' "$err" 'not supported'
exits 'a wrong password' 102 env LS_PASSWORD=wrong-one ls-get "$(at lstest)" f
like 'is told' "$err" 'refused the login of lstest by password'
unlike 'and not shown' "$err" 'wrong-one'
exits 'an empty password' 102 ls-get "$(at lstest:)" f
like 'is told' "$err" 'refused the login of lstest by password'
exits 'nothing to log in with' 102 ls-get "$(at lstest)" f
like 'says what to set' "$err" 'password: or key-path: .*ssh-agent'
exits 'no user' 102 ls-get "sftp://$SSHD_ADDR:$SSHD_PORT$R" f
like 'is told' "$err" 'needs user:'

make_db "$T/a.db" 100 4096
start walship ls-walship -c "$T/c.yml" --no-expand-env
wait_for 10 test -S "$LS_RUN_DIR/walship.sock"
ok 'shipped with a password' ls-sync -w 10s "$T/a.db"
unlike 'not among the arguments' \
    "$(tr '\0' ' ' <"/proc/$pid_walship/cmdline")" 'ss:wo'
stop walship
unlike 'nor in log or status' \
    "$(cat "$T/walship.log" "$LS_RUN_DIR"/*.status)" 'ss:wo|wo%2Frd'
ok 'restored with a password' ls-restore -c "$T/c.yml" --no-expand-env \
    -o "$T/b.db" "$T/a.db"
ok 'page by page' pages_equal "$T/a.db" "$T/b.db"
sshd_stop

start_as 'PasswordAuthentication no'
exits 'a password where keys alone are wanted' 102 env LS_PASSWORD="$W" \
    ls-get "$(at lstest)" f
exits 'a key' 0 env LS_KEY_PATH="$SD/client" ls-get "$(at lstest)" f
exits 'a key, and a password that is of no use' 0 env LS_PASSWORD=x \
    LS_KEY_PATH="$SD/client" ls-get "$(at lstest)" f
exits 'a wrong key' 102 env LS_KEY_PATH="$SD/other" ls-get "$(at lstest)" f
like 'is told' "$err" 'refused the login of lstest by key-path'
sshd_key "$SD/ecdsa" ecdsa
cat "$SD/ecdsa.pub" >>"$SD/authorized"
exits 'an ECDSA key' 0 env LS_KEY_PATH="$SD/ecdsa" ls-get "$(at lstest)" f
exits 'no such key' 102 env LS_KEY_PATH="$SD/none" ls-get "$(at lstest)" f
like 'is told' "$err" "key-path: open $SD/none: No such file"
exits 'a public key' 102 env LS_KEY_PATH="$SD/client.pub" \
    ls-get "$(at lstest)" f
like 'is told' "$err" 'no private key but a public one'
exits 'no key at all' 102 env LS_KEY_PATH="$T/c.yml" ls-get "$(at lstest)" f
like 'is told' "$err" 'c.yml is no private key'
ssh-keygen -q -t ed25519 -N 'a phrase' -f "$SD/locked"
exits 'a key with a passphrase' 102 env LS_KEY_PATH="$SD/locked" \
    ls-get "$(at lstest)" f
like 'is told, with the way out' "$err" \
    'has a passphrase.*ssh-agent.*ssh-keygen -p'
for m in PEM PKCS8; do
	ssh-keygen -q -t ecdsa -m $m -N 'a phrase' -f "$SD/locked$m"
	exits "one in $m" 102 env LS_KEY_PATH="$SD/locked$m" \
	    ls-get "$(at lstest)" f
	like 'is told' "$err" 'has a passphrase'
done

SSH_AUTH_SOCK=$T/agent
export SSH_AUTH_SOCK
start agent ssh-agent -D -a "$SSH_AUTH_SOCK"
wait_for 5 test -S "$SSH_AUTH_SOCK"
exits 'ssh-agent without keys' 102 ls-get "$(at lstest)" f
like 'is told' "$err" 'refused the login of lstest by ssh-agent'
ssh-add -q "$SD/other" "$SD/client"
exits 'ssh-agent' 0 ls-get "$(at lstest)" f
stop agent
exits 'ssh-agent that has gone' 102 ls-get "$(at lstest)" f
sshd_stop
done_testing
