# OpenSSH's own sshd on a loopback port, in a folder of the test, for the
# account that runs the test: keys only, nothing but SFTP, nothing of the
# system's is read or changed. To be sourced after tests/lib.sh.
#
#   sshd_make        keys, configuration; $SSHD_PORT is chosen
#   sshd_start       waits until it answers; sshd_stop ends it and what it
#                    serves; sshd_drop ends what it serves
#   sshd_url PATH    sftp://USER@127.0.0.1:PORT/PATH
#
# $SD is its folder: client (a private key it accepts), other (one it does
# not), host_* (its own keys), log, config. $SSHD_MORE goes into config.

need ssh-keygen ss
SSHD=$(PATH=$PATH:/usr/sbin:/sbin command -v sshd) || skip_all 'no sshd'
SFTP_SERVER=
for d in /usr/lib/openssh /usr/lib/ssh /usr/libexec /usr/libexec/openssh \
    /usr/lib/misc; do
	test ! -x $d/sftp-server || SFTP_SERVER=$d/sftp-server
done
test -n "$SFTP_SERVER" || skip_all 'no sftp-server'

SD=$T/sshd
SSHD_USER=$(id -un)
SSHD_ADDR=127.0.0.1
# An account without root's rights, and without a shell if need be.
SSHD_LOW=$SSHD_USER
test "$(id -u)" != 0 || SSHD_LOW=nobody

sshd_key() { # FILE TYPE
	rm -f "$1" "$1.pub"
	ssh-keygen -q -t "$2" -N '' -C "test ${1##*/}" -f "$1" || bail ssh-keygen
}

sshd_make() {
	mkdir -p "$SD"
	chmod 711 "$SD"
	test -e "$SD/host_ed25519" || sshd_key "$SD/host_ed25519" ed25519
	test -e "$SD/host_ecdsa" || sshd_key "$SD/host_ecdsa" ecdsa
	test -e "$SD/client" || sshd_key "$SD/client" ed25519
	test -e "$SD/other" || sshd_key "$SD/other" ed25519
	cp "$SD/client.pub" "$SD/authorized"
	test -n "$SSHD_PORT" || SSHD_PORT=$(sshd_free_port)
	sshd_config
}

sshd_config() {
	cat >"$SD/config" <<-EOF
	Port $SSHD_PORT
	ListenAddress $SSHD_ADDR
	HostKey $SD/host_ed25519
	HostKey $SD/host_ecdsa
	AuthorizedKeysFile ${SSHD_KEYS:-$SD/authorized}
	PidFile $SD/pid
	StrictModes no
	UsePAM no
	PasswordAuthentication no
	KbdInteractiveAuthentication no
	AllowTcpForwarding no
	Subsystem sftp ${SSHD_SERVE:-internal-sftp}
	# else bash would read what the user has for logins
	SetEnv SHLVL=9
	$SSHD_MORE
	Match User nobody
	    ForceCommand internal-sftp
	EOF
}

# Nobody listens there now.
sshd_free_port() {
	sshd_p=$((20000 + $$ % 20000))
	while ss -Hltn "sport = :$sshd_p" | grep -q .; do
		sshd_p=$((sshd_p + 1))
	done
	echo "$sshd_p"
}

sshd_up() { ss -Hltn "sport = :$SSHD_PORT" | grep -q .; }

sshd_start() {
	# it looks for this folder however it is called
	test "$(id -u)" != 0 || mkdir -p /run/sshd
	"$SSHD" -D -e -f "$SD/config" ${SSHD_ARGS:-} 2>>"$SD/log" &
	sshd_pid=$!
	tap_pids="$tap_pids $sshd_pid"
	wait_for 10 sshd_up || bail "sshd: $(cat "$SD/log")"
}

# What it serves, each connection a process.
sshd_kids() {
	for sshd_k in $(ps -o pid= --ppid "$1"); do
		(sshd_kids "$sshd_k")
		echo "$sshd_k"
	done
}

sshd_drop() {
	for sshd_k in $(sshd_kids "$sshd_pid"); do
		kill -9 "$sshd_k" 2>/dev/null
	done
}

sshd_stop() {
	sshd_drop
	kill "$sshd_pid" 2>/dev/null
	wait "$sshd_pid" 2>/dev/null
	sshd_drop
}

sshd_url() { echo "sftp://$SSHD_USER@$SSHD_ADDR:$SSHD_PORT/${1#/}"; }
