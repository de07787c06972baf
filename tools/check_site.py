"""What can be checked of the documentation site without building it: `python tools/check_site.py [ROOT]`.

Reads _quarto.yml, the pages in nbs/ and their stored outputs, and imports nothing of the package. Each fault is
one line: file, cell, what is wrong, what to do. tests/test_site.py runs every check, and tries each on planted faults.
"""

import ast
import difflib
import functools
import json
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

import yaml

MAIN_LINE = "index", "shortcomings"  # first and last page of what is read from start to end
MINUTES, WORDS_A_MINUTE = 25, 220
KINDS = "fig|tbl|eq|sec|lst"  # what Quarto cross-references


@dataclass
class Cell:
    "One cell of a page; `where` names it in messages."

    where: str
    kind: str  # markdown or code
    source: str
    outputs: list = field(default_factory=list)
    execution_count: object = None

    @functools.cached_property
    def directives(self):
        "Words after `#|`, without those that have a value."
        return {line[2:].strip() for line in self.source.splitlines() if line.startswith("#|") and ":" not in line}

    @functools.cached_property
    def options(self):
        "The cell's `#| key: value` lines as a dict; None if they are no YAML."
        if self.kind != "code":
            return {}
        lines = [
            line[2:].removeprefix(" ")
            for line in self.source.splitlines()
            if line.startswith("#|") and line[2:].strip() not in self.directives
        ]
        try:
            return yaml.safe_load("\n".join(lines)) or {}
        except yaml.YAMLError:
            return None

    @functools.cached_property
    def tree(self):
        "Syntax tree of the code, magics left out; None where it is no Python."
        code = "\n".join(line for line in self.source.splitlines() if not line.lstrip().startswith(("%", "!")))
        try:
            return ast.parse(code)
        except SyntaxError:
            return None

    @property
    def hidden(self):
        options = self.options or {}
        return (
            bool({"hide", "hide_output"} & self.directives)
            or options.get("include") is False
            or options.get("output") is False
        )

    def data(self, *types):
        "Stored output data of these MIME types (or main types), as strings."
        for output in self.outputs:
            for mime, text in output.get("data", {}).items():
                if mime.startswith(types):
                    yield "".join(text) if isinstance(text, list) else str(text)

    def captions(self):
        "Captions and alternative texts among the options."
        return [
            str(text) for key, text in (self.options or {}).items() if re.fullmatch(r"(fig|tbl)-(cap|alt|subcap)", key)
        ]

    def written(self):
        "Text that somebody wrote for a reader: a markdown cell, a caption, the fixed parts of a string given to Markdown."
        if self.kind == "markdown":
            return [self.source]
        calls = (
            [n for n in ast.walk(self.tree) if isinstance(n, ast.Call) and getattr(n.func, "id", "") == "Markdown"]
            if self.tree
            else []
        )
        fixed = [
            "".join(c.value if isinstance(c, ast.Constant) else " … " for c in getattr(s, "values", [s]))
            for call in calls
            for s in ast.walk(call)
            if isinstance(s, ast.JoinedStr)
            or isinstance(s, ast.Constant)
            and isinstance(s.value, str)
            and s in call.args
        ]
        return self.captions() + fixed

    def read(self):
        "Text as a reader sees it: a markdown cell, captions, markdown that code has put out."
        if self.kind == "markdown":
            return [self.source]
        captions = [
            str(text) for key, text in (self.options or {}).items() if re.fullmatch(r"(fig|tbl)-(cap|subcap)", key)
        ]
        return [] if self.hidden else captions + list(self.data("text/markdown"))


@dataclass
class Page:
    path: Path
    cells: list

    @property
    def name(self):
        return f"nbs/{self.path.name}"

    def markdown(self):
        return [(cell, text) for cell in self.cells for text in cell.read()]


