#!/bin/sh
# Sees to it that there is a Chromium for the tests of the HTML report. Installs one where it may
# (root on a Debian-like system); elsewhere says so, and those tests skip themselves.
set -eu

for name in "${INFERNO_CHROMIUM:-chromium}" chromium chromium-browser google-chrome; do
    if command -v "$name" >/dev/null 2>&1; then
        exit 0
    fi
done
if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "installing chromium for the tests of the HTML report" >&2
    if { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y \
        --no-install-recommends chromium; } >&2; then
        exit 0
    fi
fi
echo "no Chromium, and none could be installed: the tests of the HTML report in a browser are skipped" >&2
