"The explore page's widget in a real browser: its counts and scores against scikit-learn's, its controls, a quiet console."
import json
import re
import shutil
import subprocess
import tempfile
import time
import urllib.request
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from fastcore.test import test_close as assert_close

from impaug.consensus import neighbours
from impaug.evaluate import scores
from impaug.explore import edges_of, trajectories, trajectory_widget

websocket = pytest.importorskip("websocket")
chromium = shutil.which("chromium")
pytestmark = pytest.mark.skipif(not chromium, reason="no chromium on the PATH")
flags = ("--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync "
         "--remote-debugging-port=0 --remote-allow-origins=*").split()


class Page:
    "A page in headless Chromium, spoken to by the DevTools protocol; what it complains about is kept in `complaints`."
    def __init__(self, socket):
        self.socket, self.number, self.complaints = socket, 0, []
        for domain in ("Runtime", "Log", "Network", "Page"): self.send(f"{domain}.enable")

    def send(self, method, **params):
        self.number += 1
        self.socket.send(json.dumps(dict(id=self.number, method=method, params=params)))
        while (answer := json.loads(self.socket.recv())).get("id") != self.number: self.hear(answer)
        assert "error" not in answer, answer["error"]
        return answer["result"]

    def hear(self, event):
        method, params = event.get("method"), event.get("params", {})
        loud = method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert")
        if loud or method in ("Runtime.exceptionThrown", "Log.entryAdded", "Network.loadingFailed"): self.complaints.append(event)
        if method == "Network.requestWillBeSent" and not params["request"]["url"].startswith(("file:", "data:", "blob:")): self.complaints.append(event)

    def open(self, path, width=1100):
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=1000, deviceScaleFactor=1, mobile=False)
        self.send("Page.navigate", url=path.as_uri())
        deadline = time.monotonic() + 30
        while not self.ask(f"location.href === {json.dumps(path.as_uri())} && document.readyState === 'complete'"):
            assert time.monotonic() < deadline, "the page does not load"
            time.sleep(.02)

    def ask(self, expression):
        answer = self.send("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")


