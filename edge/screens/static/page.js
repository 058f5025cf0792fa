// What every page does with a status: the site's name, the lane, the mark of test data, and the height of the strip.

import { find, make } from "./dom.js";
import { other, say, told } from "./words.js";

export function drawTop(status, lane, titleKey) {
  find("#site").textContent = told(status.title);
  find("#site-also").textContent = status.title?.[other()] ? told(status.title, other()) : "";
  find("#lane").textContent = `${say(titleKey)} ${lane ?? ""}`;
  const test = find("#test");
  test.hidden = !status.test;
  test.textContent = say("test_note");
  document.title = `信关 · ${say(titleKey)} ${lane ?? ""}`;
}

/** Buttons for the ticket types; calls `chosen` with the type. Returns the redraw function. */
export function ticketChoice(host, { price, chosen }) {
  let current = null;
  const draw = (types) => {
    if (!types.some((type) => type.id === current)) {
      current = types[0]?.id ?? null;
      if (types[0]) chosen(types[0]);
    }
    host.replaceChildren(...types.map((type) => {
      const button = make("button", make("span", told(type.title)), price ? make("span", price(type)) : null);
      button.type = "button";
      button.setAttribute("aria-pressed", String(type.id === current));
      button.addEventListener("click", () => { current = type.id; chosen(type); draw(types); });
      return button;
    }));
  };
  return draw;
}

export function watchStrip() {
  const strip = find("#strip");
  const measure = () => document.body.style.setProperty("--strip-h", `${strip.offsetHeight}px`);
  new ResizeObserver(measure).observe(strip);
  measure();
}
