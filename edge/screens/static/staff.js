// The staff screen: what has passed with all its reasons, and what a person may do in their own name after a PIN.
//
// Rules of this file:
// - the token of an unlocked screen lives in this page's memory for five minutes and nowhere else;
// - what happened is taken back by a supervisor with a reason, what has not happened yet by anybody;
// - a keeper sees no button that a keeper may not press.

import { rowOf } from "./answers.js";
import { button, clockTime, complain, find, make, redraw, set, twice } from "./dom.js";
import { readFen, yuan } from "./money.js";
import { drawTop, keepAlive } from "./page.js";
import { cleaned } from "./scan.js";
import { Screen } from "./screen.js";
import { showSlip } from "./slip.js";
import { attempt, lineOf, step, Strip, toast } from "./strip.js";
import { call, callAs, requestId, Trouble } from "./terminal.js";
import { onLanguage, say, sayAt, toldNode, WORDS } from "./words.js";

const RECENT = 30;
const UNDOABLE = new Set(["granted", "awaiting", "open"]);
const REVERSIBLE = new Set(["granted", "passed", "open", "overdue"]); // late: a supervisor with a reason
const CLAIMABLE = new Set(["open", "overdue"]); // above what was waived: the same
let rows = [];
const claims = new Map(); // redemption → what is typed as its claim
let denied = []; // answers since this page was opened that gave nothing: they stand in no ledger
let session = null; // {token, person, role, until}

const screen = new Screen({
  scene: "staff",
  fleeting: false,
  async onHello() { if (await strip.learn()) await Promise.all([persons(), refresh()]); else sayAt(find("#no-recent"), "display_only"); },
  onStatus(status) {
    drawTop(status, screen.lane, "staff_title");
    strip.drawStatus(status);
    find("#stopped").hidden = !status.entry_stopped;
    if (stopDrawn !== status.entry_stopped) drawSession();
    if (session && Date.now() > session.until) lock();
    drawClock();
  },
  onAnswer(answer) {
    strip.note(answer);
    if (answer.outcome !== "GRANT") denied = [answer, ...denied].slice(0, RECENT);
    refresh();
  },
  onGate() { refresh(); },
});
const strip = new Strip(screen, { present: () => ({}) });
let stopDrawn = null;

// ---- unlocking
async function persons() {
  const found = await attempt(() => call("GET", "/v1/staff"));
  if (!found) return;
  const field = find("#person");
  const before = field.value;
  field.replaceChildren(...found.map((one) => set(make("option", one.person), { value: one.person })));
  if (found.some((one) => one.person === before)) field.value = before;
  find("#nobody").hidden = found.length > 0;
}

find("#unlock").addEventListener("submit", async (event) => {
  event.preventDefault();
  const pin = find("#pin");
  const typed = pin.value;
  pin.value = "";
  if (!typed) { complain(pin, "staff_pin_empty"); return; }
  try {
    const said = await call("POST", "/v1/staff/unlock", { person: find("#person").value, pin: typed });
    session = { ...said, until: Date.now() + said.seconds * 1000 };
    complain(pin, "");
    drawSession();
    draw();
    find("#override-code").focus();
  } catch (error) {
    if (!(error instanceof Trouble)) throw error;
    complain(pin, { 403: "staff_wrong", 423: "staff_locked" }[error.status] ?? "no_answer");
  }
});

function lock() {
  const { token } = session ?? {};
  session = null;
  if (token) callAs(token, "POST", "/v1/staff/lock", {}).catch(() => console.info("the session had ended"));
  for (const id of ["#override-code", "#why", "#short"]) find(id).value = "";
  drawSession();
  draw();
  find("#pin").focus();
}
find("#lock").addEventListener("click", lock);

const supervisor = () => session?.role === "supervisor";
const restOpen = twice(find("#open-once"), { label: () => say("staff_open"), ask: () => say("staff_open_sure"), act: () => openOnce() });
const restStop = twice(find("#stop"), {
  label: () => say(screen.status?.entry_stopped ? "staff_go_on" : "staff_stop"),
  ask: () => say(screen.status?.entry_stopped ? "staff_go_on_sure" : "staff_stop_sure"),
  act: () => stopEntry(),
});

