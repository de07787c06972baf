"The explore page's widgets in a real browser: counts and scores against scikit-learn's, the controls, the console."

import json
import re
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from browse import HOME, NARROW, WIDE, find_chromium, headless, watched
from fastcore.test import test_close as assert_close

from impaug.evaluate import scores
from impaug.threshold import neighbours
from impaug.widget import AnchorGrid, anchor_widget, edges_of, trajectories, trajectory_widget

pytestmark = pytest.mark.skipif(not find_chromium(), reason="no Chromium on the PATH")


HEAD = "<!doctype html><meta charset='utf-8'><meta name='viewport' content='width=device-width'><title>w</title><body>"
# What the tests call in the page, where `form` is the first widget.
HELPERS = """
var form = document.forms[0];
var at = name => form.querySelector(`[data-impaug=${name}]`);
var set = (name, value) => { at(name).value = value; at(name).dispatchEvent(new Event("input", {bubbles: true})); };
var press = name => [...form.querySelectorAll("button")].find(b => b.value === name).click();
var pick = i => form.querySelectorAll("[data-impaug=run]")[i].click();
var read = () => ({
  counts: ["00", "01", "10", "11"].map(c => +at("count-" + c).textContent),
  f1: +at("f1").dataset.value, nmi: +at("nmi").dataset.value, share: +at("share").dataset.value,
  epoch: +at("epoch").value, k: +at("threshold").value, shown: at("threshold").getAttribute("aria-valuetext"),
});
"""


@pytest.fixture(scope="module")
def browser():
    with headless() as running:
        yield running


@pytest.fixture(scope="module")
def made():
    "Two made-up runs of 120 rows whose classes part, one of them about zero."
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [80, 40])
    drift = np.cumsum(rng.normal(0.02 * y - 0.01, 0.03, (12, 120)), axis=0)
    graph = neighbours(drift.T, 5)
    return {"first": trajectories(1 + drift, graph), "second": trajectories(drift[:7], graph, "cut")}, y


@pytest.fixture(scope="module")
def opened(browser, made, tmp_path_factory):
    "The widget twice on one page, the helper functions of the tests beside it."
    runs, y = made
    body = trajectory_widget(runs, y).data + trajectory_widget(runs, y, ("healthy", "ill")).data
    folder = tmp_path_factory.mktemp("widget")
    (folder / "page.html").write_text(HEAD + body, encoding="utf-8")
    page, faults = watched(browser, folder, WIDE)
    page.goto(HOME + "page.html")
    page.evaluate(HELPERS)
    yield page
    assert faults == []


def assert_shows(shown, y, labels):
    expected = scores(y, labels)
    assert shown["counts"] == np.ravel(expected["confusion"]).tolist()
    assert_close(
        [shown["f1"], shown["nmi"], shown["share"]],
        [expected["f1"], expected["nmi"], expected["pseudo_minority_share"]],
        eps=1e-9,
    )


def test_rules_at_every_epoch(opened, made):
    runs, y = made
    for i, run in enumerate(runs.values()):
        opened.evaluate(f"pick({i})")
        assert_shows(opened.evaluate("read()"), y, run.importance[-1] > run.cuts[run.rule][-1])
        for rule, cuts in run.cuts.items():
            for epoch, w in enumerate(run.importance):
                shown = opened.evaluate(f"press({json.dumps(rule)}); set('epoch', {epoch + 1}); read()")
                assert (
                    shown["epoch"] == epoch + 1
                    and abs(float(shown["shown"].replace("\u2212", "-")) - cuts[epoch]) < 6e-4
                )
                assert_shows(shown, y, w > cuts[epoch])


def test_slider_recounts(opened, made):
    run, y = made[0]["first"], made[1]
    opened.evaluate("pick(0)")
    for epoch in (0, 5, 11):
        edges = edges_of(run.importance[epoch], [cuts[epoch] for cuts in run.cuts.values()]).values
        seen = [opened.evaluate(f"set('epoch', {epoch + 1}); set('threshold', {k}); read()") for k in range(0, 241, 8)]
        for k, shown in zip(range(0, 241, 8), seen):
            assert_shows(shown, y, run.importance[epoch] > edges[k])
        assert len({tuple(shown["counts"]) for shown in seen}) > 5
        assert (
            seen[0]["counts"] == [0, 80, 0, 40]
            and seen[-1]["counts"] == [80, 0, 40, 0]
            and seen[0]["nmi"] == seen[-1]["nmi"] == 0
        )


