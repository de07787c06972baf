"""What nobody else checks of the site's sources: `python tools/check_site.py [ROOT]`, a line for each fault.

Reads _quarto.yml and the notebooks in nbs/ with their stored outputs. Quarto says more about links and references where
the site is built (tools/docs.sh); here markdown-it-py reads the same text.
"""

import ast
import inspect
import json
import pkgutil
import re
import sys
from collections import Counter
from functools import cached_property
from pathlib import Path

import nbformat
import yaml
from markdown_it import MarkdownIt
from mdit_py_plugins.anchors import anchors_plugin
from mdit_py_plugins.attrs import attrs_plugin
from mdit_py_plugins.dollarmath import dollarmath_plugin

from impaug import cli, experiment


def slug(heading):
    "The anchor that pandoc gives a heading."
    text = re.sub(r"[^\w\s.-]", "", heading.partition("{")[0]).strip().lower()
    return re.sub(r"^[^a-z]+", "", re.sub(r"\s+", "-", text)) or "section"


PARSER = MarkdownIt("commonmark").enable("table").use(dollarmath_plugin, allow_space=False, double_inline=True)
PARSER.use(attrs_plugin, spans=True).use(anchors_plugin, max_level=6, slug_func=slug)
REFERENCE = re.compile(r"(fig|tbl|eq|sec|lst)-", flags=re.I)  # what Quarto cross-references
HTML_ID = re.compile(r"\bid=[\"']([^\"']+)")


class Text:
    "A piece of markdown: the words that are read, without code, formulas, attributes, headings; and what it names."

    def __init__(self, source, where):
        self.where, blocks = where, PARSER.parse(source)
        tokens = [token for block in blocks for token in (block, *(block.children or []))]
        words = ["".join(map(words_of, block.children or [block])) for block in blocks]
        is_heading = [False] + [block.type == "heading_open" for block in blocks]
        prose = "\n".join(part for part, heads in zip(words, is_heading) if not heads)
        self.prose = " ".join(re.sub(r"\{[^{}]*\}|https?://\S+", " ", prose).split())
        self.html = "".join(token.content for token in tokens if token.type.startswith("html_"))
        self.code = [token.content for token in tokens if token.type == "code_inline"]
        self.images = [token for token in tokens if token.type == "image"]
        self.links = [token.attrs[key] for token in tokens for key in ("href", "src") if key in token.attrs]
        self.links += re.findall(r"\b(?:href|src)=[\"']([^\"']+)", self.html)
        self.ids = [token.attrs["id"] for token in tokens if "id" in token.attrs]
        self.ids += re.findall(r"\{[^{}\n]*#([\w.:-]+)", "\n".join(words)) + HTML_ID.findall(self.html)
        # references and citations
        self.names = re.findall(r"(?<![\w@])@\{?([A-Za-z](?:[\w.:-]*\w)?)", "\n".join(words))


def words_of(token):
    if token.type.startswith("html_"):
        return re.sub(r"<!--.*?-->|<[^>]*>", " ", token.content, flags=re.S)
    return {"text": token.content, "image": token.content, "code_inline": " ` ", "softbreak": "\n"}.get(token.type, "")


class Cell:
    "One cell of a page; `where` names it in messages, `body` has the statements of its code."

    def __init__(self, node, where):
        self.where, self.source, self.is_code = where, node.source, node.cell_type == "code"
        self.outputs = node.get("outputs", [])
        self.counts = [one.get("execution_count") for one in [node, *self.outputs]]
        lines = [line[2:].strip() for line in self.source.splitlines() if line.startswith("#|")]
        try:
            self.options = yaml.safe_load("\n".join(line if ":" in line else f"{line}: true" for line in lines)) or {}
        except yaml.YAMLError:
            self.options = {"no YAML": True}
        self.label = str(self.options.get("label"))
        self.hidden = "hide" in self.options or False in (self.options.get("include"), self.options.get("output"))
        try:
            self.body = ast.parse(re.sub(r"^\s*[%!].*", "", self.source, flags=re.M)).body if self.is_code else []
        except SyntaxError:
            self.body = []

    def data(self, *types):
        "Stored output data whose MIME type starts so."
        found = [item for output in self.outputs for item in output.get("data", {}).items()]
        return [str(text) for mime, text in found if mime.startswith(types)]

    def captions(self, kinds):
        return [str(text) for key, text in self.options.items() if re.fullmatch(rf"(fig|tbl)-({kinds})", key)]

    @cached_property
    def shown(self):
        "The markdown that a reader sees: a markdown cell, captions, markdown that code has put out."
        texts = [] if self.hidden else self.captions("cap|subcap") + self.data("text/markdown")
        return [Text(text, self.where) for text in (texts if self.is_code else [self.source])]

    @property
    def typed(self):
        "What somebody typed for a reader: a markdown cell, captions, what is written out of strings given to Markdown."
        calls = [node for one in self.body for node in ast.walk(one) if calls_one_of(node, "Markdown")]
        strings = [node for call in calls for node in ast.walk(call) if isinstance(node, ast.JoinedStr)]
        strings += [arg for call in calls for arg in call.args if isinstance(arg, ast.Constant)]
        texts = self.captions("cap|subcap|alt") + [" … ".join(written_out(string)) for string in strings]
        return [Text(text, self.where) for text in texts] if self.is_code else self.shown