def read_page(path):
    "The cells of a notebook, or of a .qmd file as one markdown cell."
    if path.suffix == ".qmd":
        return Page(path, [Cell(f"nbs/{path.name}", "markdown", path.read_text(encoding="utf-8"))])
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return Page(
        path,
        [
            Cell(
                f"nbs/{path.name} cell {i} ({cell.get('id', 'no id')})",
                cell["cell_type"],
                "".join(cell["source"]),
                cell.get("outputs", []),
                cell.get("execution_count"),
            )
            for i, cell in enumerate(cells)
            if cell["cell_type"] in ("markdown", "code")
        ],
    )


class Site:
    "The configuration, the pages in nbs/, and what they refer to, below `root`."

    def __init__(self, root="."):
        self.root = Path(root).resolve()
        self.nbs = self.root / "nbs"
        try:
            self.config = yaml.safe_load((self.root / "_quarto.yml").read_text(encoding="utf-8")) or {}
        except (OSError, yaml.YAMLError) as error:
            self.config, self.config_error = {}, " ".join(str(error).split())
        else:
            self.config_error = None
        self.pages = [
            read_page(path)
            for path in sorted([*self.nbs.glob("*.ipynb"), *self.nbs.glob("*.qmd")])
            if not path.name.startswith("_")
        ]

    @functools.cached_property
    def sidebar(self):
        "Page names in the sidebar's order."
        sidebar = self.config.get("website", {}).get("sidebar", [])
        return [
            href
            for one in (sidebar if isinstance(sidebar, list) else [sidebar])
            for href in hrefs(one)
            if re.search(r"\.(ipynb|qmd)$", href)
        ]

    def in_order(self):
        "Pages in the sidebar's order, the others after them."
        return sorted(
            self.pages,
            key=lambda page: (
                self.sidebar.index(page.path.name) if page.path.name in self.sidebar else len(self.sidebar)
            ),
        )

    def source(self, name):
        "Text of a file below the root, empty where it is missing."
        path = self.root / name
        return path.read_text(encoding="utf-8") if path.is_file() else ""


def hrefs(item):
    "Pages that a part of the sidebar names, in order."
    if isinstance(item, str):
        return [item]
    if isinstance(item, list):
        return [href for one in item for href in hrefs(one)]
    if not isinstance(item, dict):
        return []
    return [item[key] for key in ("href", "file", "section") if key in item] + hrefs(item.get("contents"))


# Markdown, taken apart ------------------------------------------------------------------------------------------


def without_code(text):
    "Markdown without fenced code, code spans and comments."
    text = re.sub(r"^(\s*)(```+|~~~+).*?^\s*\2[ \t]*$", "", text, flags=re.M | re.S)
    return re.sub(r"(`+)(?!`).+?(?<!`)\1(?!`)", " ` ", re.sub(r"<!--.*?-->", "", text, flags=re.S), flags=re.S)


def without_formulas(text):
    text = re.sub(r"(?<!\\)\$\$.*?\$\$", " ", text, flags=re.S)
    return re.sub(r"(?<![\\$])\$(?=\S)([^$]*?\S)\$(?!\d)", " ", text)


def prose(text):
    "Markdown reduced to the words that are read: no code, formula, link target, attribute, tag, heading or front matter."
    text = re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.S)
    text = without_formulas(without_code(text))
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1 ", text)
    text = re.sub(r"\{[^{}]*\}|<https?:[^>]*>|</?[a-zA-Z][^>]*>|https?://\S+", " ", text)
    return re.sub(r"^\s{0,3}#{1,6} .*$|^:::+.*$", "", text, flags=re.M)


def slug(heading):
    "The anchor that pandoc gives a heading."
    text = re.sub(r"\{[^}]*\}\s*$", "", heading)
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"[^\w\s.-]", "", text.replace("`", "").replace("*", "")).strip().lower()
    return re.sub(r"^[^a-z]+", "", re.sub(r"\s+", "-", text)) or "section"