def test_threshold_moved_by_hand_stays(opened):
    opened.evaluate("pick(0); set('epoch', 12); set('threshold', 100)")
    before = opened.evaluate("read()")
    assert opened.evaluate("set('epoch', 11); form.querySelector('button[aria-pressed=true]')") is None
    moved = opened.evaluate("read()")
    back = opened.evaluate("set('epoch', 12); read()")
    assert (
        moved["counts"] != before["counts"]
        and abs(float(moved["shown"]) - float(before["shown"])) < 0.01
        and back["counts"] == before["counts"]
    )


def test_keyboard_moves_the_slider(opened):
    before = opened.evaluate("pick(0); press('k-means'); at('threshold').focus(); read()")
    opened.keyboard.press("ArrowRight")
    assert opened.evaluate("read()")["k"] == before["k"] + 1


def test_two_widgets_do_not_meet(opened):
    parts = "[...document.forms[1].querySelectorAll('td, strong, input')]"
    other = parts + ".map(e => e.textContent + e.value + e.checked).join()"
    before = opened.evaluate(other)
    opened.evaluate("pick(1); set('epoch', 2); set('threshold', 7)")
    assert opened.evaluate(other) == before and "healthy" in opened.evaluate("document.forms[1].textContent")
    assert opened.evaluate("document.querySelectorAll('[id]').length") == 0


def test_controls_are_named(opened):
    names = opened.context.new_cdp_session(opened).send("Accessibility.getFullAXTree")["nodes"]
    found = {
        (n["role"]["value"], n.get("name", {}).get("value", ""))
        for n in names
        if n["role"]["value"] in ("slider", "radio", "button")
    }
    assert {role for role, _ in found} == {"slider", "radio", "button"} and all(name for _, name in found)


def test_theme_follows_the_page(opened):
    paper, seen = "getComputedStyle(form).backgroundColor", {}
    for page_theme in ("", "quarto-light", "quarto-dark"):
        for system in ("light", "dark"):
            opened.emulate_media(color_scheme=system)
            seen[page_theme, system] = opened.evaluate(f"document.body.className = '{page_theme}'; {paper}")
    light, dark = seen["", "light"], seen["", "dark"]
    assert light != dark and all(
        value == (dark if "dark" in (theme.removeprefix("quarto-") or system) else light)
        for (theme, system), value in seen.items()
    )


def test_opens_at_the_epoch_asked_for_and_keeps_it_from_run_to_run(browser, made, tmp_path):
    runs, y = made
    (tmp_path / "fifth.html").write_text(HEAD + trajectory_widget(runs, y, epoch=5).data, encoding="utf-8")
    page, faults = watched(browser, tmp_path, WIDE)
    page.goto(HOME + "fifth.html")
    page.evaluate(HELPERS)
    assert_shows(page.evaluate("read()"), y, runs["first"].importance[4] > runs["first"].cuts["the report's rule"][4])
    assert [page.evaluate(f"pick({i}); read()")["epoch"] for i in (1, 0)] == [5, 5]
    assert page.evaluate("set('epoch', 12); pick(1); read()")["epoch"] == 7  # the last that the second run has
    assert faults == []


# The anchor -----------------------------------------------------------------------------------------------------------

ACROSS, UP = np.array([-3.0, 0.0, 3.0, 6.0]), np.array([-2.0, 0.0, 2.0])
# What the tests call in the page of the second widget.
ANCHOR = """
var form = document.querySelector("form.anchor");
var at = name => form.querySelector(`[data-impaug=${name}]`);
var press = name => [...form.querySelectorAll("[data-impaug=rule]")].find(b => b.value === name).click();
var rings = () => [...form.querySelectorAll(".plane .ring")].map(ring => ring.style.display !== "none");
var read = () => ({place: [+at("across").value, +at("up").value], nmi: +at("nmi").dataset.value, rings: rings(),
  above: +at("above").textContent, cut: at("threshold-shown").textContent,
  fills: [...form.querySelectorAll(".plane .dot")].map(dot => getComputedStyle(dot).fill)});
var move = (i, j) => [["across", i], ["up", j]].forEach(([name, value]) => {
  at(name).value = value; at(name).dispatchEvent(new Event("input", {bubbles: true})); });
"""


