#!/bin/sh
# entrypoint.sh: what the container starts; arguments are ignored. As process
# 1 it is s6-overlay; where something else is (docker run --init, Fly.io) the
# same order is kept without it.
set -u
if test "$$" = 1; then exec /init; fi
# memogram needs what plain would take away before it.
exec @LIB@/env -w @LIB@/memos-prepare @LIB@/memogram-prepare \
    env LS_ADDED= @LIB@/direct-env @LIB@/memos-pair