function drawSession() {
  stopDrawn = screen.status?.entry_stopped ?? null;
  find("#unlock").hidden = session !== null;
  find("#unlocked").hidden = session === null;
  find("#override").hidden = !supervisor();
  document.body.dataset.duty = session?.role ?? "";
  restOpen();
  restStop();
  drawClock();
}

function drawClock() {
  if (!session) return;
  const left = Math.max(0, Math.round((session.until - Date.now()) / 1000));
  find("#who").replaceChildren(toldNode(session.person), ` · ${say(`staff_${session.role}`)} · ${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`);
}

/** Run an action of the unlocked person; a session that is over locks the screen. */
async function asPerson(method, path, body) {
  try {
    return await callAs(session.token, method, path, body);
  } catch (error) {
    if (!(error instanceof Trouble)) throw error;
    if (error.status === 401) lock();
    toast(() => `${say("failed")}${say("colon")}${say(error.status === 401 ? "staff_over" : error.status === 403 ? "staff_may_not" : error.status ? "why_other" : "no_answer")}`, true);
    return undefined;
  }
}

function reason() {
  const why = find("#why").value.trim();
  complain(find("#why"), why.length < 2 ? "staff_why_empty" : "");
  return why.length < 2 ? null : why;
}

find("#override").addEventListener("submit", async (event) => {
  event.preventDefault();
  const why = reason();
  const code = cleaned(find("#override-code").value);
  if (why === null) return;
  if (!code) { find("#override-code").focus(); return; }
  const answer = await asPerson("POST", "/v1/present", { code, lane: screen.lane, request_id: requestId(), override: { by: session.person, why } });
  if (!answer) return;
  find("#override-code").value = "";
  find("#why").value = "";
  screen.answer(answer);
});

// A visitor without a phone: the office reads a short code out, the platform turns it into a token, once.
find("#short-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const field = find("#short");
  const typed = field.value;
  if (!typed.trim()) { field.focus(); return; }
  try {
    const answer = await callAs(session.token, "POST", "/v1/present", { code: "", short: typed, lane: screen.lane, request_id: requestId() });
    if (field.value === typed) field.value = ""; // not what was typed for the next one meanwhile
    complain(field, "");
    screen.answer(answer);
  } catch (error) {
    if (!(error instanceof Trouble)) throw error;
    if (error.status === 401) lock();
    complain(field, { 400: "staff_short_typo", 404: "staff_short_none", 429: "staff_short_wait", 401: "staff_over" }[error.status] ?? "no_answer");
    field.select();
  }
});

async function openOnce() {
  const why = reason();
  if (why === null || !await asPerson("POST", `/v1/lanes/${encodeURIComponent(screen.lane)}/open`, { why })) return;
  find("#why").value = "";
  toast(() => say("staff_opened"));
}

async function stopEntry() {
  const stopped = !screen.status?.entry_stopped;
  if (await asPerson("POST", "/v1/staff/entry", { stopped })) toast(() => say(stopped ? "staff_stopped" : "staff_went_on"));
}

// ---- what has passed
async function refresh() {
  if (!strip.may) return;
  const answer = await attempt(() => call("GET", `/v1/redemptions?recent=${RECENT}`));
  if (!answer) return;
  rows = answer;
  draw();
}

function draw() {
  const given = rows.map((row) => ({ at: row.at_ms, node: () => passageRow(row) }));
  const refused = denied.map((answer) => ({ at: answer.at_ms, node: () => deniedRow(answer) }));
  const all = [...given, ...refused].sort((a, b) => b.at - a.at).slice(0, RECENT);
  find("#no-recent").hidden = all.length > 0;
  redraw(find("#recent"), all.map((one) => one.node()));
  const due = rows.filter((row) => row.state === "awaiting" && row.answer?.obligations?.pay_fen);
  find("#payments").hidden = due.length === 0;
  redraw(find("#due"), due.map(dueRow));
}

