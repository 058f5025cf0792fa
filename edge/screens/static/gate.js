// The gate display: full-screen answers for the visitor, a strip for the keeper.

import { find, make, set } from "./dom.js";
import { fit } from "./fit.js";
import { yuan } from "./money.js";
import { drawTop, keepAlive, ticketField } from "./page.js";
import { qrPicture } from "./qr.js";
import { Screen } from "./screen.js";
import { Strip } from "./strip.js";
import { fallsBack, say, told, toldNode } from "./words.js";

let ticket = null;
let houseDrawn = "";

const screen = new Screen({
  scene: "gate",
  onHello() { strip.learn(); },
  onStatus(status) {
    drawTop(status, screen.lane, "gate_title");
    strip.drawStatus(status);
    tickets(status.ticket_types || []);
    drawHouse(status);
    find("#camera-note").hidden = screen.about?.camera !== false; // null: this lane has no camera
  },
  onAnswer(answer) { strip.note(answer); },
  onGate(event) { if (event.state === "annulled") strip.forget(event.redemption); },
});
const strip = new Strip(screen, { present: () => ({ intent: screen.about?.intent ?? "enter", ...(ticket ? { ticket: ticket.id } : {}) }) });
const tickets = ticketField(find("#tickets-here"), { chosen(type) { ticket = type; } });

/** 一景区一码: the site's own code, its grade, its pledge and its prices. Redrawn only when something in it changed. */
function drawHouse(status) {
  const { texts = {}, grade, pledge } = status;
  const now = JSON.stringify([texts.site_url, grade, pledge, status.ticket_types, document.documentElement.lang]);
  if (now === houseDrawn) return;
  houseDrawn = now;
  const types = status.ticket_types || [];
  const graded = grade ? make("p.grade", make("b", set(make("span", told(grade)), fallsBack(told(grade)))), " ", say("grade")) : null;
  find("#house").replaceChildren(...[
    make("div.code", texts.site_url ? qrPicture(told(texts.site_url), say("site_code")) : null, make("div", make("h2", say("site_code")), graded)),
    pledge ? make("div.pledge", make("h2", say("pledge")), make("p", toldNode(pledge))) : null,
    types.length ? list(types) : null,
  ].filter(Boolean));
  fit(find("#waiting"));
}

function list(types) {
  const rows = make("ul", ...types.map((type) => make("li", toldNode(type.title), make("b", yuan(type.price_fen)))));
  rows.id = "prices";
  return rows;
}

addEventListener("fit", () => fit(find("#waiting")));
keepAlive();
screen.start();
fit(find("#waiting"));
