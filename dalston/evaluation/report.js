// Sorts the table of clips by the column whose heading is pressed; the page is whole without it.
for (const button of document.querySelectorAll("th button")) {
  button.addEventListener("click", () => {
    const heading = button.closest("th");
    const table = heading.closest("table");
    const body = table.tBodies[0];
    const column = [...heading.parentNode.children].indexOf(heading);
    const down = heading.getAttribute("aria-sort") !== "descending";
    const compare = (one, other) => {
      const [left, right] = [one.children[column], other.children[column]];
      const order = Number(left.dataset.value) - Number(right.dataset.value);
      return Number.isNaN(order) ? left.textContent.localeCompare(right.textContent) : order;
    };
    const rows = [...body.rows].sort((one, other) => (down ? -1 : 1) * compare(one, other));
    for (const other of table.querySelectorAll("th")) {
      other.removeAttribute("aria-sort");
    }
    heading.setAttribute("aria-sort", down ? "descending" : "ascending");
    body.append(...rows);
  });
}