def calls_one_of(node, *names):
    return isinstance(node, ast.Call) and getattr(node.func, "id", "") in names


def written_out(node):
    "The parts of an f-string, or of a string, that stand in the source."
    constants = [part for part in getattr(node, "values", [node]) if isinstance(part, ast.Constant)]
    return [part.value for part in constants if isinstance(part.value, str)]


class Page:
    def __init__(self, path):
        self.stem, self.file = path.stem, path.name
        nodes = enumerate(nbformat.read(path, as_version=4).cells)
        self.cells = [Cell(node, f"nbs/{path.name} cell {i} ({node.get('id', 'no id')})") for i, node in nodes]
        self.texts = [text for cell in self.cells for text in cell.shown]
        html = "".join(html for cell in self.cells for html in cell.data("text/html"))
        ids = [cell.label for cell in self.cells] + [one for text in self.texts for one in text.ids]
        self.ids = Counter(ids + HTML_ID.findall(html))


class Site:
    def __init__(self, root):
        self.root = Path(root).resolve()
        self.config = yaml.safe_load(self.source("_quarto.yml"))
        self.pages = [Page(path) for path in sorted(self.root.glob("nbs/*.ipynb"))]
        self.cells = [cell for page in self.pages for cell in page.cells]

    def source(self, name):
        return (self.root / name).read_text(encoding="utf-8")


def check_sidebar(site):
    "Every page stands in the sidebar once, by the pages' numbers; nbs/_quarto.yml is the one configuration."
    if (site.root / "nbs/_quarto.yml").resolve() != site.root / "_quarto.yml":
        yield "nbs/_quarto.yml: not a symlink to ../_quarto.yml, the one configuration; run ln -sf ../_quarto.yml nbs/"
    sidebar = re.findall(r"[\w-]+\.ipynb", json.dumps(site.config["website"]["sidebar"]))
    there = [page.file for page in site.pages]
    for name in sorted({*there, *sidebar}):
        if sidebar.count(name) != 1 or name not in there:
            place = "in nbs/" if name in there else "not in nbs/"
            yield f"_quarto.yml: names {name} {sidebar.count(name)} times; the page is {place}"
    numbered = [name for name in sidebar if name[0].isdigit()]
    if numbered != sorted(numbered):
        yield f"_quarto.yml: the sidebar is not in the order of the pages' numbers: {', '.join(numbered)}"


def check_heads(site):
    "A page opens with its title and, below it, the question it answers."
    for page in site.pages:
        if not re.fullmatch(r"# .+\n\n> .+\s*", page.cells[0].source if page.cells else ""):
            yield f"nbs/{page.file}: does not open with a cell of '# Title', an empty line, '> Question?'"


def check_executed(site):
    "Every notebook has been run: what should have an output has one, none is an error, counts are cleaned away."
    for cell in site.cells:
        for output in cell.outputs:
            if output.output_type == "error" or output.get("name") == "stderr":
                what = output.get("ename") or output.text.strip()[:60]
                yield f"{cell.where}: a stored error or warning ({what!r}); mend the cell and run make notebooks"
        if any(count is not None for count in cell.counts):
            yield f"{cell.where}: keeps its execution count; run nbdev_clean"
        if not cell.outputs and shows(cell):
            yield f"{cell.where}: should have an output and has none; run make notebooks"
        elif stale := first_stale(cell):
            yield f"{cell.where}: its source says “{stale}” and its output does not; run make notebooks"
        if "no YAML" in cell.options:
            yield f"{cell.where}: its #| options are no YAML; put the value in double quotes"


def shows(cell):
    "Whether running the cell certainly puts something out: it prints, ends in a value, or has a figure's label."
    if not cell.body or cell.options.get("eval") is False:
        return False
    statements = [one for one in cell.body if isinstance(one, ast.Expr | ast.For)]
    if any(calls_one_of(node, "print", "display") for one in statements for node in ast.walk(one)):
        return True
    value = None if cell.source.rstrip().endswith(";") else getattr(cell.body[-1], "value", None)
    is_value = isinstance(value, ast.Name | ast.Attribute | ast.Subscript | ast.JoinedStr)
    ends = isinstance(cell.body[-1], ast.Expr) and (is_value or calls_one_of(value, "Markdown", "HTML", "len"))
    return ends or bool(REFERENCE.match(cell.label))