def labels(page):
    "(label, cell) of everything on a page that Quarto can refer to."
    for cell in page.cells:
        found = [str(cell.options["label"])] if cell.kind == "code" and (cell.options or {}).get("label") else []
        for text in [cell.source] if cell.kind == "markdown" else cell.data("text/markdown"):
            found += re.findall(rf"\{{[^{{}}\n]*#((?:{KINDS})-[\w-]+)", without_code(text))
        yield from ((label, cell) for label in found)


def anchors(page):
    "What a link to this page may name after `#`."
    texts = [without_code_blocks(text) for _, text in page.markdown()]
    found = {label for label, _ in labels(page)}
    for text in texts:
        found |= {slug(heading) for heading in re.findall(r"^#{1,6} +(.+?) *$", text, flags=re.M)}
        found |= set(re.findall(r"\{[^{}\n]*#([\w.:-]+)", text)) | set(re.findall(r"\bid=[\"']([^\"']+)", text))
    return found | set(
        re.findall(r"\bid=[\"']([^\"']+)", "".join(html for cell in page.cells for html in cell.data("text/html")))
    )


def without_code_blocks(text):
    return re.sub(r"^(\s*)(```+|~~~+).*?^\s*\2[ \t]*$", "", text, flags=re.M | re.S)


def mentions(text):
    "Names after an @ : cross-references and citations."
    for name in re.findall(r"(?<![\w@\\])@\{?([A-Za-z][\w:.#$%&+?<>~/-]*)", without_formulas(without_code(text))):
        yield name.rstrip(".:?-/")


def is_reference(name):
    return bool(re.match(rf"({KINDS})-", name, flags=re.I))


# Checks: each takes a Site and gives the faults --------------------------------------------------------------------


def check_config(site):
    "_quarto.yml parses, its files are there, and nbs/_quarto.yml is the same file."
    if site.config_error:
        yield f"_quarto.yml: {site.config_error}; correct the YAML"
        return
    if site.config.get("project", {}).get("output-dir") != "_docs":
        yield "_quarto.yml: project: output-dir is not _docs, where `make docs` looks for the site"
    link = site.nbs / "_quarto.yml"
    if not (link.is_symlink() and link.resolve() == site.root / "_quarto.yml"):
        yield "nbs/_quarto.yml: not a symlink to ../_quarto.yml, the one configuration; run ln -sf ../_quarto.yml nbs/"
    for name in config_files(site.config):
        if not (site.nbs / name.lstrip("/")).is_file():
            yield f"_quarto.yml: names {name}, which is not in nbs/; add the file or drop the entry"


def config_files(config):
    "Local files that a configuration names; Quarto reads them relative to nbs/."
    if isinstance(config, dict):
        return [name for value in config.values() for name in config_files(value)]
    if isinstance(config, list):
        return [name for value in config for name in config_files(value)]
    return (
        [config]
        if isinstance(config, str)
        and re.fullmatch(r"(?!https?:)[\w./-]+\.(bib|csl|css|scss|png|svg|jpe?g|ico|html|js|lua|yml)", config)
        else []
    )


def check_sidebar(site):
    "Every page of the sidebar exists, and every page is in it once."
    there = [page.path.name for page in site.pages]
    for name in dict.fromkeys(site.sidebar):
        if name not in there:
            yield f"_quarto.yml: the sidebar names {name}, which is not in nbs/; add the page or drop the entry"
        if site.sidebar.count(name) > 1:
            yield f"_quarto.yml: the sidebar names {name} {site.sidebar.count(name)} times; keep one"
    yield from (f"nbs/{name}: not in the sidebar; add it to _quarto.yml" for name in there if name not in site.sidebar)


def check_heads(site):
    "A page opens with its title and, below it, the question it answers."
    for page in site.pages:
        head = page.cells[0].source.splitlines() if page.cells else []
        if page.path.suffix == ".ipynb" and not (
            len(head) > 2 and head[0].startswith("# ") and head[2].startswith("> ")
        ):
            yield f"{page.name}: does not open with '# Title', an empty line and '> the question it answers'"
        elif page.path.suffix == ".ipynb" and any(map(str.strip, head[3:])):
            yield f"{page.name}: nbdev leaves out what follows the question in the first cell; move it to a cell of its own"


