"use strict";
// The table of sources: columns as arrays in #data; sorted, filtered and shown a page at a time.
(() => {
  const element = (id) => document.getElementById(id);
  const data = JSON.parse(element("data").textContent);
  const columns = data.columns;
  const n = columns[0].values.length;
  const ROWS = 25;
  const state = { sort: -1, descending: false, page: 0, shown: [] };
  const filters = new Array(columns.length).fill(null);
  const body = element("sources").tBodies[0];

  // "> 10", "<= 1", "9 .. 10", "= 0.5", "!= 1" of numbers; a bare number is equality; of texts, a part of them
  function parse(text, isText) {
    const word = text.trim();
    if (!word) return null;
    if (isText) {
      const part = word.toLowerCase();
      return (value) => String(value).toLowerCase().includes(part);
    }
    const number = "([-+]?(?:\\d+\\.?\\d*|\\.\\d+)(?:[eE][-+]?\\d+)?)";
    const range = new RegExp(`^${number}\\s*\\.\\.\\s*${number}$`).exec(word);
    if (range) {
      const [low, high] = [Number(range[1]), Number(range[2])];
      return (value) => value !== null && value >= low && value <= high;
    }
    const compared = new RegExp(`^(<=|>=|!=|<|>|=)?\\s*${number}$`).exec(word);
    if (!compared) return undefined;
    const limit = Number(compared[2]);
    const tests = {
      "<": (value) => value < limit, ">": (value) => value > limit, "<=": (value) => value <= limit,
      ">=": (value) => value >= limit, "=": (value) => value === limit, "!=": (value) => value !== limit,
    };
    const test = tests[compared[1] || "="];
    return (value) => value !== null && test(value);
  }

  function compare(values, isText) {
    const sign = state.descending ? -1 : 1;
    const text = new Intl.Collator(undefined, { numeric: true });
    return (a, b) => {
      const one = values[a], other = values[b];
      // what is missing comes last, whatever the direction
      if (one === null || other === null) return (one === null) - (other === null) || a - b;
      const difference = isText ? text.compare(one, other) : one - other;
      return sign * difference || a - b;
    };
  }

  function select() {
    const active = filters.map((test, k) => [test, columns[k].values]).filter(([test]) => test);
    const figures = element("with-figures").checked;
    state.shown = [];
    for (let row = 0; row < n; row++) {
      if (figures && !(row in data.figures)) continue;
      if (active.every(([test, values]) => test(values[row]))) state.shown.push(row);
    }
    if (state.sort >= 0) {
      const column = columns[state.sort];
      state.shown.sort(compare(column.values, column.text));
    }
    state.page = 0;
    show();
  }

  function show() {
    const pages = Math.max(1, Math.ceil(state.shown.length / ROWS));
    state.page = Math.min(Math.max(state.page, 0), pages - 1);
    const rows = state.shown.slice(state.page * ROWS, (state.page + 1) * ROWS);
    body.replaceChildren(...rows.map((row) => {
      const line = document.createElement("tr");
      columns.forEach((column, k) => {
        const cell = document.createElement("td");
        const value = column.values[row];
        const text = value === null ? "\u2013" : column.digits >= 0 ? value.toFixed(column.digits) : String(value);
        if (k === 0 && row in data.figures) {
          const link = document.createElement("a");
          link.href = "#" + data.figures[row];
          link.textContent = text;
          cell.append(link);
        } else {
          cell.textContent = text;
        }
        line.append(cell);
      });
      return line;
    }));
    element("count").textContent = `${state.shown.length} of ${n} sources`;
    element("page").textContent = `page ${state.page + 1} of ${pages}`;
    element("previous").disabled = state.page === 0;
    element("next").disabled = state.page === pages - 1;
  }

  function sortBy(k, cell) {
    state.descending = state.sort === k && !state.descending;
    state.sort = k;
    document.querySelectorAll("#sources th[aria-sort]").forEach((one) => one.removeAttribute("aria-sort"));
    cell.setAttribute("aria-sort", state.descending ? "descending" : "ascending");
    select();
  }

  function csv() {
    const quoted = (value) => value === null ? "" : /[",\n]/.test(value) ? `"${String(value).replaceAll('"', '""')}"` : value;
    const lines = [columns.map((column) => column.name).join(",")];
    for (const row of state.shown) lines.push(columns.map((column) => quoted(column.values[row])).join(","));
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([lines.join("\n") + "\n"], { type: "text/csv" }));
    link.download = data.name + ".csv";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }

  const names = document.createElement("tr"), tools = document.createElement("tr");
  columns.forEach((column, k) => {
    const name = document.createElement("th"), tool = document.createElement("th");
    name.scope = "col";
    name.title = column.meaning;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = column.name;
    button.addEventListener("click", () => sortBy(k, name));
    const unit = document.createElement("span");
    unit.className = "unit";
    unit.textContent = column.unit || "\u00a0";
    name.append(button, unit);
    const input = document.createElement("input");
    input.type = "search";
    input.placeholder = column.text ? "contains" : "> 10, 1..2";
    input.setAttribute("aria-label", "filter " + column.name);
    input.addEventListener("input", () => {
      const test = parse(input.value, column.text);
      input.classList.toggle("wrong", test === undefined);
      if (test === undefined) return;
      filters[k] = test;
      select();
    });
    tool.append(input);
    names.append(name);
    tools.append(tool);
  });
  element("sources").tHead.append(names, tools);
  element("previous").addEventListener("click", () => { state.page--; show(); });
  element("next").addEventListener("click", () => { state.page++; show(); });
  element("csv").addEventListener("click", csv);
  element("with-figures").addEventListener("change", select);
  element("clear").addEventListener("click", () => {
    document.querySelectorAll("#sources input").forEach((input) => { input.value = ""; input.classList.remove("wrong"); });
    filters.fill(null);
    element("with-figures").checked = false;
    select();
  });
  const copy = element("copy");
  if (copy) {
    copy.addEventListener("click", () => {
      const range = document.createRange();
      range.selectNodeContents(element("bibtex"));
      const selection = window.getSelection();
      selection.removeAllRanges();
      selection.addRange(range);
      // selected, to be copied by hand where the clipboard may not be used
      if (navigator.clipboard) navigator.clipboard.writeText(element("bibtex").textContent).catch(() => {});
    });
  }
  select();
})();
