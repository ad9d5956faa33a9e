#!/bin/sh
# Makes configure and Makefile.in from configure.ac and Makefile.am.
set -e
cd "$(dirname "$0")"
command -v autoreconf >/dev/null || { echo "autoreconf is missing; run scripts/deps" >&2; exit 1; }
exec autoreconf --install --warnings=all