def check_executed(site):
    "Every notebook has been run: what should have an output has one, none is an error, counts are cleaned away."
    for page in site.pages:
        code = [cell for cell in page.cells if cell.kind == "code"]
        if len(code) > 1 and not any(cell.outputs for cell in code) and any(map(shows, code)):
            yield f"{page.name}: has no stored output; run make notebooks"
            continue
        for cell in code:
            for output in cell.outputs:
                if output["output_type"] == "error":
                    yield f"{cell.where}: a stored {output.get('ename')}; mend the cell and run make notebooks"
                if output.get("name") == "stderr":
                    yield f"{cell.where}: a stored warning or progress bar ({first_line(output)}); silence it and run make notebooks"
            if cell.execution_count is not None or any(output.get("execution_count") for output in cell.outputs):
                yield f"{cell.where}: keeps its execution count; run nbdev_clean"
            if not cell.outputs and shows(cell):
                yield f"{cell.where}: should have an output and has none; run make notebooks"
            elif stale := first_stale(cell):
                yield f"{cell.where}: its source says “{stale}” and its output does not; run make notebooks"
            if cell.options is None:
                yield f"{cell.where}: its #| options are no YAML; put the value in double quotes"


def first_stale(cell):
    "The first fixed part of a text that the cell certainly puts out and that its stored output lacks: the source was edited since."
    if not cell.outputs or not cell.tree or not shows(cell):
        return None
    stored = "".join("".join(output.get("text", "")) for output in cell.outputs) + "".join(cell.data("text/"))
    shown = [one.value for one in cell.tree.body if isinstance(one, ast.Expr)] + [
        one.value
        for loop in cell.tree.body
        if isinstance(loop, ast.For)
        for one in loop.body
        if isinstance(one, ast.Expr)
    ]
    texts = [
        arg
        for call in shown
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") in ("print", "Markdown") and not call.keywords
        for arg in call.args
    ]
    parts = [
        part.value
        for text in texts
        for part in getattr(text, "values", [text])
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    ]
    return next((" ".join(part.split())[:50] for part in parts if part.strip("\n") not in stored), None)


def first_line(output):
    return " ".join("".join(output.get("text", "")).split())[:60]


def shows(cell):
    "Whether running the cell certainly puts something out: it prints, ends in a name or a Markdown call, or has a figure's label."
    if cell.kind != "code" or not cell.tree or not cell.tree.body or (cell.options or {}).get("eval") is False:
        return False
    if is_reference(str((cell.options or {}).get("label", ""))):
        return True

    def calls(node, names):
        return isinstance(node, ast.Call) and getattr(node.func, "id", "") in names

    prints = [one for one in cell.tree.body if isinstance(one, ast.Expr) or isinstance(one, ast.For)]
    if any(calls(node, {"print", "display"}) for one in prints for node in ast.walk(one)):
        return True
    last = cell.tree.body[-1]
    return (
        isinstance(last, ast.Expr)
        and not cell.source.rstrip().endswith(";")
        and (
            isinstance(last.value, ast.Name | ast.Attribute | ast.Subscript | ast.JoinedStr)
            or calls(last.value, {"Markdown", "HTML", "len"})
        )
    )


def check_imports(site):
    "Shown cells that import do nothing else: to document a notebook that exports, nbdev runs its imports without the cells between them."
    for page in site.pages:
        code = [cell for cell in page.cells if cell.kind == "code" and cell.tree]
        if not any(exports(cell) for cell in code):
            continue
        for cell in code:
            kinds = {type(node) for node in cell.tree.body}
            if (
                kinds & {ast.Import, ast.ImportFrom}
                and kinds - {ast.Import, ast.ImportFrom}
                and "hide" not in cell.directives
                and not exports(cell)
            ):
                yield f"{cell.where}: imports and does more, and nbdev runs it alone while it builds the site; move the import to the hidden cell at the top"