def first_stale(cell):
    "The first written-out part of a text that the cell certainly puts out and its stored output lacks."
    loops = [one for loop in cell.body if isinstance(loop, ast.For) for one in loop.body]
    calls = [one.value for one in cell.body + loops if isinstance(one, ast.Expr)]
    calls = [call for call in calls if calls_one_of(call, "print", "Markdown") and not call.keywords]
    stored = "".join([output.get("text", "") for output in cell.outputs] + cell.data("text/"))
    parts = [part for call in calls for arg in call.args for part in written_out(arg) if cell.outputs and shows(cell)]
    return next((" ".join(part.split())[:50] for part in parts if part.strip("\n") not in stored), None)


FOLDERS = r"(?<![\w./:~-])/(?:home|root|tmp|work|Users|private|var|opt|mnt|usr)\b(?:/[\w.-]+)*"
MACHINE = re.compile(FOLDERS + r"|\b[A-Za-z]:\\{1,2}\w[\w\\.-]*|file://\S+|\bat 0x[0-9a-f]{6,}")


def check_machine(site):
    "Nothing stored or written names a folder or an address of the machine that ran it."
    for cell in site.cells:
        stored = [output.get("text", "") + "\n".join(output.get("traceback", [])) for output in cell.outputs]
        texts = [cell.source, *stored, *cell.data("text/", "application/")]
        for found in dict.fromkeys(MACHINE.findall("\n".join(texts))):
            yield f"{cell.where}: names {found}, of the machine that ran it; use a relative path, show a value"


def check_links(site):
    "Links and images lead to a page or file in nbs/, and to an anchor there."
    pages = {page.file: page for page in site.pages}
    for page, text in [(page, text) for page in site.pages for text in page.texts]:
        for target in [link for link in text.links if not re.match(r"[a-z][a-z+.-]*:|//", link)]:
            name, _, anchor = target.partition("#")
            if name.startswith("..") or not (site.root / "nbs" / (name or page.file)).is_file():
                yield f"{text.where}: the link {target} leads to nothing in nbs/; correct it, or link to the repository"
            elif anchor and anchor not in pages.get(name or page.file, page).ids:
                yield f"{text.where}: the link {target} names no heading or label there; correct it, or give one {{#…}}"


def check_references(site):
    "Each @fig-, @tbl-, @eq- is a label of its page, where none stands twice; citations and bibliography agree."
    entries = Counter(re.findall(r"^@\w+\{([^,\s]+),", site.source("nbs/references.bib"), flags=re.M))
    cited = {name for page in site.pages for text in page.texts for name in text.names}
    for page in site.pages:
        for label in [one for one, times in page.ids.items() if times > 1 and REFERENCE.match(one)]:
            yield f"nbs/{page.file}: the label {label} stands there twice; rename one"
        for where, name in [(text.where, name) for text in page.texts for name in text.names]:
            if name[0].lower() + name[1:] not in (page.ids if REFERENCE.match(name) else entries):
                yield f"{where}: @{name} is no label of this page and no entry of nbs/references.bib; correct or add it"
    for key in [key for key, times in entries.items() if times > 1 or key not in cited]:
        yield f"nbs/references.bib: the entry {key} is cited on no page, or stands twice; delete it"


def check_figures(site):
    "Every figure has a label, a caption and an alternative text, whether code or markdown shows it."
    for cell in [cell for cell in site.cells if not cell.hidden]:
        html, is_table = "".join(cell.data("text/html")), cell.label.startswith("tbl-")
        wanted = ["label", "fig-cap", "fig-alt"] if cell.data("image/") else ["tbl-cap"] if is_table else []
        wanted += ["fig-cap"] if cell.label.startswith("fig-") else []
        wanted += ["fig-alt"] if "<svg" in html and "aria-label" not in html else []
        for key in dict.fromkeys(key for key in wanted if not cell.options.get(key)):
            yield f"{cell.where}: shows a figure or table without {key}; add #| {key}: …"
        for image in [image for text in cell.shown for image in text.images]:
            if not (image.content and {"id", "fig-alt"} <= set(image.attrs)):
                yield f"{cell.where}: the image {image.attrs['src']} lacks part of ![caption](file){{#fig-… fig-alt=…}}"
        if re.search(r"<img\b(?![^>]*\balt=[\"'][^\"'])", "".join(text.html for text in cell.shown)):
            yield f"{cell.where}: an <img> has no alternative text; add alt"