@pytest.fixture(scope="module")
def grid():
    "Made-up importance of 60 rows about twelve anchors: another share of the rows is high about each."
    rng = np.random.default_rng(1)
    y = np.repeat([0, 1], [40, 20])
    rows = rng.normal(size=(60, 2)) + 3 * y[:, None]
    high = rng.random((12, 60)) < np.linspace(0.1, 0.6, 12)[:, None]
    importance = 0.9 + 0.2 * (high | (y == 1)) + rng.normal(0, 0.02, (12, 60))
    return AnchorGrid(rows, ACROSS, UP, trajectories(importance, neighbours(rows, 5), "k-means")), y


@pytest.fixture
def anchored(browser, grid, tmp_path):
    (tmp_path / "anchor.html").write_text(HEAD + anchor_widget(*grid, start=(0, 0)).data, encoding="utf-8")
    page, faults = watched(browser, tmp_path, WIDE)
    page.goto(HOME + "anchor.html")
    page.evaluate(ANCHOR)
    yield page
    assert faults == []
    page.close()


def test_rings_threshold_and_nmi_follow_the_anchor_under_each_rule(anchored, grid):
    made, y = grid
    for rule, cuts in made.run.cuts.items():
        for place, w in enumerate(made.run.importance):
            j, i = divmod(place, len(ACROSS))
            shown = anchored.evaluate(f"press({json.dumps(rule)}); move({i}, {j}); read()")
            labels = w > cuts[place]
            assert shown["place"] == [i, j] and shown["rings"] == labels.tolist() and shown["above"] == labels.sum()
            assert shown["cut"] == f"threshold {cuts[place]:.2f}"
            assert_close(shown["nmi"], scores(y, labels)["nmi"], eps=1e-9)


def test_the_map_shows_the_nmi_of_every_place(anchored, grid):
    made, y = grid
    numbers = "['x', 'y', 'opacity'].map(name => +cell.getAttribute(name))"
    cells = f"[...form.querySelectorAll('.map rect:not(.here)')].map(cell => {numbers})"
    seen = {(left, len(UP) - 1 - top): value for left, top, value in anchored.evaluate(cells)}
    for place, (w, cut) in enumerate(zip(made.run.importance, made.run.cuts["k-means"])):
        j, i = divmod(place, len(ACROSS))
        assert_close(seen[i, j], scores(y, w > cut)["nmi"], eps=6e-4)
    assert len(seen) == 12


def test_colours_follow_the_importance(anchored, grid):
    "Larger importance is yellower: redder by the colour map's first channel."
    for place, (i, j) in ((0, (0, 0)), (11, (3, 2))):
        fills = anchored.evaluate(f"move({i}, {j}); read()")["fills"]
        red = [int(re.search(r"\d+", fill)[0]) for fill in fills]
        w = grid[0].run.importance[place]
        assert np.corrcoef(red, w)[0, 1] > 0.95


def test_arrow_keys_move_the_focused_anchor_and_stop_at_the_border(anchored):
    anchored.locator(".handle").focus()
    places = []
    for key in ("ArrowRight", "ArrowUp", "ArrowUp", "ArrowLeft", "ArrowDown"):
        anchored.keyboard.press(key)
        places.append(anchored.evaluate("read()")["place"])
    assert places == [[2, 1], [2, 2], [2, 2], [1, 2], [1, 1]]
    assert "0 across and 0 up" in anchored.locator(".handle").get_attribute("aria-label")


def place_on_screen(page, x, y):
    "Where the plane, from one below the grid to one above, shows a point: (pixels, pixels)."
    box = page.locator(".plane > svg").bounding_box()
    low, high, bottom, top = ACROSS[0] - 1, ACROSS[-1] + 1, UP[0] - 1, UP[-1] + 1
    return box["x"] + box["width"] * (x - low) / (high - low), box["y"] + box["height"] * (top - y) / (top - bottom)