def exports(cell):
    return bool({"export", "exports"} & cell.directives)


FOLDER = re.compile(
    r"(?<![\w./:~-])/(?:home|root|tmp|work|Users|private|var|opt|mnt|usr)\b(?:/[\w.-]+)*|\b[A-Za-z]:\\{1,2}\w[\w\\.-]*|file://\S+"
)


def check_machine(site):
    "Nothing stored or written names a folder or an address of the machine that ran it."
    for page in site.pages:
        for cell in page.cells:
            stored = "\n".join(
                ["".join(output.get("text", "")) + "\n".join(output.get("traceback", [])) for output in cell.outputs]
                + list(cell.data("text/", "application/"))
            )
            for what, text in (("output", stored), ("source", cell.source)):
                for folder in dict.fromkeys(FOLDER.findall(text)):
                    yield f"{cell.where}: its {what} names the folder {folder}; use a relative path"
            for address in dict.fromkeys(re.findall(r"at 0x[0-9a-f]{6,}", stored)):
                yield f"{cell.where}: its output shows an object {address}; show a value instead"


def check_links(site):
    "Links from page to page lead to a page and to an anchor on it; no link leaves nbs/ by a relative path."
    pages = {page.path.name: page for page in site.pages}
    known = {name: anchors(page) for name, page in pages.items()}
    for page in site.pages:
        for cell, text in page.markdown():
            text = without_code(text)
            for target in re.findall(r"\]\(\s*<?([^)\s>]+)", text) + re.findall(r"\b(?:href|src)=[\"']([^\"']+)", text):
                if re.match(r"[a-z][a-z+.-]*:|//", target):
                    continue
                name, _, anchor = target.partition("#")
                name = name or page.path.name
                if name.startswith("../"):
                    yield f"{cell.where}: the link {target} leaves nbs/ and is dead on the site; link to the repository's URL"
                elif name not in pages and not (site.nbs / name).is_file():
                    yield f"{cell.where}: the link {target} leads to no page; correct its name"
                elif anchor and name in pages and anchor not in known[name]:
                    yield f"{cell.where}: the link {target} names no heading or label of {name}; " + nearest(
                        anchor, known[name], "#", f"give the heading {{#{anchor}}} or correct the link"
                    )


def nearest(name, names, sign, otherwise):
    close = difflib.get_close_matches(name, sorted(names), n=1, cutoff=0.5)
    return f"did you mean {sign}{close[0]}?" if close else otherwise


def check_labels(site):
    "No label stands twice, and every @fig-, @tbl-, @eq- and @sec- is on the same page, as Quarto's websites need."
    owners = {}
    for page in site.pages:
        for label, cell in labels(page):
            if label in owners:
                yield f"{cell.where}: the label {label} stands at {owners[label].where} too; rename one"
            else:
                owners[label] = cell
    for page in site.pages:
        own = {label for label, _ in labels(page)}
        for cell, text in page.markdown():
            for name in filter(is_reference, mentions(text)):
                name = name[0].lower() + name[1:]
                if name in own:
                    continue
                elsewhere = owners[name].where.split()[0].removeprefix("nbs/") if name in owners else None
                yield f"{cell.where}: @{name} is no label of this page; " + (
                    f"link to it: [text]({elsewhere}#{name})"
                    if elsewhere
                    else "correct the name or give the figure that label"
                )


def bibliographies(site):
    "The bibliography files that _quarto.yml names."
    return [name for name in config_files(site.config) if name.endswith(".bib")] or ["references.bib"]


