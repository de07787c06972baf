"""What nobody else checks of the site's sources: `python tools/check_site.py [ROOT]`, a line for each fault.

Reads _quarto.yml and nbs/ with its stored outputs. Quarto says more of links where the site is built (tools/docs.sh).
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

    def __init__(self, source, cell):
        self.source, self.cell, blocks = source, cell, PARSER.parse(source)
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
        captions = re.findall(r"^: +\S", source, flags=re.M)
        self.bare_tables = [block.type for block in blocks].count("table_open") > len(captions)
        self.ids = [token.attrs["id"] for token in tokens if "id" in token.attrs] + HTML_ID.findall(self.html)
        self.ids += re.findall(r"\{[^{}\n]*#([\w.:-]+)", "\n".join(words))
        self.names = re.findall(r"(?<![\w@])@\{?([A-Za-z](?:[\w.:-]*\w)?)", "\n".join(words))


def words_of(token):
    if token.type.startswith("html_"):
        return re.sub(r"<!--.*?-->|<[^>]*>", " ", token.content, flags=re.S)
    return {"text": token.content, "image": token.content, "code_inline": " ` ", "softbreak": "\n"}.get(token.type, "")


class Cell:
    "One cell of a page; `where` names it in messages, `body` has the statements of its code."

    def __init__(self, node, path, i):
        self.file, self.where = path.name, f"nbs/{path.name} cell {i} ({node.get('id', 'no id')})"
        self.source, self.is_code, self.is_first = node.source, node.cell_type == "code", i == 0
        self.outputs = node.get("outputs", [])
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
        return [Text(text, self) for text in (texts if self.is_code else [self.source])]

    @property
    def typed(self):
        "What somebody typed for a reader: a markdown cell, captions, what is written out of strings given to Markdown."
        markdown = calls(self.body, "Markdown")
        strings = [node for call in markdown for node in ast.walk(call) if isinstance(node, ast.JoinedStr)]
        strings += [arg for call in markdown for arg in call.args if isinstance(arg, ast.Constant)]
        texts = self.captions("cap|subcap|alt") + [" … ".join(written_out(string)) for string in strings]
        return [Text(text, self) for text in texts] if self.is_code else self.shown


def calls(nodes, *names):
    "Calls of functions of these names, anywhere in the nodes."
    found = [one for node in nodes for one in ast.walk(node) if isinstance(one, ast.Call)]
    return [call for call in found if getattr(call.func, "id", "") in names]


def written_out(node):
    "The parts of an f-string, or of a string, that stand in the source."
    constants = [part for part in getattr(node, "values", [node]) if isinstance(part, ast.Constant)]
    return [part.value for part in constants if isinstance(part.value, str)]


class Site:
    def __init__(self, root):
        self.root = Path(root).resolve()
        self.cells, self.ids = [], {}  # ids: what a link to each page may name after `#`, and how often it stands there
        for path in sorted(self.root.glob("nbs/*.ipynb")):
            cells = [Cell(node, path, i) for i, node in enumerate(nbformat.read(path, as_version=4).cells)]
            html = "".join(html for cell in cells for html in cell.data("text/html"))
            ids = [one for cell in cells for text in cell.shown for one in text.ids] + [cell.label for cell in cells]
            self.ids[path.name] = Counter(ids + HTML_ID.findall(html))
            self.cells += cells
        self.texts = [text for cell in self.cells for text in cell.shown]

    def source(self, name):
        return (self.root / name).read_text(encoding="utf-8")


def check_sidebar(site):
    "Every page stands in the sidebar once, in each section by number; nbs/_quarto.yml is the one configuration."
    if (site.root / "nbs/_quarto.yml").resolve() != site.root / "_quarto.yml":
        yield "nbs/_quarto.yml: not a symlink to ../_quarto.yml, the one configuration; run ln -sf ../_quarto.yml nbs/"
    sidebar = yaml.safe_load(site.source("_quarto.yml"))["website"]["sidebar"]
    names = re.findall(r"[\w-]+\.ipynb", json.dumps(sidebar))
    for name in sorted({*names, *site.ids}):
        if (names.count(name), name in site.ids) != (1, True):
            yield f"_quarto.yml: names {name} {names.count(name)} times; is there such a page: {name in site.ids}"
    for section in sidebar["contents"]:
        numbered = [name for name in re.findall(r"[\w-]+\.ipynb", json.dumps(section)) if name[0].isdigit()]
        if numbered != sorted(numbered):
            yield f"_quarto.yml: a section of the sidebar is not in the order of its numbers: {', '.join(numbered)}"


def check_heads(site):
    "A page opens with its title and, below it, the question it answers."
    for cell in site.cells:
        if cell.is_first and not re.fullmatch(r"# .+\n\n> .+\s*", cell.source):
            yield f"nbs/{cell.file}: does not open with a cell of '# Title', an empty line, '> Question?'"


GLOSSARY = "glossary.ipynb"


def check_terms(site):
    "A page of the narrative that uses a term of the glossary links it, or says what it is and has it in italics."
    glossary = "\n".join(cell.source for cell in site.cells if cell.file == GLOSSARY)
    for term, anchor in re.findall(r"^\| \[([^]]+)\]\{#([\w-]+)\}", glossary, flags=re.M):
        link = f"{GLOSSARY}#{anchor}"
        told = re.compile(rf"(?<!\*)\*{term}s?\*(?!\*)|\[[^]]*\b{term}s?\b[^]]*\]\(", flags=re.I)
        use = re.compile(rf"(?<![@\w-]){term}s?\b", flags=re.I)
        for file in [file for file in site.ids if file == "index.ipynb" or file[:2] <= "20"]:
            texts = [text for text in site.texts if text.cell.file == file]
            markdown = [text for text in texts if not text.cell.is_code]
            using = [text for text in markdown if use.search(text.prose)]
            if using and not any(link in text.links or told.search(text.source) for text in texts):
                yield f"{using[0].cell.where}: “{term}” is not linked; write [{term}]({link}) there"


def check_executed(site):
    "Every notebook has been run: what should have an output has one, none is an error, none is stale."
    for cell in site.cells:
        for output in cell.outputs:
            if output.output_type == "error" or output.get("name") == "stderr":
                what = output.get("ename") or output.text.strip()[:60]
                yield f"{cell.where}: a stored error or warning ({what!r}); mend the cell and run make notebooks"
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
    statements, last = [one for one in cell.body if isinstance(one, ast.Expr | ast.For)], cell.body[-1]
    if calls(statements, "print", "display") or REFERENCE.match(cell.label):
        return True
    if not isinstance(last, ast.Expr) or cell.source.rstrip().endswith(";"):
        return False
    is_value = isinstance(last.value, ast.Name | ast.Attribute | ast.Subscript | ast.JoinedStr)
    return is_value or last.value in calls([last], "Markdown", "HTML", "len")


def first_stale(cell):
    "The first written-out part of a text that the cell certainly puts out and its stored output lacks."
    loops = [one for loop in cell.body if isinstance(loop, ast.For) for one in loop.body]
    certain = [one.value for one in cell.body + loops if isinstance(one, ast.Expr)] if cell.outputs else []
    texts = [call.args for call in calls(certain, "print", "Markdown") if call in certain and not call.keywords]
    stored = "".join([output.get("text", "") for output in cell.outputs] + cell.data("text/"))
    parts = [part for args in texts for arg in args for part in written_out(arg) if shows(cell)]
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
    for text in site.texts:
        for target in [link for link in text.links if not re.match(r"[a-z][a-z+.-]*:|//", link)]:
            name, _, anchor = target.partition("#")
            name = name or text.cell.file
            if name.startswith("..") or not (site.root / "nbs" / name).is_file():
                yield f"{text.cell.where}: the link {target} leads to nothing in nbs/; mend it, or link to GitHub"
            elif anchor and anchor not in site.ids.get(name, [anchor]):
                yield f"{text.cell.where}: the link {target} names no heading or label there; mend it"


def check_references(site):
    "Each @fig-, @tbl-, @eq- is a label of its page, where none stands twice; citations and bibliography agree."
    entries = Counter(re.findall(r"^@\w+\{([^,\s]+),", site.source("nbs/references.bib"), flags=re.M))
    named = [(text.cell, name) for text in site.texts for name in text.names]
    for cell, name in named:
        if name[0].lower() + name[1:] not in (site.ids[cell.file] if REFERENCE.match(name) else entries):
            yield f"{cell.where}: @{name} is no label of this page and no entry of nbs/references.bib; mend it"
    for file, ids in site.ids.items():
        for label in [one for one, times in ids.items() if times > 1 and REFERENCE.match(one)]:
            yield f"nbs/{file}: the label {label} stands there twice; rename one"
    cited = {name for _, name in named}
    for key in [key for key, times in entries.items() if times > 1 or key not in cited]:
        yield f"nbs/references.bib: the entry {key} is cited on no page, or stands twice; delete it"


def check_figures(site):
    "Every figure has a label, a caption and an alternative text, every table a caption, whoever shows it."
    for cell in [cell for cell in site.cells if not cell.hidden]:
        html, is_figure = "".join(cell.data("text/html")), cell.label.startswith("fig-")
        has_table = "<table" in html or any(text.bare_tables for text in cell.shown)
        is_table = cell.label.startswith("tbl-") or has_table and not is_figure
        wanted = ["label", "fig-cap", "fig-alt"] if cell.data("image/") else ["tbl-cap"] if is_table else []
        wanted += ["fig-cap"] if is_figure else []
        wanted += ["fig-alt"] if "<svg" in html and "aria-label" not in html else []
        for key in dict.fromkeys(key for key in wanted if not cell.options.get(key)):
            yield f"{cell.where}: shows a figure or table without {key}; add #| {key}: … (in markdown, : Caption.)"
        for image in [image for text in cell.shown for image in text.images]:
            if not (image.content and {"id", "fig-alt"} <= set(image.attrs)):
                yield f"{cell.where}: the image {image.attrs['src']} lacks part of ![caption](file){{#fig-… fig-alt=…}}"
        if re.search(r"<img\b(?![^>]*\balt=[\"'][^\"'])", "".join(text.html for text in cell.shown)):
            yield f"{cell.where}: an <img> has no alternative text; add alt"


def check_names(site):
    "What prose calls `impaug.x.y`, `impaug command` or `make target` exists."
    targets = re.findall(r"^([a-z-]+):", site.source("Makefile"), flags=re.M)
    for where, code in [(text.cell.where, code) for text in site.texts for code in text.code]:
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
    settings = {name: set(preset) for name in site.ids}
    for cell in site.cells:
        settings[cell.file].update(value for one in cell.body for value in literals(one))
    for cell, text in [(cell, typed.prose) for cell in site.cells for typed in cell.typed]:
        text = re.sub(YEAR_OR_KEY, " ", text, flags=re.I)
        for entry in allowed:
            if entry["text"] in text and cell.file.startswith(entry.get("page", "")) and entry["why"]:
                text = text.replace(entry["text"], " … ")
                used.append(entry)
        for match in [match for match in NUMBER.finditer(text) if not is_known(match[0], settings[cell.file], own)]:
            around = text[max(0, match.start() - 25) : match.end() + 15].strip()
            yield f"{cell.where}: types the number {match[0]} (“{around}”); let a cell compute it"
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
    print("\n".join(faults + [f"{len(site.ids)} pages, {len(faults) or 'no'} faults."]))
    sys.exit(bool(faults))
