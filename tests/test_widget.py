"The explore page's widget in a real browser: its counts and scores against scikit-learn's, its controls, its console."

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
from impaug.widget import edges_of, trajectories, trajectory_widget

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


def stored_widget():
    "The widget as the notebook's outputs store it."
    notebook = json.loads((Path(__file__).parent.parent / "nbs" / "12_explore.ipynb").read_text(encoding="utf-8"))
    outputs = [output.get("data", {}) for cell in notebook["cells"] for output in cell.get("outputs", [])]
    html = ["".join(data.get("text/html", "")) for data in outputs]
    return next(text for text in html if '<form class="impaug"' in text)


def test_stored_widget_is_in_step_with_the_template():
    template = files("impaug").joinpath("templates", "trajectories.html").read_text(encoding="utf-8")
    html = stored_widget()
    parts = [part.strip() in html for part in re.split("%data%|%fallback%", template)]
    assert all(parts), "the template has changed: execute nbs/12_explore.ipynb again"


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_the_page_as_stored(browser, tmp_path, width):
    "It fits the window, asks for nothing, and the browser has no complaint."
    (tmp_path / "stored.html").write_text(HEAD + stored_widget(), encoding="utf-8")
    page, faults = watched(browser, tmp_path, width)
    page.goto(HOME + "stored.html", wait_until="networkidle")
    assert page.locator(".one").count() == 699
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert faults == []
