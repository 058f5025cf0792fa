// The front desk: check-in without deposit, the book of open stays, check-out and claims.

import { rowOf } from "./answers.js";
import { button, clockTime, complain, complaint, find, make, redraw, set, twice } from "./dom.js";
import { plainYuan, readFen, yuan } from "./money.js";
import { drawTop, keepAlive, ticketChoice } from "./page.js";
import { Screen } from "./screen.js";
import { showSlip } from "./slip.js";
import { attempt, step, Strip, toast } from "./strip.js";
import { qrPicture } from "./qr.js";
import { call } from "./terminal.js";
import { onLanguage, say, sayAt, toldNode } from "./words.js";

let ticket = null;
let stays = [];
let claiming = null; // the stay whose claim is being written
const room = find("#room");
const deposit = find("#deposit");

const screen = new Screen({
  scene: "desk",
  fleeting: false,
  async onHello() { screen.showChallenge(); if (await strip.learn()) await refresh(); else sayAt(find("#no-stays"), "display_only"); },
  onStatus(status) {
    drawTop(status, screen.lane, "desk_title");
    strip.drawStatus(status);
    tickets(status.ticket_types || []);
  },
  onChallenge() { drawChallenge(); },
  onAnswer(answer) { strip.note(answer); if (answer.outcome === "GRANT") room.value = ""; refresh(); },
  onGate(event) { strip.forget(event.redemption); refresh(); },
});

const strip = new Strip(screen, {
  present() {
    const amount = deposit.value ? readFen(deposit.value) : {};
    complain(deposit, amount.why ?? "");
    if (amount.why) { screen.clear(); return null; }
    return {
      intent: "open",
      ...(amount.fen ? { amount_fen: amount.fen } : {}),
      ...(room.value.trim() ? { asset: room.value.trim() } : {}),
      ...(ticket ? { ticket: ticket.id } : {}),
    };
  },
});

const tickets = ticketChoice(find("#tickets"), {
  price: (type) => yuan(type.price_fen),
  chosen(type) { ticket = type; deposit.value = plainYuan(type.price_fen); complain(deposit, ""); },
});

/** The challenge stands at the left, always: no answer covers it, and no other code stands beside it. */
let challengeDrawn = "";
function drawChallenge() {
  const now = `${screen.challenge} ${document.documentElement.lang}`;
  if (now === challengeDrawn || !screen.challenge) return;
  challengeDrawn = now;
  find("#challenge").replaceChildren(qrPicture(screen.challenge, say("challenge")), make("figcaption", say("challenge")));
}

function nextGuest() {
  screen.clear();
  room.value = "";
  find("#code").value = "";
  complain(deposit, "");
  room.focus();
}
find("#next").addEventListener("click", nextGuest);
find("#slip").addEventListener("click", () => showSlip(screen.shown.value, { scene: "desk", status: screen.status }));
for (const field of [room, deposit]) {
  field.addEventListener("input", () => { if (screen.shown && !screen.shown.fresh) screen.clear(); complain(deposit, ""); });
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    if (find("#code").value) strip.submit(); else if (field === room) deposit.focus(); else find("#code").focus();
  });
}

export async function refresh() {
  if (!strip.may) return;
  const answer = await attempt(() => call("GET", "/v1/redemptions?state=open"));
  if (!answer) return;
  stays = answer.map(rowOf);
  draw();
}

/** Draw the stays, one claim at most being written: it stays as it is, or is written `anew` in the language of now. */
function draw(anew = false) {
  find("#count").textContent = stays.length;
  find("#no-stays").hidden = stays.length > 0;
  const form = find("#stays").querySelector(`[data-key="${CSS.escape(claiming ?? "")}"] form`);
  const field = form?.querySelector("input");
  const why = field ? complaint(field) : "";
  redraw(find("#stays"), stays.map((stay) => (claiming !== stay.id ? stayRow(stay) : form && !anew ? form.closest("li") : stayRow(stay, claimForm(stay, field?.value)))));
  if (anew && why) complain(find("#claim"), why);
}

function stayRow(stay, form = null) {
  const late = stay.dueMs && stay.dueMs < Date.now();
  const row = make("li",
    make("div.line", make("b", stay.asset ? `${say("room")} ${stay.asset}` : toldNode(stay.title)), make("b", stay.waived ? yuan(stay.waived) : "")),
    make("div.sub", toldNode(stay.title), ` · ${say("since")} ${clockTime(stay.atMs, false)}`),
    stay.dueMs ? make(late ? "div.sub.late" : "div.sub", `${late ? say("overdue") : say("due")} ${clockTime(stay.dueMs, false)}`) : null);
  const leave = button(".main");
  twice(leave, { label: () => say("check_out"), ask: () => say("check_out_sure"), act: () => close(stay) });
  const claim = button("", say("claim"));
  claim.addEventListener("click", () => { claiming = stay.id; draw(); find("#claim").focus(); });
  row.append(form ?? make("div.acts", leave, claim));
  row.dataset.redemption = stay.id;
  row.dataset.key = stay.id;
  return row;
}

/** A claim: its sum is capped at what was waived, asked once more with the sum in words, and told when it is done. */
function claimForm(stay, typed = "") {
  const amount = set(make("input"), { inputmode: "decimal", maxlength: "14", autocomplete: "off", id: "claim", "aria-label": say("claim_amount"), "aria-describedby": "claim-problem" });
  amount.value = typed;
  const problem = set(make("p.problem"), { id: "claim-problem", role: "alert" });
  const send = make("button.main");
  const back = button("", say("cancel"));
  back.addEventListener("click", () => { claiming = null; draw(); });
  const form = make("form.claim", make("label", make("span", `${say("claim_amount")}${stay.waived === null ? "" : ` · ${say("claim_most")} ${yuan(stay.waived)}`}`), amount), problem, make("div.acts", send, back));
  const read = () => {
    const sum = readFen(amount.value);
    const why = sum.why ?? (stay.waived !== null && sum.fen > stay.waived ? "claim_over" : null);
    complain(amount, why ?? "");
    return why ? null : sum.fen;
  };
  const rest = twice(send, {
    label: () => say("claim"),
    ask: () => `${say("claim_sure")} ${yuan(readFen(amount.value).fen)}`,
    act: async () => {
      const sum = read();
      if (sum === null || !await step(stay.id, "claim", { amount_fen: sum })) return;
      claiming = null;
      strip.forget(stay.id);
      toast(() => `${say("claim_done")} ${yuan(sum)}`);
      await refresh();
    },
  });
  send.addEventListener("click", (event) => { if (read() === null) { event.stopImmediatePropagation(); event.preventDefault(); rest(); } }, { capture: true });
  amount.addEventListener("input", () => { rest(); complain(amount, ""); });
  form.addEventListener("submit", (event) => event.preventDefault());
  return form;
}

async function close(stay) {
  const done = await step(stay.id, "close");
  if (!done) return;
  strip.forget(stay.id);
  if (screen.shown?.value?.redemption === stay.id) screen.clear(); // the guest of this answer has left
  toast(() => `${say("check_out_done")} · ${stay.asset ?? ""}`);
  await refresh();
}

addEventListener("keydown", (event) => { if (event.key === "Escape" && screen.shown && !document.querySelector("dialog")) nextGuest(); });
onLanguage(() => { challengeDrawn = ""; draw(true); drawChallenge(); });
keepAlive();
screen.start();
room.focus();
