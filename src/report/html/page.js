(() => {
  "use strict";
  const table = document.querySelector("table.workloads");
  const rows = Array.from(table.tBodies);
  const search = document.getElementById("search");
  const verdict = document.getElementById("verdict");
  const mode = document.getElementById("mode");
  const shown = document.getElementById("shown");
  const all = document.getElementById("all-rows");
  // Rows that are laid out before somebody asks for more: what opens fast on any machine.
  const FIRST = 100;
  let limit = FIRST;
  const texts = new Map(rows.map((row) => [row, row.rows[0].cells[0].textContent.toLowerCase()]));
  let order = rows;

  function filter() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let met = 0;
    for (const row of order) {
      const fits = (!verdict.value || row.dataset.verdict === verdict.value)
        && (!mode.value || row.dataset.mode === mode.value)
        && words.every((word) => texts.get(row).includes(word));
      met += fits ? 1 : 0;
      row.hidden = !fits || met > limit;
    }
    const visible = Math.min(met, limit);
    shown.textContent = visible === rows.length ? `${rows.length} workloads` : `${visible} of ${met} matching, ${rows.length} in all`;
    all.parentElement.hidden = met <= limit;
    all.textContent = `Show all ${met}`;
  }

  const value = {
    caller: (row) => texts.get(row),
    verdict: (row) => row.dataset.verdict,
    mode: (row) => row.dataset.mode,
    tokens: (row) => Number(row.dataset.tokens),
    cost: (row) => ("cost" in row.dataset ? Number(row.dataset.cost) : null),
    savings: (row) => ("savings" in row.dataset ? Number(row.dataset.savings) : null),
  };

  function sort(head, key) {
    const first = ["caller", "verdict", "mode"].includes(key) ? "ascending" : "descending";
    const other = first === "ascending" ? "descending" : "ascending";
    const direction = head.getAttribute("aria-sort") === first ? other : first;
    for (const cell of table.tHead.rows[0].cells) cell.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", direction);
    const sign = direction === "ascending" ? 1 : -1;
    const keyed = rows.map((row) => [value[key](row), row]);
    // What is not known comes last, whichever way.
    keyed.sort(([a], [b]) => (a === null) - (b === null) || (a < b ? -sign : a > b ? sign : 0));
    order = keyed.map(([, row]) => row);
    table.append(...order);
    filter();
  }

  for (const head of table.tHead.rows[0].cells) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    button.addEventListener("click", () => sort(head, head.dataset.key));
    head.append(button);
  }
  document.documentElement.classList.add("script");
  search.form.addEventListener("submit", (event) => event.preventDefault());
  search.addEventListener("input", filter);
  verdict.addEventListener("change", filter);
  mode.addEventListener("change", filter);
  all.addEventListener("click", () => { limit = rows.length; filter(); });
  filter();

  const weeks = document.getElementById("weeks");
  if (weeks) {
    const levels = JSON.parse(weeks.textContent);
    const digits = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    const choice = document.getElementById("week-of");
    const cells = document.querySelectorAll("table.heat tbody td");
    const draw = () => cells.forEach((cell, index) => {
      const share = Math.floor(digits.indexOf(levels[choice.value][index]) * 100 / (digits.length - 1));
      cell.style.setProperty("--l", share);
      cell.firstElementChild.textContent = share;
    });
    choice.addEventListener("change", draw);
    table.addEventListener("click", (event) => {
      const link = event.target.closest("a[data-week]");
      if (!link) return;
      if (!Array.from(choice.options).some((option) => option.value === link.dataset.week)) {
        choice.add(new Option(link.closest("tbody").rows[0].cells[0].firstChild.textContent, link.dataset.week));
      }
      choice.value = link.dataset.week;
      draw();
    });
  }
})();
