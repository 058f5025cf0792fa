// The gate display: full-screen answers for the visitor, a strip for the keeper.

import { find, make } from "./dom.js";
import { yuan } from "./money.js";
import { drawTop, ticketChoice, watchStrip } from "./page.js";
import { qrPicture } from "./qr.js";
import { Screen } from "./screen.js";
import { Strip } from "./strip.js";
import { say, told } from "./words.js";

let ticket = null;
let houseDrawn = "";

const screen = new Screen({
  scene: "gate",
  onStatus(status) {
    drawTop(status, screen.lane, "gate_title");
    strip.drawStatus(status);
    tickets((status.ticket_types || []).length > 1 ? status.ticket_types : []);
    drawHouse(status);
    const camera = status.lanes.find((lane) => lane.id === screen.lane)?.camera;
    find("#camera-note").hidden = !cameraDown(camera);
  },
  onAnswer(answer) { strip.note(answer); },
  onGate(event) { if (event.state === "annulled") strip.forget(event.redemption); },
});
const strip = new Strip(screen, { present: () => ({ intent: "enter", ...(ticket ? { ticket: ticket.id } : {}) }) });
const tickets = ticketChoice(find("#tickets"), { chosen(type) { ticket = type; } });

function cameraDown(camera) {
  return camera === false; // null: this lane has no camera
}

/** 一景区一码: the site's own code, its grade, its pledge and its prices. Redrawn only when something in it changed. */
function drawHouse(status) {
  const { texts = {}, grade, pledge } = status;
  const now = JSON.stringify([texts.site_url, grade, pledge, status.ticket_types, document.documentElement.lang]);
  if (now === houseDrawn) return;
  houseDrawn = now;
  const types = status.ticket_types || [];
  find("#house").replaceChildren(...[
    make("div.code", texts.site_url ? qrPicture(told(texts.site_url), say("site_code")) : null,
      make("div", make("h3", say("site_code")), grade ? make("p.grade", make("b", told(grade)), " ", say("grade")) : null)),
    pledge ? make("div.pledge", make("h3", say("pledge")), make("p", told(pledge))) : null,
    types.length ? list(types) : null,
  ].filter(Boolean));
}

function list(types) {
  const rows = make("ul", ...types.map((type) => make("li", make("span", told(type.title)), make("b", yuan(type.price_fen)))));
  rows.id = "prices";
  return rows;
}

watchStrip();
screen.start();