@pytest.fixture(scope="module")
def page():
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        browser = subprocess.Popen([chromium, *flags, f"--user-data-dir={home}", "about:blank"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            port, deadline = Path(home)/"DevToolsActivePort", time.monotonic() + 60
            while not (port.is_file() and port.read_text().strip()):
                assert browser.poll() is None and time.monotonic() < deadline, "chromium does not start"
                time.sleep(.05)
            tabs = json.load(urllib.request.urlopen(f"http://127.0.0.1:{port.read_text().split()[0]}/json"))
            socket = websocket.create_connection(next(tab for tab in tabs if tab["type"] == "page")["webSocketDebuggerUrl"], timeout=60)
            yield Page(socket)
            socket.close()
        finally:
            browser.terminate()
            browser.wait(20)


@pytest.fixture(scope="module")
def made():
    "Two made-up runs of 120 rows whose classes part, one of them about zero."
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [80, 40])
    drift = np.cumsum(rng.normal(.02*y - .01, .03, (12, 120)), axis=0)
    graph = neighbours(drift.T, 5)
    return {"first": trajectories(1 + drift, graph), "second": trajectories(drift[:7], graph, "cut")}, y


@pytest.fixture(scope="module")
def opened(page, made, tmp_path_factory):
    "The widget twice on one page, the helper functions of the tests beside it."
    runs, y = made
    body = trajectory_widget(runs, y).data + trajectory_widget(runs, y, ("healthy", "ill")).data
    path = tmp_path_factory.mktemp("widget")/"page.html"
    path.write_text(f"<!doctype html><meta charset='utf-8'><link rel='icon' href='data:,'><title>widget</title><body>{body}", encoding="utf-8")
    page.open(path)
    page.ask("""var form = document.forms[0], at = name => form.querySelector(`[data-impaug=${name}]`);
        var set = (name, value) => { at(name).value = value; at(name).dispatchEvent(new Event("input", {bubbles: true})); };
        var read = () => ({counts: ["00", "01", "10", "11"].map(c => +at("count-" + c).textContent), f1: +at("f1").dataset.value, nmi: +at("nmi").dataset.value,
            share: +at("share").dataset.value, epoch: +at("epoch").value, k: +at("threshold").value, shown: at("threshold").getAttribute("aria-valuetext")});
        var press = name => [...form.querySelectorAll("button")].find(b => b.value === name).click();
        var pick = i => form.querySelectorAll("[data-impaug=run]")[i].click();""")
    return page


def assert_shows(shown, y, labels):
    expected = scores(y, labels)
    assert shown["counts"] == np.ravel(expected["confusion"]).tolist()
    assert_close([shown["f1"], shown["nmi"], shown["share"]], [expected["f1"], expected["nmi"], expected["pseudo_minority_share"]], eps=1e-9)


def test_rules_at_every_epoch(opened, made):
    runs, y = made
    for i, run in enumerate(runs.values()):
        opened.ask(f"pick({i})")
        assert_shows(opened.ask("read()"), y, run.importance[-1] > run.cuts[run.rule][-1])
        for rule, cuts in run.cuts.items():
            for epoch, w in enumerate(run.importance):
                shown = opened.ask(f"press({json.dumps(rule)}); set('epoch', {epoch + 1}); read()")
                assert shown["epoch"] == epoch + 1 and abs(float(shown["shown"].replace("\u2212", "-")) - cuts[epoch]) < 6e-4
                assert_shows(shown, y, w > cuts[epoch])


def test_slider_recounts(opened, made):
    run, y = made[0]["first"], made[1]
    opened.ask("pick(0)")
    for epoch in (0, 5, 11):
        edges = edges_of(run.importance[epoch], [cuts[epoch] for cuts in run.cuts.values()])[0]
        seen = [opened.ask(f"set('epoch', {epoch + 1}); set('threshold', {k}); read()") for k in range(0, 241, 8)]
        for k, shown in zip(range(0, 241, 8), seen): assert_shows(shown, y, run.importance[epoch] > edges[k])
        assert len({tuple(shown["counts"]) for shown in seen}) > 5
        assert seen[0]["counts"] == [0, 80, 0, 40] and seen[-1]["counts"] == [80, 0, 40, 0] and seen[0]["nmi"] == seen[-1]["nmi"] == 0


def test_threshold_moved_by_hand_stays(opened):
    opened.ask("pick(0); set('epoch', 12); set('threshold', 100)")
    before = opened.ask("read()")
    assert opened.ask("set('epoch', 11); form.querySelector('button[aria-pressed=true]')") is None
    moved = opened.ask("read()")
    back = opened.ask("set('epoch', 12); read()")
    assert moved["counts"] != before["counts"] and abs(float(moved["shown"]) - float(before["shown"])) < .01 and back["counts"] == before["counts"]


def test_keyboard_moves_the_slider(opened):
    before = opened.ask("pick(0); press('k-means'); at('threshold').focus(); read()")
    for kind in ("keyDown", "keyUp"): opened.send("Input.dispatchKeyEvent", type=kind, key="ArrowRight", code="ArrowRight", windowsVirtualKeyCode=39)
    assert opened.ask("read()")["k"] == before["k"] + 1


def test_two_widgets_do_not_meet(opened):
    other = "[...document.forms[1].querySelectorAll('td, strong, input')].map(e => e.textContent + e.value + e.checked).join()"
    before = opened.ask(other)
    opened.ask("pick(1); set('epoch', 2); set('threshold', 7)")
    assert opened.ask(other) == before and "healthy" in opened.ask("document.forms[1].textContent")
    assert opened.ask("document.querySelectorAll('[id]').length") == 0


def test_controls_are_named(opened):
    names = opened.send("Accessibility.getFullAXTree")["nodes"]
    found = {(n["role"]["value"], n.get("name", {}).get("value", "")) for n in names if n["role"]["value"] in ("slider", "radio", "button")}
    assert {role for role, _ in found} == {"slider", "radio", "button"} and all(name for _, name in found)


def test_theme_follows_the_page(opened):
    paper, seen = "getComputedStyle(form).backgroundColor", {}
    for page_theme in ("", "quarto-light", "quarto-dark"):
        for system in ("light", "dark"):
            opened.send("Emulation.setEmulatedMedia", features=[dict(name="prefers-color-scheme", value=system)])
            seen[page_theme, system] = opened.ask(f"document.body.className = '{page_theme}'; {paper}")
    light, dark = seen["", "light"], seen["", "dark"]
    assert light != dark and all(value == (dark if "dark" in (theme.removeprefix("quarto-") or system) else light) for (theme, system), value in seen.items())


@pytest.mark.parametrize("width", [1100, 380])
def test_the_page_as_stored(page, width):
    "The notebook's own output is in step with the template, fits the window, and the browser has no complaint."
    notebook = json.loads((Path(__file__).parent.parent/"nbs"/"10_explore.ipynb").read_text(encoding="utf-8"))
    outputs = ["".join(o.get("data", {}).get("text/html", "")) for cell in notebook["cells"] for o in cell.get("outputs", [])]
    html = next(text for text in outputs if '<form class="impaug"' in text)
    template = files("impaug").joinpath("templates", "trajectories.html").read_text(encoding="utf-8")
    assert all(part.strip() in html for part in re.split("%data%|%fallback%", template)), "the template has changed: execute nbs/10_explore.ipynb again"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)/"stored.html"
        path.write_text(f"<!doctype html><meta charset='utf-8'><meta name='viewport' content='width=device-width'><link rel='icon' href='data:,'><body>{html}", encoding="utf-8")
        page.open(path, width)
        assert page.ask("document.querySelectorAll('.one').length") == 699
        assert page.ask("document.documentElement.scrollWidth") <= width
    assert page.complaints == []