def check_citations(site):
    "Every cited key is an entry of the bibliography, every entry is cited, and none stands twice."
    keys = [
        (key, name)
        for name in bibliographies(site)
        for key in re.findall(
            r"^\s*@(?!comment|string|preamble)\w+\s*\{\s*([^,\s]+)\s*,", site.source(f"nbs/{name}"), flags=re.M | re.I
        )
    ]
    entries, cited = dict(keys), set()
    for page in site.pages:
        for cell, text in page.markdown():
            for key in mentions(text):
                if is_reference(key):
                    continue
                cited.add(key)
                if key not in entries:
                    yield f"{cell.where}: cites @{key}, which is not in nbs/{bibliographies(site)[0]}; " + nearest(
                        key, entries, "@", "add the entry"
                    )
    names = [key for key, _ in keys]
    for key, name in entries.items():
        if key not in cited:
            yield f"nbs/{name}: the entry {key} is cited on no page; cite or delete it"
        if names.count(key) > 1:
            yield f"nbs/{name}: the entry {key} stands {names.count(key)} times; keep one"


def check_figures(site):
    "Every figure has a label, a caption and an alternative text, whether code or markdown shows it."
    for page in site.pages:
        for cell in page.cells:
            options = cell.options or {}
            if cell.kind == "code" and not cell.hidden:
                yield from code_figure_faults(cell, options)
            if cell.kind == "markdown":
                yield from markdown_figure_faults(cell, site)
            label = str(options.get("label", ""))
            if label.startswith("tbl-") and not options.get("tbl-cap"):
                yield f'{cell.where}: the table {label} has no caption; add #| tbl-cap: "…"'


def code_figure_faults(cell, options):
    shows_image, label = bool(list(cell.data("image/"))), str(options.get("label", ""))
    if shows_image or label.startswith("fig-"):
        if not label.startswith("fig-"):
            yield f"{cell.where}: shows a figure without a label; add #| label: fig-…"
        if not options.get("fig-cap"):
            yield f'{cell.where}: shows a figure without a caption; add #| fig-cap: "…"'
    if shows_image and not options.get("fig-alt"):
        yield f'{cell.where}: shows a figure without an alternative text; add #| fig-alt: "…"'
    drawn = [html for html in cell.data("text/html") if re.search(r"<(svg|canvas)\b|document\.createElementNS", html)]
    if drawn and not options.get("fig-alt") and not any("aria-label" in html for html in drawn):
        yield f'{cell.where}: draws in HTML without an alternative text; give the drawing role="img" and an aria-label'


def markdown_figure_faults(cell, site):
    divs = re.findall(r"^:::+\s*\{[^}\n]*#fig-[\w-]+", without_code(cell.source), flags=re.M)
    for caption, target, attributes in re.findall(
        r"!\[([^\]]*)\]\(([^)\s]+)[^)]*\)(\{[^}]*\})?", without_code(cell.source)
    ):
        if "#fig-" not in attributes and not divs:
            yield f"{cell.where}: the image {target} has no label; add {{#fig-…}} after it"
        if not caption and not divs:
            yield f"{cell.where}: the image {target} has no caption; write it between the brackets"
        if "fig-alt=" not in attributes:
            yield f'{cell.where}: the image {target} has no alternative text; add {{fig-alt="…"}} after it'
        if not re.match(r"https?:|data:|attachment:", target) and not (site.nbs / target).is_file():
            yield f"{cell.where}: the image {target} is not in nbs/; add the file"
    for tag in re.findall(r"<img\b[^>]*>", without_code(cell.source)):
        if not re.search(r"\balt=[\"'][^\"']", tag):
            yield f"{cell.where}: an <img> has no alternative text; add alt"


def check_names(site):
    "What prose calls `impaug.x.y`, `impaug command` or `make target` exists."
    targets = set(re.findall(r"^([a-z]+):", site.source("Makefile"), flags=re.M))
    commands = cli_commands(site)
    for page in site.pages:
        for cell, text in page.markdown():
            for span in re.findall(r"(?<!`)`([^`\n]+)`(?!`)", without_code_blocks(text)):
                if re.fullmatch(r"impaug(\.\w+)+(\(.*\))?", span) and not api_name(site, span.split("(")[0]):
                    yield f"{cell.where}: there is no `{span}`; correct the name"
                if match := re.match(r"impaug ([a-z][\w-]*)", span):
                    if match[1] not in commands:
                        yield f"{cell.where}: `{span}`: impaug has no command {match[1]}; it has {', '.join(sorted(commands))}"
                if (match := re.match(r"make ([a-z]+)\b", span)) and match[1] not in targets:
                    yield f"{cell.where}: `{span}`: the Makefile has no target {match[1]}"


