#!/usr/bin/env bash
# Gradescope runs this once, as root, when it builds the autograder: Python 3.11 or newer, and the packages.
set -euo pipefail
root="${AUTOGRADER_ROOT:-/autograder}"

python=""
for name in python3 python3.14 python3.13 python3.12 python3.11; do
  if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    python="$name"
    break
  fi
done
if [ -z "$python" ]; then
  apt-get update
  DEBIAN_FRONTEND=noninteractive apt-get install -y python3.11 python3.11-venv
  python=python3.11
elif ! "$python" -c 'import ensurepip' 2>/dev/null; then
  apt-get update
  DEBIAN_FRONTEND=noninteractive apt-get install -y \
    "$("$python" -c 'import sys; print("python{}.{}-venv".format(*sys.version_info))')"
fi

"$python" -m venv "$root/venv"
# PyPI's torch for Linux brings two gigabytes for a GPU: PIP_EXTRA_INDEX_URL may name where a CPU's build is (pytorch.org).
"$root/venv/bin/python" -m pip install --no-cache-dir --disable-pip-version-check -r "$root/source/requirements.txt"