def check_names(site):
    "What prose calls `impaug.x.y`, `impaug command` or `make target` exists."
    targets = re.findall(r"^([a-z-]+):", site.source("Makefile"), flags=re.M)
    for where, code in [(cell.where, code) for cell in site.cells for text in cell.shown for code in text.code]:
        name = re.fullmatch(r"(impaug(?:\.\w+)+)(\(.*\))?", code)
        command = re.match(r"(impaug|make) ([a-z][\w-]*)", code)
        known = targets if command and command[1] == "make" else cli.app.commands
        if name and not exists(name[1]) or command and command[2] not in known:
            yield f"{where}: there is no `{code}`; correct the name"


def exists(name):
    "Whether a dotted name leads to a module of the package, something in it, or a field of a class there."
    owner, _, field = name.rpartition(".")
    try:
        pkgutil.resolve_name(name)
    except (ImportError, AttributeError):
        return "." in owner and exists(owner) and field in getattr(pkgutil.resolve_name(owner), "__annotations__", {})
    return True


DIGITS = r"(?<![\w.])(?<![A-Za-z]-)(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)(?!\w)(?:\s?%)?"
WORDS = dict(dozen=12, twenty=20, thirty=30, forty=40, fifty=50, sixty=60, seventy=70, eighty=80, ninety=90)
WORDS |= dict(hundred=100, thousand=1000, million=1000000, eleven=11, twelve=12, thirteen=13, fourteen=14, fifteen=15)
WORDS |= dict(sixteen=16, seventeen=17, eighteen=18, nineteen=19)  # up to ten, words are everyday language
NUMBER = re.compile(rf"{DIGITS}|\b(?<!few )(?:{'|'.join(WORDS)})\b", flags=re.I)
LOOKS = "figsize alpha s lw linewidth fontsize height width aspect".split()
YEAR_OR_KEY = r"\b(?:doi|arXiv):\S+|\b(?:19[4-9]|20[0-4])\d\b(?!\s?%|[.,]\d)|(?<!\w)@[\w:-]+"


def check_numbers(site):
    """A number in prose, in digits or in words, is the report's own, a setting in this page's code or in `Preset`,
    or in tools/numbers.yml with a reason. Anything else was typed by hand where a cell should have computed it."""
    allowed, used = yaml.safe_load(site.source("tools/numbers.yml")) or [], []
    own = set(literals(ast.parse(repr(experiment.report_figures))))
    preset = set(literals(ast.parse(inspect.getsource(experiment.Preset))))
    for page in site.pages:
        settings = preset | {value for cell in page.cells for one in cell.body for value in literals(one)}
        for typed in [typed for cell in page.cells for typed in cell.typed]:
            text = re.sub(YEAR_OR_KEY, " ", typed.prose, flags=re.I)
            for entry in allowed:
                if entry["text"] in text and entry.get("page", page.stem) == page.stem and entry["why"]:
                    text = text.replace(entry["text"], " … ")
                    used.append(entry)
            for match in [match for match in NUMBER.finditer(text) if not is_known(match[0], settings, own)]:
                around = text[max(0, match.start() - 25) : match.end() + 15].strip()
                yield f"{typed.where}: types the number {match[0]} (“{around}”); let a cell compute it"
    for entry in [entry for entry in allowed if entry not in used]:
        yield f"tools/numbers.yml: “{entry['text']}” is in the prose of no page it is meant for; delete the entry"


def is_known(number, settings, own):
    """Whether a number is a setting, or one of the report's figures, in full or rounded to three digits at least:
    0.82 for 0.8238 could be anybody's."""
    value = WORDS.get(number.lower()) or float(number.replace(",", "").replace("%", ""))
    scale, places = 100 if "%" in number else 1, len(number.partition(".")[2].rstrip(" %"))
    if places and len(re.sub(r"\D", "", number).lstrip("0")) >= 3:
        own = {round(figure * scale, places) for figure in own}
    return value in own or bool({round(value, 12), round(value / scale, 12)} & settings)


def literals(node):
    "Numbers in code that set something: not those in assertions and tests, nor the looks of a figure."
    is_test = isinstance(node, ast.Call) and getattr(node.func, "id", "").startswith("test_")
    if is_test or isinstance(node, ast.Assert) or isinstance(node, ast.keyword) and node.arg in LOOKS:
        return
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        yield round(float(abs(node.value)), 12)
    for child in ast.iter_child_nodes(node):
        yield from literals(child)


CHECKS = [value for name, value in list(globals().items()) if name.startswith("check_")]


if __name__ == "__main__":
    site = Site(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent)
    faults = [fault for check in CHECKS for fault in check(site)]
    print("\n".join(faults + [f"{len(site.pages)} pages, {len(faults) or 'no'} faults."]))
    sys.exit(bool(faults))
