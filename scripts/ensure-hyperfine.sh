#!/bin/sh
# Sees to it that hyperfine is there for the test that puts our method beside it. Installs it where
# it may (root on a Debian-like system); elsewhere says so, and that test skips itself.
set -eu

if command -v hyperfine >/dev/null 2>&1; then
    exit 0
fi
if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "installing hyperfine for the test of the methods" >&2
    if { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y \
        --no-install-recommends hyperfine; } >&2; then
        exit 0
    fi
fi
echo "no hyperfine, and it could not be installed: its test beside our method is skipped" >&2
