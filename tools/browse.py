"""Look at built pages in headless Chromium: `python tools/browse.py FOLDER [--allow HOST ...] [--widget]`.

Serves the folder on localhost, opens every .html file wide and at 380 pixels, and gives a line for each fault: an error on
the console, a request that is not answered by 200, a request to another host, a dead link or anchor, a page that scrolls
sideways on a telephone, a threshold slider that does not recount. No other host is ever contacted: what a page asks of an
allowed one (`--allow cdn.jsdelivr.net` for Quarto's MathJax) is answered by an empty file. Needs websocket-client.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

import websocket

NARROW, WIDE = 380, 1280
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync "
    "--disable-default-apps --disable-extensions --disable-dev-shm-usage --mute-audio --remote-debugging-port=0"
).split()
COUNTS = "JSON.stringify(['00','01','10','11'].map(cell => Number(document.querySelector(`[data-impaug=\"count-${cell}\"]`)?.textContent)))"
SLIDER = "document.querySelector('input[type=range][data-impaug=threshold]')"
LINKS = "JSON.stringify({to: [...document.querySelectorAll('a[href]')].map(a => a.href), ids: [...document.querySelectorAll('[id],a[name]')].map(e => e.id || e.name)})"
BROKEN_IMAGES = (
    "JSON.stringify([...document.images].filter(i => i.complete && !i.naturalWidth && i.src).map(i => i.src))"
)
TOO_WIDE = f"""(() => {{
  if (document.scrollingElement.scrollWidth <= {NARROW}) return "";
  const clipped = e => {{ for (let p = e.parentElement; p && p !== document.body; p = p.parentElement) if (getComputedStyle(p).overflowX !== "visible") return true; }};
  const wide = [...document.body.querySelectorAll("*")].filter(e => e.getBoundingClientRect().right > {NARROW} + 1 && !clipped(e)).pop();
  return document.scrollingElement.scrollWidth + " pixels" + (wide ? `, by <${{wide.tagName.toLowerCase()}}${{wide.id ? " id=" + wide.id : ""}}${{wide.className ? " class=" + wide.className : ""}}>` : "");
}})()"""


def find_chromium():
    "Path of a Chromium or Chrome on this machine, or None."
    return next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"))), None
    )


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


class Tab:
    "One tab of a running Chromium, driven over the DevTools protocol; `events` holds what it has reported."

    def __init__(self, port):
        new = urllib.request.Request(f"http://127.0.0.1:{port}/json/new?about:blank", method="PUT")
        self.socket = websocket.create_connection(
            json.load(urllib.request.urlopen(new))["webSocketDebuggerUrl"], suppress_origin=True, timeout=30
        )
        self.sent, self.events, self.on_event = 0, [], lambda event: None
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.call("Network.setCacheDisabled", cacheDisabled=True)

    def call(self, method, **params):
        "Send a command and return its result; events that arrive before it are kept."
        self.sent += 1
        mine = self.sent
        self.socket.send(json.dumps(dict(id=mine, method=method, params=params)))
        while True:
            message = self.receive()
            if message.get("id") == mine:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']['message']}")
                return message["result"]

    def receive(self):
        message = json.loads(self.socket.recv())
        if "method" in message:
            self.events.append(message)
            self.on_event(message)
        return message

    def evaluate(self, expression):
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise RuntimeError(result["exceptionDetails"]["exception"].get("description", "error in a page"))
        return result["result"].get("value")

    def visit(self, url, width):
        "Open a page at this width, wait until it has loaded and nothing has happened for a moment; return its events."
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width == NARROW
        )
        self.events.clear()
        self.call("Page.navigate", url=url)
        self.settle()
        return list(self.events)

    def settle(self, quiet=0.2, limit=20):
        "Wait until no event has come for `quiet` seconds and the page is complete."
        end = time.monotonic() + limit
        self.socket.settimeout(quiet)
        try:
            while time.monotonic() < end:
                try:
                    self.receive()
                except websocket.WebSocketTimeoutException:
                    self.socket.settimeout(30)
                    if self.evaluate("document.readyState") == "complete":
                        return
                    self.socket.settimeout(quiet)
        finally:
            self.socket.settimeout(30)

    def press(self, key, code):
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code)


@contextmanager
def headless_tab(chromium=None):
    "A `Tab` of a Chromium that is started for it and ends with it."
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        browser = subprocess.Popen(
            [chromium or find_chromium(), *FLAGS, f"--user-data-dir={profile}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield Tab(wait_for_port(Path(profile) / "DevToolsActivePort", browser))
        finally:
            browser.terminate()
            browser.wait(10)


def answer_for(tab, home, allowed):
    "A listener that answers requests to other hosts here: an allowed one by an empty file, any other by a failure."

    def on_event(event):
        if event["method"] != "Fetch.requestPaused":
            return
        url, request = event["params"]["request"]["url"], event["params"]["requestId"]
        if url.startswith((home, "data:", "blob:", "about:")):
            send("Fetch.continueRequest", requestId=request)
        elif urlsplit(url).hostname in allowed:
            send(
                "Fetch.fulfillRequest",
                requestId=request,
                responseCode=200,
                responseHeaders=[dict(name="Access-Control-Allow-Origin", value="*")],
            )
        else:
            send("Fetch.failRequest", requestId=request, errorReason="BlockedByClient")

    def send(method, **params):
        tab.sent += 1  # the answer is not waited for
        tab.socket.send(json.dumps(dict(id=tab.sent, method=method, params=params)))

    return on_event


def event_faults(events, home, allowed):
    "Console errors and requests that failed, one short line each."
    asked = {
        event["params"]["requestId"]: event["params"]["request"]["url"]
        for event in events
        if event["method"] == "Network.requestWillBeSent"
    }
    for event in events:
        method, params = event["method"], event["params"]
        if method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            yield (
                "error on the console: "
                + details.get("exception", {}).get("description", details["text"]).splitlines()[0]
            )
        if method == "Runtime.consoleAPICalled" and params["type"] in ("error", "assert"):
            yield (
                "error on the console: "
                + " ".join(str(arg.get("value", arg.get("description", ""))) for arg in params["args"]).splitlines()[0]
            )
        if (
            method == "Log.entryAdded"
            and params["entry"]["level"] == "error"
            and params["entry"]["source"] != "network"
            and not any(host in params["entry"]["text"] for host in allowed)
        ):
            yield "error on the console: " + params["entry"]["text"].splitlines()[0]
        if (
            method == "Network.responseReceived"
            and params["response"]["url"].startswith(home)
            and params["response"]["status"] >= 400
            and not params["response"]["url"].endswith("/favicon.ico")
        ):
            yield f"missing file: {params['response']['url'].removeprefix(home)} is answered by {params['response']['status']}"
        if method == "Network.loadingFailed" and asked.get(params["requestId"], home).startswith("file:"):
            yield f"missing file: {asked[params['requestId']]}"
    for url in dict.fromkeys(asked.values()):
        host = urlsplit(url).hostname
        if url.startswith(("http", "ws")) and not url.startswith(home) and host not in allowed:
            yield f"asks {host} for {urlsplit(url).path[:60]}; keep a copy with the site, or --allow {host}"


def widget_faults(tab):
    "The slider by keyboard: its ends must give different counts of the same number of rows."
    tab.evaluate(SLIDER + ".focus()")
    shown = []
    for key, code in (("Home", 36), ("End", 35), ("ArrowLeft", 37), ("Home", 36)):
        tab.press(key, code)
        tab.settle(quiet=0.1)
        shown.append(json.loads(tab.evaluate(COUNTS)))
    if any(count is None for counts in shown for count in counts):
        yield "the slider's counts are no numbers; fill [data-impaug=count-00] to count-11"
    elif shown[0] == shown[1]:
        yield f"the slider does not recount: {shown[0]} at both ends"
    elif len({sum(counts) for counts in shown}) > 1:
        yield f"the slider loses rows: {[sum(counts) for counts in shown]} at its positions"
    elif shown[0] != shown[3]:
        yield f"the slider does not come back: {shown[0]}, then {shown[3]} at its lower end"


def page_faults(tab, home, name, allowed, links):
    "Faults of one page; its links and anchors go into `links`."
    found = list(event_faults(tab.visit(home + name, WIDE), home, allowed))
    yield from found
    links[name] = json.loads(tab.evaluate(LINKS))
    for src in json.loads(tab.evaluate(BROKEN_IMAGES)):
        if not any(src.removeprefix(home) in fault for fault in found):
            yield f"an image shows nothing: {src.removeprefix(home)[:60]}"
    if tab.evaluate(f"!!{SLIDER}"):
        links[name]["slider"] = True
        tab.events.clear()
        yield from widget_faults(tab)
        yield from event_faults(tab.events, home, allowed)
    tab.visit(home + name, NARROW)
    if wide := tab.evaluate(TOO_WIDE):
        yield f"scrolls sideways at {NARROW} pixels: {wide}"


def link_faults(links, home, folder):
    "Dead links and anchors between the pages that were opened."
    for name, found in links.items():
        for url in dict.fromkeys(found["to"]):
            if not url.startswith(home):
                continue
            target, anchor = urldefrag(url.removeprefix(home))
            target = unquote(target.partition("?")[0]) or "index.html"
            if (folder / target).is_dir():
                target = target.rstrip("/") + "/index.html"
            if not (folder / target).is_file():
                yield f"{name}: the link {target} leads to no file"
            elif anchor and target in links and unquote(anchor) not in links[target]["ids"] and anchor != "top":
                yield f"{name}: the link {target}#{anchor} leads to no anchor"


def browse(folder, chromium=None, allowed=(), widget=False):
    "Faults of all pages in a folder, one line each; with `widget`, a page with the threshold slider must be among them."
    folder = Path(folder).resolve()
    names = sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*.html") if "site_libs" not in path.parts
    )
    if not names:
        return [f"{folder.name}: has no page"]
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    home, links, faults = f"http://127.0.0.1:{server.server_port}/", {}, []
    try:
        with headless_tab(chromium) as tab:
            tab.on_event = answer_for(tab, home, allowed)
            tab.call("Fetch.enable")
            for name in names:
                faults += dict.fromkeys(f"{name}: {fault}" for fault in page_faults(tab, home, name, allowed, links))
    finally:
        server.shutdown()
    if widget and not any(found.get("slider") for found in links.values()):
        faults.append(f"{folder.name}: no page has the threshold slider (input[type=range][data-impaug=threshold])")
    return faults + list(link_faults(links, home, folder))


def wait_for_port(path, browser, limit=30):
    "The port that Chromium writes down once it listens."
    for _ in range(limit * 20):
        if path.is_file() and (lines := path.read_text().split()):
            return lines[0]
        if browser.poll() is not None:
            break
        time.sleep(0.05)
    raise RuntimeError("Chromium did not start; run it by hand to see why")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Look at built pages in headless Chromium.")
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--allow",
        action="append",
        default=[],
        metavar="HOST",
        help="a host that pages may ask; it gets an empty answer here",
    )
    parser.add_argument("--widget", action="store_true", help="require a page with the threshold slider")
    args = parser.parse_args()
    if not find_chromium():
        sys.exit("browse.py: needs Chromium or Chrome on the PATH; on Debian: apt-get install chromium")
    found = browse(args.folder, allowed=args.allow, widget=args.widget)
    print(
        "\n".join(
            found
            + [
                f"{len(list(args.folder.rglob('*.html')))} pages in {args.folder}: {len(found) or 'no'} faults in Chromium."
            ]
        )
    )
    sys.exit(bool(found))
