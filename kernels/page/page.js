"use strict";
// Filters, charts as they come into view, tables of numbers, and downloads. Everything from a file
// is data or text here: nothing of it becomes markup or code.
(async () => {
  const inflated = async (id) => {
    const bytes = Uint8Array.from(atob(document.getElementById(id).textContent), (c) => c.charCodeAt(0));
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).json();
  };
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const page = await inflated("page");
  const { records, columns, machine, schema } = await inflated("records");
  const form = document.getElementById("filters");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => Object.fromEntries([...new FormData(form)].filter(([, value]) => value));

  // the address keeps the filters, and the place that a link of the page leads to
  const read = () => {
    const kept = new URLSearchParams(location.hash.slice(1));
    for (const field of form.elements) {
      const value = kept.get(field.name) ?? "";
      if (field.name && [...field.options].some((o) => o.value === value)) field.value = value;
    }
    return kept.get("at");
  };
  const address = (at) => "#" + new URLSearchParams({ ...chosen(), ...(at ? { at } : {}) });
  const asked = () => chosen().context ?? page.contexts[0];
  // what a table was not timed in, it is shown as it was ranked
  const contextOf = (table) => page.tables[table].includes(asked()) ? asked() : page.tables[table][0];

  const TIMES = {
    program: (r) => [r.program_s],
    alone: (r) => [r.median_s, r.low_s, r.high_s],
    after_blas: (r) => [r.after_blas_s, r.after_blas_low_s, r.after_blas_high_s],
    after_pause: (r) => [r.after_pause_s, r.after_pause_low_s, r.after_pause_high_s],
  };
  const kept = (row, filters) =>
    (!filters.kernel || row.kernel === filters.kernel) && (!filters.family || row.family === filters.family);
  const rowsOf = (table) =>
    page.facts.filter((fact) => fact.table === table).map((fact) => {
      const row = { ...records[fact.i], ...fact };
      const [t, lo, hi] = row.status === "ok" ? TIMES[contextOf(table)](row) : [];
      return { ...row, t, lo, hi };
    }).filter((row) => kept(row, chosen()));

  const lists = (kernels) => {
    const places = page.styles.kernels.map((name, n) => [name, n]).filter(([name]) => kernels.has(name));
    return Object.fromEntries(
      Object.entries(page.styles).map(([list, values]) => [list, places.map(([, n]) => values[n])]));
  };
  const filled = (name, known) => JSON.parse(JSON.stringify(page.specs[name]), (_, value) =>
    Array.isArray(value) && value.length === 1 && String(value[0]).startsWith("@")
      ? known[value[0].slice(1)] : value);
  const theme = () => {
    const [text, line] = dark.matches ? ["#e8e8ea", "#ffffff33"] : ["#1f2328", "#00000022"];
    return {
      font: page.font, background: "transparent", view: { stroke: null }, aria: false,
      axis: { labelColor: text, titleColor: text, gridColor: line, domainColor: "#888", tickColor: "#888" },
      legend: { labelColor: text, titleColor: text, labelLimit: 220 },
      text: { color: text }, rule: { color: text },
    };
  };

  const dataOf = (figure) => {
    const { chart, table, set } = figure.dataset;
    if (set) return { ...page.sets[set], lists: { ...page.styles, ...page.sets[set].lists } };
    const number = Number(table);
    const rows = rowsOf(number).filter((row) => row[page.needs[chart]] > 0);
    const crossings = chosen().kernel || chosen().family ? []
      : page.crossings.filter((each) => each.table === number && each.context === contextOf(number));
    return { rows, crossings, lists: lists(new Set(rows.map((row) => row.kernel))) };
  };
  const draw = async (figure) => {
    const plot = figure.querySelector(".plot");
    const { lists: known, height, ...data } = dataOf(figure);
    figure.view?.finalize();
    figure.view = null;
    if (!data.rows.length) {
      plot.textContent = "Nothing of this is left by the filters.";
      return;
    }
    const spec = { ...filled(figure.dataset.chart, known), datasets: data };
    if (height) spec.height = height;
    const drawn = await vegaEmbed(plot, spec, {
      ast: true, renderer: "svg", actions: false, config: theme(), defaultStyle: false, logLevel: 1,
      tooltip: { disableDefaultStyle: true },
    });
    // the figure's own words stand for it: hundreds of marks one by one tell a reader nothing
    plot.querySelector("svg").setAttribute("aria-hidden", "true");
    figure.view = drawn;
    figure.dataset.drawn = "true";
  };
  // one after the other, so that the page answers between them
  const waiting = new Set();
  const drawWaiting = async () => {
    for (const figure of waiting) {
      await new Promise((next) => setTimeout(next));
      await draw(figure);
      waiting.delete(figure);
    }
  };
  const seen = new IntersectionObserver((entries) => {
    const idle = waiting.size === 0;
    for (const { isIntersecting, target } of entries) {
      if (isIntersecting) {
        seen.unobserve(target);
        waiting.add(target);
      }
    }
    if (idle) drawWaiting();
  }, { rootMargin: "200px" });
  const watch = () => {
    for (const figure of all("figure[data-chart]")) {
      delete figure.dataset.drawn;
      seen.unobserve(figure);
      seen.observe(figure);
    }
  };

  const numbers = (details) => {
    if (!details.open) return;
    const shown = ["kernel", "batch", "status", "t", "lo", "hi", "speedup", "error", "bound", "rate", "peak_bytes", "paid"];
    const heads = ["kernel", "batch", "status", "seconds", "from", "to", "speed-up", "error", "limit", "GFLOP/s", "bytes", "paid back"];
    const table = document.createElement("table");
    const line = (values, tag) => {
      const row = table.insertRow();
      for (const value of values) {
        const cell = row.appendChild(document.createElement(tag));
        cell.textContent = typeof value === "number" ? Number(value.toPrecision(4)).toString() : value ?? "";
        if (tag === "th") cell.scope = "col";
      }
    };
    line(heads, "th");
    for (const row of rowsOf(Number(details.dataset.table))) line(shown.map((name) => row[name]), "td");
    details.querySelector(".scroll").replaceChildren(table);
  };

  const apply = () => {
    const filters = chosen();
    const fits = (data) => ["dtype", "layout", "threads"].every((n) => !filters[n] || data[n] === filters[n]);
    for (const part of all("[data-dtype]")) part.hidden = !fits(part.dataset);
    for (const part of all("[data-context]")) part.hidden = part.dataset.context !== asked();
    for (const cell of all("td[data-kernel]")) cell.classList.toggle("other", !kept(cell.dataset, filters));
    const left = all(".operation").filter((part) => !part.hidden).length;
    document.getElementById("left").textContent = `${left} of ${all(".operation").length} tables shown`;
    all("details[data-table]").forEach(numbers);
    watch();
  };
  form.addEventListener("change", () => {
    history.replaceState(null, "", address());
    apply();
  });
  form.addEventListener("reset", () => setTimeout(() => form.dispatchEvent(new Event("change"))));
  form.addEventListener("submit", (event) => event.preventDefault());
  const go = (at) => {
    const place = at && document.getElementById(at);
    if (place) {
      place.scrollIntoView();
      place.focus({ preventScroll: true });
    }
  };
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href^='#']");
    if (!link) return;
    event.preventDefault();
    const at = link.getAttribute("href").slice(1);
    history.pushState(null, "", address(at));
    go(at);
  });
  addEventListener("hashchange", () => { const at = read(); apply(); go(at); });
  addEventListener("popstate", () => { const at = read(); apply(); go(at); });
  dark.addEventListener("change", watch);
  all("details[data-table]").forEach((part) => part.addEventListener("toggle", () => numbers(part)));

  const save = (url, name) => {
    const link = Object.assign(document.createElement("a"), { href: url, download: name });
    link.click();
  };
  const saveText = (text, kind, name) => {
    const url = URL.createObjectURL(new Blob([text], { type: kind }));
    save(url, name);
    setTimeout(() => URL.revokeObjectURL(url), 1e4);
  };
  const everything = async () => {
    if (!document.getElementById("samples")) return records;
    const samples = await inflated("samples");
    return records.map((row, n) => ({ ...row, samples_s: samples[n] ?? [] }));
  };
  // a text that a spreadsheet takes for a formula gets an apostrophe, as in `einbench export`
  const field = (value) => {
    if (value === null || value === undefined) return "";
    let text = Array.isArray(value) ? value.map((s) => s ?? "").join(" ")
      : typeof value === "object" ? JSON.stringify(value) : String(value);
    if (typeof value === "string" && /^[=+\-@]/.test(text)) text = `'${text}`;
    return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const SAVERS = {
    async json() {
      const whole = { schema, machine, columns, records: await everything() };
      saveText(JSON.stringify(whole, null, 1), "application/json", `${page.name}.json`);
    },
    async csv() {
      const rows = await everything();
      const names = rows.some((row) => row.samples_s) ? [...columns, "samples_s"] : columns;
      const lines = [names, ...rows.map((row) => names.map((name) => row[name]))];
      saveText(lines.map((line) => line.map(field).join(",") + "\n").join(""), "text/csv", `${page.name}.csv`);
    },
  };
  all("button[data-save]").forEach((button) => button.addEventListener("click", async () => {
    const figure = button.closest("figure");
    const kind = button.dataset.save;
    if (!figure) return SAVERS[kind]();
    if (!figure.view) await draw(figure);
    save(await figure.view.view.toImageURL(kind, 2), `${figure.dataset.chart}.${kind}`);
  }));

  const at = read();
  apply();
  go(at);
  document.documentElement.dataset.ready = performance.now();
})();
