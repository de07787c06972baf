"Headless Chromium notices each fault that tools/browse.py is for; skipped where there is no Chromium."

import browse
import pytest

pytestmark = pytest.mark.skipif(not browse.find_chromium(), reason="no Chromium")
VIEWPORT = '<meta name="viewport" content="width=device-width">'
HEAD = '<!doctype html><html lang="en"><meta charset="utf-8"><link rel="icon" href="data:,"><title>t</title>' + VIEWPORT
SLIDER = """<input type="range" id="threshold" data-impaug="threshold" aria-label="cut" min="0" max="10" value="5">
<table><tr><td data-impaug="count-00"><td data-impaug="count-01">
<tr><td data-impaug="count-10"><td data-impaug="count-11"></table><script>
const slider = document.querySelector("[data-impaug=threshold]");
function count() {
  const t = Number(slider.value), counts = {"00": t, "01": LOST, "10": 0, "11": 10 - t};
  for (const cell in counts) document.querySelector(`[data-impaug="count-${cell}"]`).textContent = counts[cell];
}
count();
EVENT</script>"""
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
LISTENS = 'slider.addEventListener("input", count)'


ANCHOR = """<form class="anchor"><button type="button" data-impaug="anchor" aria-label="at 0">x</button>
<b data-impaug="nmi">NMI</b></form><script>
const handle = document.querySelector("button");
let at = 0;
handle.addEventListener("keydown", event => {
  at += event.key === "ArrowRight" ? RIGHT : event.key === "ArrowLeft" ? LEFT : 0;
  handle.setAttribute("aria-label", "at " + at);
});</script>"""


def anchor(right, left, score="0.50"):
    return ANCHOR.replace("RIGHT", right).replace("LEFT", left).replace(">NMI<", f">{score}<")


def slider(lost, event=LISTENS):
    return SLIDER.replace("LOST", lost).replace("EVENT", event)


pages = {
    "index": (
        '<p id="a">In order. <a href="widget.html?x#threshold">widget</a> <a href="#a">a</a> <a href="#top">top</a>'
        '<div style="overflow-x:auto" tabindex="0"><pre>' + "x" * 300 + "</pre></div>",
        None,
    ),
    "widget": (slider("0"), None),
    "dead_slider": (slider("0", ""), "the slider does not recount: [5, 0, 0, 5] at both ends"),
    "leaky_slider": (slider("t"), "the slider loses rows"),
    "drifting_slider": (
        slider("0", LISTENS + "; slider.oninput = () => slider.min++"),
        "the slider does not come back",
    ),
    "wordy_slider": (slider("'none'"), "the slider's counts are no numbers"),
    "anchor": (anchor("1", "-1"), None),
    "dead_anchor_handle": (anchor("0", "0"), "the anchor does not move by the arrow keys: at 0"),
    "drifting_anchor": (anchor("1", "1"), "the anchor does not come back"),
    "silent_anchor": (anchor("1", "-1", ""), "the anchor shows no NMI"),
    "console": ('<script>console.error("oh no")</script>', "error on the console: oh no"),
    "exception": ("<script>undefined.x</script>", "error on the console: TypeError"),
    "late": (
        '<script>addEventListener("load", () => setTimeout(() => { throw Error("late") }, 100))</script>',
        "error on the console: Error: late",
    ),
    "missing_script": ('<script src="x.js"></script>', "missing file: x.js"),
    "missing_image": ('<img src="x.png" alt="x">', "missing file: x.png"),
    "broken_image": ('<img src="data:image/png;base64,AAAA" alt="x">', "an image shows nothing"),
    "elsewhere": ('<script src="https://other.example/x.js"></script>', "asks other.example for /x.js"),
    "wide": ('<div id="w" style="width:700px">wide</div>', "scrolls sideways at 380 pixels: 7"),
    "no_viewport": ("<p>small print", "scrolls sideways at 380 pixels: 980"),
    "unnamed_image": (f'<img src="data:image/png;base64,{PIXEL}">', "light theme: Images must have alternative text"),
    "pale": ('<p style="color:#bbb">pale', "(color-contrast): 1 times, first p"),
    "pale_in_the_dark": (
        "<p>pale<script>window.quartoToggleColorScheme = () => {\n"
        "document.body.classList.toggle('quarto-dark'); document.body.style.color = '#ccc' }</script>",
        "dark theme: Elements must meet minimum color contrast",
    ),
    "dead_link": ('<a href="nowhere.html">x</a>', "the link nowhere.html leads to no file"),
    "dead_anchor": ('<a href="index.html#b">x</a>', "the link index.html#b leads to no anchor"),
}


@pytest.fixture(scope="module")
def faults(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    for name, (body, _) in pages.items():
        head = HEAD.replace(VIEWPORT, "") if name == "no_viewport" else HEAD
        (folder / f"{name}.html").write_text(head + body)
    return browse.browse(folder)


@pytest.mark.parametrize("name", pages)
def test_page(faults, name):
    own, expected = [fault for fault in faults if fault.startswith(f"{name}.html: ")], pages[name][1]
    assert [expected in fault for fault in own] == ([True] if expected else []), own


def test_site_without_slider(tmp_path):
    (tmp_path / "index.html").write_text(HEAD + "<p>x")
    assert "no page has the threshold slider" in browse.browse(tmp_path)[0]
