#!/usr/bin/env bash
# Build the site into _docs, or serve it while notebooks change: docs.sh [docs|preview|check]. Never installs Quarto.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH="$PWD/.venv/bin:$PATH"
command -v quarto >/dev/null || {
    echo "make docs, make preview: Quarto is not on the PATH; online, pip install quarto-cli==1.7.34 gets it" >&2
    exit 1
}
[ "${1:-docs}" != check ] || exit 0
make --no-print-directory setup
if [ "${1:-docs}" = preview ]; then
    trap 'rm -f nbs/nbdev.yml' EXIT  # nbdev_preview writes it; _quarto.yml is the one configuration
    nbdev_preview --no_browser
    exit
fi
python -W "ignore:Found cells containing imports" tools/pages.py
(cd _proc && quarto render --no-cache) 2>&1 | tee _proc/quarto.log
if grep -iE "unable to resolve|citation .* not found" _proc/quarto.log >&2 || [ ! -f _proc/_docs/index.html ]; then
    echo "make docs: mend the links, references or citations above; without any, see why there is no index.html" >&2
    exit 1
fi
rm -rf _docs
mv _proc/_docs _docs
echo "[docs] $(find _docs -name '*.html' | wc -l) pages in _docs; .venv/bin/python tools/browse.py _docs looks at all"