def top_names(tree):
    "Names that a module or class body defines, with the nodes of its classes."
    names = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names[node.name] = node
        if isinstance(node, ast.Assign | ast.AnnAssign):
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                names |= {name.id: node for name in ast.walk(target) if isinstance(name, ast.Name)}
    return names


def api_name(site, name):
    "Whether a dotted name leads to a module of the package, something it defines, or an attribute of a class there."
    _, module, *rest = name.split(".")
    path = site.root / "impaug" / f"{module}.py"
    if not path.is_file():
        return not rest and module in top_names(ast.parse(site.source("impaug/__init__.py") or ""))
    if not rest:
        return True
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = top_names(tree).get(rest[0])
    if found is None or len(rest) == 1:
        return found is not None
    return (
        not isinstance(found, ast.ClassDef)
        or rest[1] in top_names(found)
        or rest[1] in {n.attr for n in ast.walk(found) if isinstance(n, ast.Attribute)}
    )


def cli_commands(site):
    "Names of the functions in impaug/cli.py that are click commands."
    tree = ast.parse(site.source("impaug/cli.py"))
    return {
        (node.name if not given else given[0]).replace("_", "-")
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        for decorator in node.decorator_list
        if isinstance(decorator, ast.Call) and getattr(decorator.func, "attr", "") == "command"
        for given in [[arg.value for arg in decorator.args if isinstance(arg, ast.Constant)]]
    }


# Numbers in prose ---------------------------------------------------------------------------------------------------

NUMBER = re.compile(r"(?<![\w.])(?<![A-Za-z]-)(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)(?!\w)(?:\s?%)?")
NOT_NUMBERS = re.compile(
    r"^\s*\d+[.)]\s|\b(?:doi|arXiv):\S+|\b(?:19[4-9]|20[0-4])\d\b(?!\s?%|[.,]\d)|(?<!\w)@[\w:-]+", flags=re.M | re.I
)


def check_numbers(site):
    """A number in prose is the report's own, a setting that this page's code (or `Preset`) holds, or on the list tools/numbers.yml with a reason.

    Everything else was typed by hand where a cell should have computed it. Years, list markers, formulas and code spans are no numbers here."""
    allowed, used = allowed_numbers(site), set()
    own, general = report_values(site), preset_values(site)
    for page in site.pages:
        settings = general | {
            value for cell in page.cells if cell.kind == "code" and cell.tree for value in literals(cell.tree)
        }
        for cell in page.cells:
            for text in map(prose, cell.written()):
                text = NOT_NUMBERS.sub(" ", " ".join(re.sub(r"^\s*\d+[.)]\s", "", text, flags=re.M).split()))
                for i, entry in enumerate(allowed):
                    if entry.get("page", page.path.stem) == page.path.stem and entry["text"] in text:
                        text = text.replace(entry["text"], " … ")
                        used.add(i)
                for match in NUMBER.finditer(text):
                    if not is_own(match[0], own) and not is_setting(match[0], settings):
                        yield (
                            f"{cell.where}: types the number {match[0]} (“{text[max(0, match.start() - 25) : match.end() + 15].strip()}”); "
                            'let a cell compute it (Markdown(f"…")) or give tools/numbers.yml the reason why not'
                        )
    for i, entry in enumerate(allowed):
        if i not in used:
            yield f"tools/numbers.yml: “{entry['text']}” is in the prose of no page it is meant for; delete the entry"


