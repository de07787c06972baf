  const decode = text => Uint8Array.from(atob(text), c => c.charCodeAt(0));
  const clamp = (x, low, high) => Math.min(Math.max(x, low), high);
  const short = x => x.toFixed(3).replace("-", "\u2212");

  // A child in the parent's own namespace, so that it works for HTML and SVG.
  function add(parent, tag, attributes, text = "") {
    const child = document.createElementNS(parent.namespaceURI, tag);
    for (const [key, value] of Object.entries(attributes)) child.setAttribute(key, value);
    child.textContent = text;
    return parent.appendChild(child);
  }

  // Counts are [true 0 pseudo 0, true 0 pseudo 1, true 1 pseudo 0, true 1 pseudo 1].
  // scikit-learn's NMI: natural logarithm, arithmetic mean of the two entropies, 0 where a side is empty.
  function nmi(c) {
    const n = c[0] + c[1] + c[2] + c[3], rows = [c[0] + c[1], c[2] + c[3]], columns = [c[0] + c[2], c[1] + c[3]];
    const entropy = sizes => sizes.reduce((sum, m) => m ? sum - m/n*Math.log(m/n) : sum, 0);
    const share = (m, i) => m/n*Math.log(n*m/(rows[i >> 1]*columns[i & 1]));
    const mutual = c.reduce((sum, m, i) => m ? sum + share(m, i) : sum, 0);
    const both = entropy(rows) + entropy(columns);
    return Math.min(...columns) && both ? 2*mutual/both : 0;
  }
  const f1 = c => c[3] ? 2*c[3]/(2*c[3] + c[1] + c[2]) : 0;

  // A run as JSON gives it, with its levels and the functions that read them.
  function open(run) {
    const y = decode(run.y), levels = decode(run.levels), epochs = run.low.length, cells = run.cells, rules = Object.keys(run.cuts);
    const even = (e, k) => run.low[e] + k*run.step[e]; // where edge k is, unless a rule's threshold was put there
    const edge = (e, k) => {
      const rule = rules.find(r => run.cuts[r].at[e] === k);
      return rule ? run.cuts[rule].value[e] : even(e, k);
    };
    const all = [...run.low, ...run.low.map((_, e) => even(e, cells)), ...rules.flatMap(r => run.cuts[r].value)];
    const bottom = Math.min(...all), top = Math.max(...all);
    const height = value => Math.round(1000*(top - value)/(top - bottom));
    const level = (i, e) => levels[i*epochs + e], middle = (k, e) => height(even(e, k - .5));
    const path = (k) => "M" + run.low.map((_, e) => e + 1 + "," + middle(k(e), e)).join("L");
    const median = (cls, e) => {
      const seen = [...y.keys()].filter(i => y[i] === cls).map(i => level(i, e)).sort((a, b) => a - b);
      return seen[seen.length >> 1];
    };
    const count = (e, k) => {
      const c = [0, 0, 0, 0];
      y.forEach((cls, i) => c[2*cls + (level(i, e) > k)]++);
      return c;
    };
    const nearest = (e, value) => clamp(Math.round((value - run.low[e])/run.step[e]), 0, cells);
    return {...run, y, epochs, rules, edge, bottom, top, height, level, path, median, count, nearest};
  }

  // Buttons of the threshold rules, and the names of the classes wherever the figure has a place for them.
  function offerRules(root, rules, follow) {
    rules.forEach(name => {
      const options = {type: "button", value: name, "data-impaug": "rule"};
      add(root.querySelector(".rules"), "button", options, name).addEventListener("click", () => follow(name));
    });
  }
  function pressRule(root, rule) {
    const buttons = root.querySelectorAll("[data-impaug=rule]");
    buttons.forEach(button => button.setAttribute("aria-pressed", button.value === rule));
  }
  function writeNames(root, names) {
    names.forEach((name, cls) => {
      root.querySelectorAll(`.name${cls}`).forEach(cell => { cell.textContent = name; });
    });
  }
