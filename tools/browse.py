"""Look at built pages in headless Chromium: `python tools/browse.py FOLDER`, a line for each fault.

Opens every .html file wide and at 380 pixels: errors on the console, missing files, requests to other hosts, dead links
and anchors, pages that scroll sideways, a threshold slider that does not recount, a movable anchor that does not move,
and what axe-core calls a serious or critical barrier to readers, in both themes. Nothing leaves the machine.
"""

import math
import re
import shutil
import sys
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

HOME, NARROW, WIDE = "http://localhost/", 380, 1280
SLIDER = "input[type=range][data-impaug=threshold]"
ANCHOR = "button[data-impaug=anchor]"
COUNTS = "all => all.slice(0, 4).map(cell => Number(cell.textContent))"
LINKS, IDS = "all => all.map(a => a.href)", "all => all.map(e => e.id || e.name)"
TOGGLE = "window.quartoToggleColorScheme?.()"  # which Quarto's pages have where they have two themes
THEME = "document.body.classList.contains('quarto-dark') ? 'dark' : 'light'"
BROKEN = "all => all.filter(i => i.complete && !i.naturalWidth && i.src).map(i => i.src)"


def find_chromium():
    "Path of a Chromium or Chrome on this machine, or None; Playwright's own is not needed."
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next(filter(None, map(shutil.which, names)), None)


@contextmanager
def headless():
    "The browser, for as long as it is used."
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=find_chromium(), args=["--no-sandbox", "--disable-quic"])


def watched(browser, folder, width):
    "A page that gets its files from a folder, at HOME, and the list that fills with its faults."
    page = browser.new_page(viewport=dict(width=width, height=900), is_mobile=width == NARROW)
    faults = []

    def answer(route):
        url = urlsplit(route.request.url)
        path = folder / unquote(url.path).lstrip("/")
        if not route.request.url.startswith(HOME):
            faults.append(f"asks {url.hostname} for {url.path[:60]}; keep a copy with the site")
            route.abort()
        elif path.is_file():
            route.fulfill(path=path)
        else:
            faults.append(f"missing file: {url.path[1:]}")
            route.fulfill(status=404)

    def complain(text):
        if not text.startswith("Failed to load resource"):
            faults.append("error on the console: " + text.partition("\n")[0])

    page.route("**/*", answer)
    page.on("pageerror", lambda error: complain(error.stack or error.message))
    page.on("console", lambda message: complain(message.text) if message.type in ("error", "assert") else None)
    return page, faults


def slider_faults(page):
    "The slider by keyboard: its ends must give different counts of the same number of rows."
    shown = []
    for key in ("Home", "End", "ArrowLeft", "Home"):
        page.locator(SLIDER).first.press(key)
        shown.append(page.eval_on_selector_all("[data-impaug^=count-]", COUNTS))
    if len(shown[0]) < 4 or any(map(math.isnan, sum(shown, []))):
        yield "the slider's counts are no numbers; fill [data-impaug=count-00] to count-11"
    elif shown[0] == shown[1]:
        yield f"the slider does not recount: {shown[0]} at both ends"
    elif len(set(map(sum, shown))) > 1:
        yield f"the slider loses rows: {list(map(sum, shown))} at its positions"
    elif shown[0] != shown[3]:
        yield f"the slider does not come back: {shown[0]}, then {shown[3]} at its lower end"


def anchor_faults(page):
    "The movable anchor by keyboard: it goes one place, shows an NMI there, and comes back."
    handle, shown = page.locator(ANCHOR).first, []
    for key in (None, "ArrowRight", "ArrowLeft"):
        if key:
            handle.press(key)
        shown.append((handle.get_attribute("aria-label"), page.locator("form.anchor [data-impaug=nmi]").inner_text()))
    if not all(re.fullmatch(r"[01]\.\d+", score) for _, score in shown):
        yield f"the anchor shows no NMI: {[score for _, score in shown]}; fill [data-impaug=nmi]"
    elif shown[0] == shown[1]:
        yield f"the anchor does not move by the arrow keys: {shown[0][0]}"
    elif shown[0] != shown[2]:
        yield f"the anchor does not come back: {shown[0]}, then {shown[2]}"


def barriers(page):
    "What axe-core finds serious or critical, in each of the page's themes."
    seen = set()
    page.add_style_tag(content="* { transition: none !important }")  # colours on their way are nobody's fault
    while (theme := page.evaluate(THEME)) not in seen:
        seen.add(theme)
        for rule in Axe().run(page).response["violations"]:
            if rule["impact"] in ("serious", "critical"):
                places = [" ".join(map(str, node["target"])) for node in rule["nodes"]]
                yield f"{theme} theme: {rule['help']} ({rule['id']}): {len(places)} times, first {places[0]}"
        page.evaluate(TOGGLE)


def link_faults(links, ids):
    "Dead links and anchors between the pages that were opened; `ids` has the anchors of each."
    for name, targets in links.items():
        for url in [url for url in dict.fromkeys(targets) if url.startswith(HOME)]:
            target, anchor = map(unquote, urldefrag(url.removeprefix(HOME)))
            target = target.partition("?")[0] or "index.html"
            if target not in ids:
                yield f"{name}: the link {target} leads to no file"
            elif anchor not in ids[target] | {"", "top"}:
                yield f"{name}: the link {target}#{anchor} leads to no anchor"


def browse(folder):
    "Faults of all pages in a folder, one line each."
    folder, links, sliders, found = Path(folder).resolve(), {}, 0, []
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    ids = {name: set() for name in files}
    with headless() as browser:
        (wide, faults), (narrow, _) = (watched(browser, folder, width) for width in (WIDE, NARROW))
        for name in [name for name in files if name.endswith(".html") and "site_libs" not in name]:
            faults.clear()
            wide.goto(HOME + name, wait_until="networkidle")  # a moment more, for what happens late
            links[name] = wide.eval_on_selector_all("a[href]", LINKS)
            ids[name] = set(wide.eval_on_selector_all("[id], a[name]", IDS))
            images = [src.removeprefix(HOME)[:60] for src in wide.eval_on_selector_all("img", BROKEN)]
            faults += [f"an image shows nothing: {src}" for src in images if f"missing file: {src}" not in faults]
            if wide.query_selector(SLIDER):
                sliders += 1
                faults += slider_faults(wide)
            if wide.query_selector(ANCHOR):
                faults += anchor_faults(wide)
            faults += barriers(wide)
            narrow.goto(HOME + name)
            if (width := narrow.evaluate("document.scrollingElement.scrollWidth")) > NARROW:
                faults.append(f"scrolls sideways at {NARROW} pixels: {width} pixels wide")
            found += [f"{name}: {fault}" for fault in dict.fromkeys(faults)]
    if not sliders:
        found.append(f"{folder.name}: no page has the threshold slider")
    return found + list(link_faults(links, ids))


if __name__ == "__main__":
    if not find_chromium():
        sys.exit("browse.py: needs Chromium or Chrome on the PATH; on Debian: apt-get install chromium")
    found = browse(sys.argv[1])
    print("\n".join(found + [f"{sys.argv[1]}: {len(found) or 'no'} faults in Chromium."]))
    sys.exit(bool(found))
