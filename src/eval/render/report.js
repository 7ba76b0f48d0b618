"use strict";
// Tables that sort by a click on a heading. In the table of rows a row is a tbody: its line, and its texts.
for (const table of document.querySelectorAll("table.sorted")) {
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = heading.textContent;
    heading.replaceChildren(button);
    button.addEventListener("click", () => sort(table, headings, column));
  });
}
function sort(table, headings, column) {
  const falling = headings[column].getAttribute("aria-sort") !== "descending";
  const single = table.tBodies.length === 1 && table.id !== "table";
  const items = single ? [...table.tBodies[0].rows] : [...table.tBodies];
  const text = (item) => (single ? item : item.rows[0]).cells[column].textContent.trim();
  const keyed = items.map((item) => ({ item, text: text(item), number: parseFloat(text(item)) }));
  keyed.sort((a, b) => {
    const order = Number.isNaN(a.number) || Number.isNaN(b.number)
      ? Number.isNaN(a.number) - Number.isNaN(b.number) || a.text.localeCompare(b.text) * (falling ? -1 : 1)
      : (a.number - b.number) * (falling ? -1 : 1);
    return order;
  });
  (single ? table.tBodies[0] : table).append(...keyed.map((key) => key.item));
  for (const heading of headings) heading.removeAttribute("aria-sort");
  headings[column].setAttribute("aria-sort", falling ? "descending" : "ascending");
}
// The rows of a report can be searched.
const table = document.getElementById("table");
if (table) filtered(table);
function filtered(table) {
  const [words, which, shown] = ["words", "which", "shown"].map((id) => document.getElementById(id));
  const rows = [...table.tBodies].map((row) => ({ row, text: row.textContent.toLowerCase() }));
  const filter = () => {
    const wanted = words.value.toLowerCase();
    let count = 0;
    for (const { row, text } of rows) {
      row.hidden = !text.includes(wanted) || (which.value !== "" && row.dataset.state !== which.value);
      count += !row.hidden;
    }
    shown.textContent = `${count} of ${rows.length} rows`;
  };
  words.addEventListener("input", filter);
  which.addEventListener("input", filter);
  document.querySelector(".filter").hidden = false;
  filter();
}