def test_the_anchor_is_dragged_to_the_nearest_place(anchored):
    anchored.mouse.move(*place_on_screen(anchored, 0, 0))
    anchored.mouse.down()
    anchored.mouse.move(*place_on_screen(anchored, 5, 1.6), steps=4)
    assert anchored.evaluate("read()")["place"] == [3, 2]
    anchored.mouse.move(*place_on_screen(anchored, -3.4, -1.2), steps=4)
    anchored.mouse.up()
    anchored.mouse.move(*place_on_screen(anchored, 3, 0))
    assert anchored.evaluate("read()")["place"] == [0, 0]


def test_a_finger_drags_the_anchor_and_a_tap_moves_it(browser, grid, tmp_path):
    (tmp_path / "touch.html").write_text(HEAD + anchor_widget(*grid).data, encoding="utf-8")
    context = browser.new_context(viewport=dict(width=390, height=800), is_mobile=True, has_touch=True)
    page = context.new_page()
    page.goto((tmp_path / "touch.html").as_uri())
    page.evaluate(ANCHOR)
    page.touchscreen.tap(*place_on_screen(page, 6, -2))
    assert page.evaluate("read()")["place"] == [3, 0]
    finger = context.new_cdp_session(page)
    touches = [("touchStart", 6, -2), ("touchMove", 4, 0), ("touchMove", 3, 2)]
    for kind, x, y in touches:
        left, top = place_on_screen(page, x, y)
        finger.send("Input.dispatchTouchEvent", dict(type=kind, touchPoints=[dict(x=left, y=top)]))
    finger.send("Input.dispatchTouchEvent", dict(type="touchEnd", touchPoints=[]))
    assert page.evaluate("read()")["place"] == [2, 2]
    context.close()


def test_the_anchor_has_a_picture_without_javascript(browser, grid, tmp_path):
    (tmp_path / "still.html").write_text(HEAD + anchor_widget(*grid).data, encoding="utf-8")
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((tmp_path / "still.html").as_uri())
    assert page.locator("noscript img[alt]").is_visible() and not page.locator("form.anchor").is_visible()
    context.close()


# The page as stored ---------------------------------------------------------------------------------------------------


def stored_widget(kind):
    "A widget as the notebook's outputs store it; `kind` is trajectories or anchor."
    notebook = json.loads((Path(__file__).parent.parent / "nbs" / "12_explore.ipynb").read_text(encoding="utf-8"))
    outputs = [output.get("data", {}) for cell in notebook["cells"] for output in cell.get("outputs", [])]
    html = ["".join(data.get("text/html", "")) for data in outputs]
    return next(text for text in html if f'<form class="impaug {kind}"' in text)


@pytest.mark.parametrize("kind", ["trajectories", "anchor"])
def test_stored_widget_is_in_step_with_the_template(kind):
    folder, html = files("impaug").joinpath("templates"), stored_widget(kind)
    template = folder.joinpath(f"{kind}.html").read_text(encoding="utf-8")
    parts = re.split("%(?:data|fallback|style|shared)%", template)
    parts += [folder.joinpath(name).read_text(encoding="utf-8") for name in ("widgets.css", "widgets.js")]
    in_step = [part.strip() in html for part in parts]
    assert all(in_step), "the template has changed: execute nbs/12_explore.ipynb again"


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_the_page_as_stored(browser, tmp_path, width):
    "Both widgets on one page: it fits the window, asks for nothing, and the browser has no complaint."
    html = stored_widget("trajectories") + stored_widget("anchor")
    (tmp_path / "stored.html").write_text(HEAD + html, encoding="utf-8")
    page, faults = watched(browser, tmp_path, width)
    page.goto(HOME + "stored.html", wait_until="networkidle")
    assert page.locator(".one").count() == 699 and page.locator(".plane .dot").count() == 200
    assert page.locator(".trajectories [data-impaug=epoch]").input_value() == "5"
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert faults == []
