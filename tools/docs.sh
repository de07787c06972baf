#!/usr/bin/env bash
# Build the site into _docs, or serve it while notebooks change: docs.sh [docs|preview|check]. Never installs Quarto, as nbdev's own commands would.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH="$PWD/.venv/bin:$PATH"
command -v quarto >/dev/null || {
    echo "make docs, make preview: Quarto is not on the PATH; with a network 'pip install quarto-cli==1.7.34' gets it, or see https://quarto.org/docs/get-started/" >&2
    exit 1
}
[ "${1:-docs}" != check ] || exit 0
make --no-print-directory setup
if [ "${1:-docs}" = preview ]; then
    trap 'rm -f nbs/nbdev.yml' EXIT  # nbdev_preview writes it; _quarto.yml is the one configuration
    nbdev_preview --no_browser
    exit
fi
echo "[docs] notebooks to pages: docstrings, parameters, links to the API"
python tools/pages.py
(cd _proc && quarto render --no-cache)
[ -f _proc/_docs/index.html ] || { echo "make docs: Quarto wrote no _proc/_docs/index.html; see its messages above" >&2; exit 1; }
rm -rf _docs
mv _proc/_docs _docs
echo "[docs] $(find _docs -name '*.html' | wc -l) pages in _docs; open _docs/index.html, or look at all with .venv/bin/python tools/browse.py _docs"
