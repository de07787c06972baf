#!/usr/bin/env bash
# Fails when generated files differ from their notebooks. Works on a copy and changes nothing here.
set -euo pipefail
here=$PWD
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
git ls-files -z --cached --others --exclude-standard | tar --null -T - -cf - | tar -xf - -C "$copy"
cd "$copy"
nbdev_export
ruff format --quiet impaug
nbdev_clean
python tools/readme.py
status=0
for path in impaug nbs README.md; do
    diff -r -x __pycache__ -x .ipynb_checkpoints -x _proc "$here/$path" "$copy/$path" || status=1
done
[ $status = 0 ] && echo "Modules, notebooks and README agree." ||
    echo "Out of step: run nbdev_export, ruff format, nbdev_clean and tools/readme.py, then commit." >&2
exit $status