function passageRow(listed) {
  const row = rowOf(listed);
  const node = make("li",
    make("div.line", make("span", make("b.chip.GRANT", say("word_GRANT")), " ", toldNode(row.title)), make("b", row.pay === null ? "" : yuan(row.pay))),
    make("div.line.sub", make("span", clockTime(row.atMs)), make("span", `${listed.lane ? `${say("lane")} ${listed.lane} · ` : ""}${say(`state_${row.state}` in WORDS ? `state_${row.state}` : "state_granted")}`)));
  node.dataset.key = row.id;
  const acts = make("div.acts");
  if (UNDOABLE.has(row.state)) {
    const undo = button("");
    twice(undo, { label: () => say("undo_this"), ask: () => say("undo_sure"), act: async () => { if (await step(row.id, "annul")) { toast(() => say("undo_done")); await refresh(); } } });
    acts.append(undo);
  }
  if (supervisor() && REVERSIBLE.has(row.state)) acts.append(reverseButton(row));
  if (supervisor() && CLAIMABLE.has(row.state)) node.append(claimForm(row));
  const slip = button("", say("slip"));
  slip.addEventListener("click", () => showSlip({ ...listed.answer, at_ms: row.atMs, amount_fen: listed.amount_fen }, { scene: "staff", status: screen.status }));
  if (listed.answer) acts.append(slip);
  node.append(acts);
  return node;
}

/** Take back what has happened, also past its time: in the supervisor's name, with the reason above. */
function reverseButton(row) {
  const reverse = button("");
  twice(reverse, {
    label: () => say("staff_reverse"),
    ask: () => say("staff_reverse_sure"),
    act: () => inOwnName(row, "reverse", {}, "staff_reversed"),
  });
  return reverse;
}

/** What a holder owes for damage beyond what was waived. */
function claimForm(row) {
  const amount = set(make("input"), { inputmode: "decimal", maxlength: "14", autocomplete: "off", id: `claim-${row.id}`, "aria-label": say("claim_amount"), "aria-describedby": `claim-${row.id}-problem` });
  amount.value = claims.get(row.id) ?? "";
  amount.addEventListener("input", () => claims.set(row.id, amount.value)); // the list is drawn anew with each visitor
  const problem = set(make("p.problem"), { id: `claim-${row.id}-problem`, role: "alert" });
  const send = button("");
  twice(send, {
    label: () => say("staff_claim"),
    ask: () => say("staff_claim_sure"),
    act: async () => {
      const sum = readFen(amount.value);
      complain(amount, sum.why ?? "");
      if (!sum.why) await inOwnName(row, "claim", { amount_fen: sum.fen }, "staff_claimed");
    },
  });
  return make("div.claim", make("label", make("span", say("claim_amount")), amount), problem, make("div.acts", send));
}

async function inOwnName(row, name, more, done) {
  const why = reason();
  if (why === null) return;
  const body = { ...more, request_id: requestId(), override: { by: session.person, why } };
  if (!await asPerson("POST", `/v1/redemptions/${encodeURIComponent(row.id)}/${name}`, body)) return;
  find("#why").value = "";
  toast(() => say(done));
  await refresh();
}

function deniedRow(answer) {
  const slip = button("", say("slip"));
  slip.addEventListener("click", () => showSlip(answer, { scene: "staff", status: screen.status }));
  const node = make("li",
    make("div.line", make("span", make(`b.chip.${answer.outcome}`, say(`word_${answer.outcome}`)), " ", lineOf(answer))),
    make("div.line.sub", make("span", clockTime(answer.at_ms)), make("span", answer.lane ? `${say("lane")} ${answer.lane}` : "")), make("div.acts", slip));
  node.dataset.key = `denied-${answer.at_ms}`;
  return node;
}

function dueRow(listed) {
  const due = listed.answer.obligations.pay_fen;
  const paid = button(".main");
  twice(paid, {
    label: () => say("staff_paid"),
    ask: () => `${say("staff_paid_sure")} ${yuan(due)}`,
    act: async () => { if (await step(listed.id, "paid", { order: requestId(), amount_fen: due, request_id: requestId() })) await refresh(); },
  });
  const node = make("li", make("div.line", make("b", yuan(due)), make("span.sub", clockTime(listed.at_ms))), make("div.acts", paid));
  node.dataset.key = listed.id;
  return node;
}

find("#next").addEventListener("click", () => screen.clear());
find("#slip").addEventListener("click", () => showSlip(screen.shown.value, { scene: "staff", status: screen.status }));
addEventListener("keydown", (event) => { if (event.key === "Escape" && screen.shown && !document.querySelector("dialog")) screen.clear(); });
onLanguage(() => { drawSession(); draw(); });
keepAlive();
screen.start();
drawSession();
