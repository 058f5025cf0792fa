// Small hands for the document. Data only ever becomes text nodes: nothing that came from a code or a list is parsed as HTML.

import { sayAt } from "./words.js";

/** make("p.big", "text", child, …): an element with classes; strings become text, null and undefined are left out. */
export function make(what, ...children) {
  const [tag, ...classes] = what.split(".");
  const node = document.createElement(tag);
  if (classes.length) node.className = classes.join(" ");
  node.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return node;
}

/** make() with attributes: {type: "button", hidden: true, …}. */
export function set(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) node.removeAttribute(name);
    else node.setAttribute(name, value === true ? "" : value);
  }
  return node;
}

export const button = (what, ...children) => set(make(`button${what}`, ...children), { type: "button" });

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

/** Say at a field what is wrong with it, by the key of its words; "" takes it back. They stand in #<id>-problem. */
export function complain(field, key) {
  set(field, { "aria-invalid": key ? "true" : null });
  sayAt(find(`#${field.id}-problem`), key);
  if (key) field.focus();
}

/** What is wrong with a field, as its key; "" if nothing is. */
export const complaint = (field) => find(`#${field.id}-problem`).dataset.say ?? "";

/** Replace the children of a list and leave the focus where it was: on the same act of the same row, or on the list. */
export function redraw(list, rows) {
  const at = document.activeElement;
  const row = list.contains(at) ? at.closest("[data-key]") : null;
  const place = row ? [...row.querySelectorAll("button, input")].indexOf(at) : -1;
  list.replaceChildren(...rows);
  if (!row) return;
  const again = rows.find((one) => one.dataset.key === row.dataset.key);
  const target = again?.querySelectorAll("button, input")[place];
  if (target && !target.disabled) target.focus();
  else { set(list, { tabindex: "-1" }); list.focus(); }
}

const two = (n) => String(n).padStart(2, "0");

/** 14:03:22 of today, 11-21 14:03 of another day, 2025-11-21 14:03 of another year; local time of the screen. */
export function clockTime(ms, seconds = true) {
  const at = new Date(ms);
  const now = new Date();
  const time = `${two(at.getHours())}:${two(at.getMinutes())}`;
  if (at.toDateString() === now.toDateString()) return seconds ? `${time}:${two(at.getSeconds())}` : time;
  const day = `${two(at.getMonth() + 1)}-${two(at.getDate())} ${time}`;
  return at.getFullYear() === now.getFullYear() ? day : `${at.getFullYear()}-${day}`;
}

const DEAD_MS = 500; // a double click is one click
const SURE_MS = 6000;

/** A button that asks once more before it acts: a second press counts from DEAD_MS to SURE_MS after the first. */
export function twice(node, { ask, act, label }) {
  let timer = null;
  let arming = null;
  const rest = () => {
    clearTimeout(timer);
    clearTimeout(arming);
    timer = null;
    node.classList.remove("sure", "armed");
    node.textContent = label();
  };
  node.addEventListener("click", (event) => {
    event.preventDefault();
    if (timer !== null && !node.classList.contains("armed")) return;
    if (timer !== null) { rest(); act(); return; }
    node.classList.add("sure");
    node.textContent = ask();
    arming = setTimeout(() => node.classList.add("armed"), DEAD_MS);
    timer = setTimeout(rest, SURE_MS);
  });
  rest();
  return rest;
}
