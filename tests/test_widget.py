"The explore page's widget in a real browser: its counts and scores against scikit-learn's, its controls, a quiet console."

import json
import re
import tempfile
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from browse import event_faults, find_chromium, headless_tab
from fastcore.test import test_close as assert_close

from impaug.consensus import neighbours
from impaug.evaluate import scores
from impaug.explore import edges_of, trajectories, trajectory_widget

pytestmark = pytest.mark.skipif(not find_chromium(), reason="no Chromium on the PATH")


@pytest.fixture(scope="module")
def page():
    with headless_tab() as tab:
        yield tab


@pytest.fixture(scope="module")
def made():
    "Two made-up runs of 120 rows whose classes part, one of them about zero."
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [80, 40])
    drift = np.cumsum(rng.normal(0.02 * y - 0.01, 0.03, (12, 120)), axis=0)
    graph = neighbours(drift.T, 5)
    return {"first": trajectories(1 + drift, graph), "second": trajectories(drift[:7], graph, "cut")}, y


@pytest.fixture(scope="module")
def opened(page, made, tmp_path_factory):
    "The widget twice on one page, the helper functions of the tests beside it."
    runs, y = made
    body = trajectory_widget(runs, y).data + trajectory_widget(runs, y, ("healthy", "ill")).data
    path = tmp_path_factory.mktemp("widget") / "page.html"
    path.write_text(
        f"<!doctype html><meta charset='utf-8'><link rel='icon' href='data:,'><title>widget</title><body>{body}",
        encoding="utf-8",
    )
    page.visit(path.as_uri(), 1100)
    page.evaluate("""var form = document.forms[0], at = name => form.querySelector(`[data-impaug=${name}]`);
        var set = (name, value) => { at(name).value = value; at(name).dispatchEvent(new Event("input", {bubbles: true})); };
        var read = () => ({counts: ["00", "01", "10", "11"].map(c => +at("count-" + c).textContent), f1: +at("f1").dataset.value, nmi: +at("nmi").dataset.value,
            share: +at("share").dataset.value, epoch: +at("epoch").value, k: +at("threshold").value, shown: at("threshold").getAttribute("aria-valuetext")});
        var press = name => [...form.querySelectorAll("button")].find(b => b.value === name).click();
        var pick = i => form.querySelectorAll("[data-impaug=run]")[i].click();""")
    return page


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
        edges = edges_of(run.importance[epoch], [cuts[epoch] for cuts in run.cuts.values()])[0]
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
    opened.press("ArrowRight", 39)
    assert opened.evaluate("read()")["k"] == before["k"] + 1


def test_two_widgets_do_not_meet(opened):
    other = "[...document.forms[1].querySelectorAll('td, strong, input')].map(e => e.textContent + e.value + e.checked).join()"
    before = opened.evaluate(other)
    opened.evaluate("pick(1); set('epoch', 2); set('threshold', 7)")
    assert opened.evaluate(other) == before and "healthy" in opened.evaluate("document.forms[1].textContent")
    assert opened.evaluate("document.querySelectorAll('[id]').length") == 0


def test_controls_are_named(opened):
    names = opened.call("Accessibility.getFullAXTree")["nodes"]
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
            opened.call("Emulation.setEmulatedMedia", features=[dict(name="prefers-color-scheme", value=system)])
            seen[page_theme, system] = opened.evaluate(f"document.body.className = '{page_theme}'; {paper}")
    light, dark = seen["", "light"], seen["", "dark"]
    assert light != dark and all(
        value == (dark if "dark" in (theme.removeprefix("quarto-") or system) else light)
        for (theme, system), value in seen.items()
    )


@pytest.mark.parametrize("width", [1100, 380])
def test_the_page_as_stored(page, width):
    "The notebook's own output is in step with the template, fits the window, and the browser has no complaint."
    notebook = json.loads((Path(__file__).parent.parent / "nbs" / "11_explore.ipynb").read_text(encoding="utf-8"))
    outputs = [
        "".join(o.get("data", {}).get("text/html", "")) for cell in notebook["cells"] for o in cell.get("outputs", [])
    ]
    html = next(text for text in outputs if '<form class="impaug"' in text)
    template = files("impaug").joinpath("templates", "trajectories.html").read_text(encoding="utf-8")
    assert all(part.strip() in html for part in re.split("%data%|%fallback%", template)), (
        "the template has changed: execute nbs/11_explore.ipynb again"
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "stored.html"
        path.write_text(
            f"<!doctype html><meta charset='utf-8'><meta name='viewport' content='width=device-width'><link rel='icon' href='data:,'><body>{html}",
            encoding="utf-8",
        )
        events = page.visit(path.as_uri(), width)
        assert page.evaluate("document.querySelectorAll('.one').length") == 699
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    asked = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
    assert list(event_faults(events, "file:", ())) == [] and all(url.startswith(("file:", "data:")) for url in asked)
