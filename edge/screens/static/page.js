// What every page does with a status: the site's name, the lane, the mark of test data; and what keeps it alive all day.

import { button, find, make, set } from "./dom.js";
import { fallsBack, other, say, told, toldNode } from "./words.js";

const LIGHT_EVERY_MS = 60_000; // a wake lock that was refused (a low battery) is asked for again

export function drawTop(status, lane, titleKey) {
  const here = find("#site");
  here.replaceChildren(toldNode(status.title));
  const elsewhere = status.title?.[other()];
  set(find("#site-also"), { lang: elsewhere ? (other() === "zh" ? "zh-CN" : "en") : null });
  find("#site-also").textContent = elsewhere ?? "";
  find("#lane").textContent = `${say(titleKey)} ${lane ?? ""}`;
  const test = find("#test");
  test.hidden = !status.test;
  test.textContent = say("test_note");
  document.title = `${say("product")} · ${say(titleKey)} ${lane ?? ""}`;
}

/** Buttons for the ticket types; calls `chosen` with the type. Returns the redraw function. */
export function ticketChoice(host, { price, chosen }) {
  let current = null;
  let drawn = "";
  const draw = (types) => {
    if (!types.some((type) => type.id === current)) {
      current = types[0]?.id ?? null;
      if (types[0]) chosen(types[0]);
    }
    const now = JSON.stringify([types, current, document.documentElement.lang]);
    if (now === drawn) return;
    drawn = now;
    const focused = [...host.children].indexOf(document.activeElement);
    host.replaceChildren(...types.map((type) => {
      const node = button("", toldNode(type.title), price ? make("span", price(type)) : null);
      node.setAttribute("aria-pressed", String(type.id === current));
      node.addEventListener("click", () => { current = type.id; chosen(type); draw(types); });
      return node;
    }));
    if (focused >= 0) host.children[focused]?.focus();
  };
  return draw;
}

/** One field to choose a ticket type in, where there is little room. Returns the redraw function. */
export function ticketField(host, { chosen }) {
  const field = set(make("select"), { id: "ticket" });
  let drawn = "";
  let types = [];
  field.addEventListener("change", () => chosen(types.find((type) => type.id === field.value)));
  return (given) => {
    const now = JSON.stringify([given, document.documentElement.lang]);
    if (now === drawn) return;
    drawn = now;
    const before = field.value;
    types = given;
    field.replaceChildren(...types.map((type) => set(make("option", told(type.title)), { value: type.id, ...fallsBack(told(type.title)) })));
    if (types.some((type) => type.id === before)) field.value = before;
    set(field, { "aria-label": say("ticket") });
    host.replaceChildren(...(types.length > 1 ? [field] : []));
    chosen(types.find((type) => type.id === field.value) ?? types[0] ?? null);
  };
}

/** Keep the page's own measures, and the machine's screen alight. */
export function keepAlive() {
  const strip = find("#strip");
  const measure = () => document.body.style.setProperty("--strip-h", `${strip.offsetHeight}px`);
  new ResizeObserver(measure).observe(strip);
  measure();
  let lock = null;
  const light = async () => {
    if (document.visibilityState !== "visible" || !navigator.wakeLock || (lock && !lock.released)) return;
    try {
      lock = await navigator.wakeLock.request("screen");
      lock.addEventListener("release", light); // the system takes it back when it likes (a battery, a hidden page)
    } catch (error) {
      console.info("no wake lock:", error.name); // docs/kiosk.md: the system's own way
    }
  };
  document.addEventListener("visibilitychange", light);
  setInterval(light, LIGHT_EVERY_MS);
  light();
}
