// Small hands for the document. Data only ever becomes text nodes: nothing that came from a code or a list is parsed as HTML.

/** make("p.big", "text", child, …): an element with classes; strings become text, null and undefined are left out. */
export function make(what, ...children) {
  const [tag, ...classes] = what.split(".");
  const node = document.createElement(tag);
  if (classes.length) node.className = classes.join(" ");
  node.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return node;
}

/** An icon from icons.js (our own markup). */
export function icon(markup) {
  const node = make("span.icon");
  node.innerHTML = markup;
  return node;
}

export const find = (selector, root = document) => {
  const node = root.querySelector(selector);
  if (!node) throw new Error(`no ${selector} on this page`);
  return node;
};

const two = (n) => String(n).padStart(2, "0");

/** 14:03:22 of today, 11-21 14:03 of another day; local time of the terminal's screen. */
export function clockTime(ms, seconds = true) {
  const at = new Date(ms);
  const time = `${two(at.getHours())}:${two(at.getMinutes())}`;
  if (at.toDateString() === new Date().toDateString()) return seconds ? `${time}:${two(at.getSeconds())}` : time;
  return `${two(at.getMonth() + 1)}-${two(at.getDate())} ${time}`;
}

/** A button that asks once more before it acts: the second press within 3 s counts. */
export function twice(button, { ask, act, label }) {
  let timer = null;
  const rest = () => { clearTimeout(timer); timer = null; button.classList.remove("sure"); button.textContent = label(); };
  button.addEventListener("click", () => {
    if (timer !== null) { rest(); act(); return; }
    button.classList.add("sure");
    button.textContent = ask();
    timer = setTimeout(rest, 3000);
  });
  rest();
  return rest;
}
