// The front desk: check-in without deposit, the book of open stays, check-out and claims.

import { rowOf } from "./answers.js";
import { clockTime, find, make, twice } from "./dom.js";
import { fen, yuan } from "./money.js";
import { drawTop, ticketChoice, watchStrip } from "./page.js";
import { Screen } from "./screen.js";
import { attempt, step, Strip, toast } from "./strip.js";
import { qrPicture } from "./qr.js";
import { call } from "./terminal.js";
import { onLanguage, say, told } from "./words.js";

let ticket = null;
let stays = [];
const room = find("#room");
const deposit = find("#deposit");

const screen = new Screen({
  scene: "desk",
  fleeting: false,
  onStatus(status) {
    if (!find("#challenge").firstChild) showChallenge();
    drawTop(status, screen.lane, "desk_title");
    strip.drawStatus(status);
    tickets(status.ticket_types || []);
  },
  onAnswer(answer) { strip.note(answer); if (answer.outcome === "GRANT") room.value = ""; refresh(); },
  onGate(event) { strip.forget(event.redemption); refresh(); },
});

const strip = new Strip(screen, {
  present() {
    const amount = fen(deposit.value);
    if (deposit.value && amount === null) { deposit.focus(); toast(say("deposit_amount"), true); return null; }
    return {
      intent: "open",
      ...(amount ? { amount_fen: amount } : {}),
      ...(room.value.trim() ? { asset: room.value.trim() } : {}),
      ...(ticket ? { ticket: ticket.id } : {}),
    };
  },
});

const tickets = ticketChoice(find("#tickets"), {
  price: (type) => yuan(type.price_fen),
  chosen(type) { ticket = type; deposit.value = (type.price_fen / 100).toFixed(2); },
});

const CHALLENGE_EVERY_MS = 15_000; // it changes every minute, and the one before still counts

async function showChallenge() {
  const lane = await attempt(() => call("GET", `/v1/lanes/${screen.lane}`));
  if (!lane) return;
  find("#challenge").replaceChildren(qrPicture(`XGC1:${lane.challenge}`, say("challenge")), make("figcaption", say("challenge")));
}
setInterval(showChallenge, CHALLENGE_EVERY_MS);

export async function refresh() {
  const answer = await attempt(() => call("GET", "/v1/redemptions?state=open"));
  if (!answer) return;
  stays = answer.map(rowOf);
  draw();
}

function draw() {
  find("#count").textContent = stays.length;
  find("#no-stays").hidden = stays.length > 0;
  find("#stays").replaceChildren(...stays.map(stayRow));
}

function stayRow(stay) {
  const late = stay.dueMs && stay.dueMs < Date.now();
  const row = make("li",
    make("div.line", make("b", stay.asset ? `${say("room")} ${stay.asset}` : told(stay.title)), make("b", stay.waived ? yuan(stay.waived) : "")),
    make("div.sub", `${told(stay.title)} · ${say("since")} ${clockTime(stay.atMs, false)}`),
    stay.dueMs ? make(late ? "div.sub.late" : "div.sub", `${late ? say("overdue") : say("due")} ${clockTime(stay.dueMs, false)}`) : null);
  const leave = make("button.main");
  leave.type = "button";
  twice(leave, { label: () => say("check_out"), ask: () => say("check_out_sure"), act: () => close(stay) });
  const claim = make("button", say("claim"));
  claim.type = "button";
  const acts = make("div.acts", leave, claim);
  claim.addEventListener("click", () => acts.replaceWith(claimForm(stay)));
  row.append(acts);
  row.dataset.redemption = stay.id;
  return row;
}

function claimForm(stay) {
  const form = make("form.claim");
  const amount = make("input");
  amount.inputMode = "decimal";
  amount.placeholder = say("claim_amount");
  const send = make("button.main", say("claim"));
  const back = make("button", say("cancel"));
  back.type = "button";
  back.addEventListener("click", draw);
  form.append(amount, send, back);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const sum = fen(amount.value);
    if (sum === null) { amount.focus(); return; }
    const done = await step(stay.id, "claim", { amount_fen: sum });
    if (done) { toast(`${say("claim")} ${yuan(sum)}`); await refresh(); }
  });
  queueMicrotask(() => amount.focus());
  return form;
}

async function close(stay) {
  const done = await step(stay.id, "close");
  if (!done) return;
  strip.forget(stay.id);
  toast(`${say("GRANT_close")} · ${stay.asset ?? ""}`);
  await refresh();
}

onLanguage(draw);
watchStrip();
screen.start();
refresh();
