#!/bin/sh
# run: plain
# The service definitions as installed: sound; and each thing that would be
# wrong with them is found.
. tests/lib.sh
plan 33

install_tree() {
	mkdir -p "$T/clean/usr/bin"
	make -s install-memos BUILD="$BUILD" DESTDIR="$T/clean" \
	    PREFIX=/usr/local EXECLINEB=/usr/bin/execlineb || return
	: >"$T/clean/usr/bin/execlineb" && chmod +x "$T/clean/usr/bin/execlineb"
}
fresh_tree() { rm -rf "$T/root" && cp -Rp "$T/clean" "$T/root"; }
R=$T/root/etc/s6-overlay/s6-rc.d
L=$T/root/usr/local/lib/ls-s6
B=$T/bundles
bundles() { rm -rf "$B" && cp -R "images/$1/etc/s6-overlay/user-bundles.d" "$B"; }
lint() { tests/s6/lint -r "$T/root" "$R" "$B"; }

ok 'the definitions install' install_tree
fresh_tree
for i in base memos; do
	bundles $i
	ok "the services of images/$i are sound" lint
done

# NAME | what to do to it | what is said of it
while IFS='|' read -r what do said; do
	fresh_tree
	bundles base
	eval "$do"
	out=$(lint) && fail "$what" 'lint finds nothing' || like "$what" "$out" "$said"
done <<'END'
no type|rm $R/ls-restore/type|ls-restore: type is ""
a type of its own|echo daemon >$R/ls-walship/type|ls-walship: type is "daemon"
no up|rm $R/ls-restore/up|ls-restore: up is not one line
two lines in up|echo /bin/true >>$R/ls-restore/up|ls-restore: up is not one line
a body that is not there|rm $L/restore|ls-restore/up: .*/restore is not there
a body that cannot be run|chmod -x $L/restore|ls-restore/up: .*cannot be run
up without a path|echo restore >$R/ls-restore/up|restore is not an absolute path
no run|rm $R/ls-walship/run|ls-walship/run: is missing or empty
an interpreter of elsewhere|sed -i '1s/.*/#!\/command\/execlineb/' $R/ls-walship/run|ls-walship/run: /command/execlineb is not there
a finish that cannot be run|chmod -x $R/ls-walship/finish|ls-walship/finish: cannot be run
no interpreter|sed -i 1d $R/ls-walship/run|ls-walship/run: does not begin with #!/
an interpreter not filled in|cp s6-rc.d/ls-walship/run $R/ls-walship/run|run has a place not filled in
carriage returns|sed -i 's/$/\r/' $R/ls-walship/run|ls-walship: run has carriage returns
an unknown dependency|: >$R/ls-walship/dependencies.d/ls-prepare|depends on ls-prepare, which nobody defines
a circle|: >$R/ls-restore/dependencies.d/ls-walship|in a circle
a time-out of a restore|echo 5000 >$R/ls-restore/timeout-up|a time-out would cut a long restore
a time-out that is no number|echo 5s >$R/ls-walship/timeout-kill|timeout-kill is no number
a descriptor in use|echo 1 >$R/ls-walship/notification-fd|notification-fd is "1"
no descriptor|: >$R/ls-walship/notification-fd|notification-fd is ""
a bundle of what is not there|: >$B/user/contents.d/myapp|bundle user: myapp is not defined
an empty bundle|rm $B/user/contents.d/*|bundle user: nothing is started
a start that waits for metrics|echo 3 >$R/ls-statusd/notification-fd|ls-statusd: a start would wait for it
a service that does|: >$R/ls-tend/dependencies.d/ls-statusd|ls-tend: waits for ls-statusd
half a pipeline|echo log >$R/ls-walship/producer-for|ls-walship: log does not say that it consumes it
a oneshot with a run|echo x >$R/ls-restore/run|ls-restore: a oneshot has no run
a longrun with an up|echo /bin/true >$R/ls-walship/up|ls-walship: a longrun has no up
END

# What is installed can be read by its interpreters.
bad=
for f in scripts/s6/* images/memos/usr/local/lib/ls-s6/mem*; do
	case $(head -n 1 "$f") in
	'#!/bin/sh' | '#!/bin/bash') bash -n "$f" || bad="$bad $f" ;;
	'#!@EXECLINEB@ -P' | '#!@EXECLINEB@ -S0') ;;
	*) bad="$bad $f" ;;
	esac
	test -x "$f" || bad="$bad $f"
done
is 'every body has an interpreter, its syntax, and can be run' "$bad" ''
fresh_tree
named=$(grep -rho '/usr/local/lib/ls-s6/[a-z][a-z-]*' "$R" "$L" | sort -u)
is 'and every body that another names is there' \
    "$(for f in $named; do test -x "$T/root$f" || echo "$f"; done)" ''
like 'of which there are some' "$named" restore-all
# What one of the builders does not know.
is 'the Dockerfiles have no syntax line, heredoc or mount' \
    "$(grep -nEi '^# *syntax|<<|^ *RUN +--|--mount|COPY +--(chmod|link)' \
	Dockerfile.* images/*/Dockerfile)" ''