def allowed_numbers(site):
    "Entries of tools/numbers.yml; each has a text and a reason (why), and may name its page."
    entries = yaml.safe_load(site.source("tools/numbers.yml")) or []
    for entry in entries:
        assert set(entry) <= {"text", "why", "page"} and entry.get("why"), (
            f"tools/numbers.yml: {entry} needs text and why"
        )
    return entries


def value_of(number):
    return float(number.replace(",", "").replace("%", "").strip())


def is_setting(number, settings):
    value = value_of(number)
    return any(
        abs(value / scale - setting) < 1e-12 * max(1, setting)
        for setting in settings
        for scale in ({1, 100} if "%" in number else {1})
    )


def is_own(number, own):
    "One of the report's figures in full or rounded to three digits at least; 0.82 for 0.8238 could be anybody's."
    digits = re.sub(r"\D", "", number).lstrip("0")
    places = len(number.partition(".")[2].rstrip(" %"))
    if "." not in number:
        return value_of(number) in own
    return len(digits) >= 3 and any(
        abs(round(v * scale, places) - value_of(number)) < 1e-12
        for v in own
        for scale in ({100} if "%" in number else {1})
    )


def literals(tree):
    "Numbers in code that set something: not those in assertions and tests, nor the looks of a figure."
    looks = {"figsize", "alpha", "s", "lw", "linewidth", "fontsize", "height", "width", "aspect"}

    def walk(node):
        if (
            isinstance(node, ast.Assert)
            or isinstance(node, ast.Call)
            and getattr(node.func, "id", "").startswith("test_")
        ):
            return
        if isinstance(node, ast.keyword) and node.arg in looks:
            return
        if isinstance(node, ast.Constant) and type(node.value) in (int, float):
            yield float(abs(node.value))
        for child in ast.iter_child_nodes(node):
            yield from walk(child)

    return set(walk(tree))


@functools.lru_cache
def parsed(text):
    return top_names(ast.parse(text))


def report_values(site):
    "The report's own figures: the numbers in `impaug.experiment.report_figures`."
    node = parsed(site.source("impaug/experiment.py")).get("report_figures")
    return literals(node) if node else set()


def preset_values(site):
    "Settings of the report's experiment: the defaults of `impaug.experiment.Preset`."
    node = parsed(site.source("impaug/experiment.py")).get("Preset")
    return literals(node) if node else set()


# Reading time -------------------------------------------------------------------------------------------------------


def words(page):
    return sum(len(re.findall(r"\w[\w'’.-]*", prose(text))) for _, text in page.markdown())


def main_line(site):
    "Pages from the first to the last of the main line, in the sidebar's order."
    stems = [Path(name).stem for name in site.sidebar]
    first, last = (
        stems.index(name) if name in stems else default for name, default in zip(MAIN_LINE, (0, len(stems) - 1))
    )
    return [page for page in site.in_order() if page.path.stem in stems[first : last + 1]]


def minutes(site):
    return sum(map(words, main_line(site))) / WORDS_A_MINUTE


def check_reading_time(site):
    "The main line is read in less than 25 minutes."
    if minutes(site) >= MINUTES:
        longest = sorted(main_line(site), key=words, reverse=True)[:3]
        yield (
            f"nbs: the main line takes {minutes(site):.1f} minutes to read, {MINUTES} are meant; shorten "
            + ", ".join(f"{page.path.name} ({words(page)} words)" for page in longest)
        )


CHECKS = [
    check_config,
    check_sidebar,
    check_heads,
    check_executed,
    check_imports,
    check_machine,
    check_links,
    check_labels,
    check_citations,
    check_figures,
    check_names,
    check_numbers,
    check_reading_time,
]


if __name__ == "__main__":
    site = Site(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent)
    faults = [fault for check in CHECKS for fault in check(site)]
    print(
        "\n".join(
            faults
            + [
                f"{len(site.pages)} pages, {minutes(site):.1f} minutes to read from {MAIN_LINE[0]} to {MAIN_LINE[1]}, {len(faults) or 'no'} faults."
            ]
        )
    )
    sys.exit(bool(faults))
