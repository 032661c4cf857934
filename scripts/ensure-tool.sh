#!/bin/sh
# Usage: ensure-tool.sh PACKAGE PURPOSE COMMAND...
# Sees to it that one of the COMMANDs is there; one with a slash is a pattern of files. Installs the PACKAGE where it may (root on a
# Debian-like system); elsewhere says so, and the tests that need it skip themselves.
set -eu

package=$1
purpose=$2
shift 2
for name in "$@"; do
    case $name in
    */*)
        # Unquoted: the shell is to find the files.
        # shellcheck disable=SC2086
        if ls $name >/dev/null 2>&1; then
            exit 0
        fi
        ;;
    *)
        if command -v "$name" >/dev/null 2>&1; then
            exit 0
        fi
        ;;
    esac
done
if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "installing $package for $purpose" >&2
    if { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y \
        --no-install-recommends "$package"; } >&2; then
        exit 0
    fi
fi
echo "no $package, and it could not be installed: $purpose are skipped" >&2
