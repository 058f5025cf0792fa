// One answer, drawn so that nobody can mistake it: colour, icon, words, benefit, money, and every reason at once.
//
// Rules of this file:
// - on a public screen an answer is discreet: what is the matter in a general way, and what to do; why a person is
//   restricted, by whom and until when stands on the notice, the slip and the screens of staff (`full`);
// - the same said twice is said once; at most one QR code;
// - the headline says the next step where there is one: refresh, scan, pay, wait for the gate.

import { titleOf } from "./answers.js";
import { clockTime, icon, make, set } from "./dom.js";
import { ICONS } from "./icons.js";
import { price, yuan } from "./money.js";
import { qrPicture } from "./qr.js";
import { alsoNode, fallsBack, language, otherTold, say, told, toldNode, WORDS } from "./words.js";

const CLOSING = new Set(["close", "give_back", "return", "exit"]);
const STEP_OF = { stale_code: "head_refresh", not_yet_valid: "head_clock", expired: "head_renew", needs_challenge: "head_challenge", needs_bound_token: "head_live", restricted: "head_restricted", in_use: "head_again", wrong_lane: "head_lane", entry_stopped: "head_stopped", needs_id_check: "head_identity", needs_second_check: "head_second" };
const OWN_STEP = new Set(["head_refresh", "head_clock", "head_challenge"]); // the visitor's phone settles these at once
const PRIVATE = { restricted: "class_restricted", withheld: "class_withheld", overdue: "class_overdue", revoked: "class_code", key_revoked: "class_code", not_eligible: "class_terms" };
const SCANNED = new Set(["needs_challenge", "clock_not_trusted"]);
const FACT_WORDS = { title: "measure", authority: "authority", basis: "basis", until: "until", at: "used_at", where: "where", due: "due", remedy: "remedy", hint: "hint" };

/** The headline's key: the step to take, else the outcome in the words of the scene. */
export function headline(answer, scene, { opening = false, code = null } = {}) {
  if (opening) return "head_opening";
  if (code?.large) return "head_challenge"; // it settles what the clock could not judge as well
  if (answer.outcome === "GRANT" && answer.obligations?.pay_fen) return "head_pay";
  if (answer.outcome === "GRANT" && CLOSING.has(answer.intent)) return `GRANT_${answer.intent}` in WORDS ? `GRANT_${answer.intent}` : "GRANT_close";
  if (answer.outcome === "GRANT" && ["quote", "check"].includes(answer.intent)) return `GRANT_${answer.intent}`;
  const first = answer.reasons.find((reason) => reason.code !== "ok")?.code;
  if (answer.outcome !== "GRANT" && first in STEP_OF) return STEP_OF[first];
  const own = `${answer.outcome}_${scene}`;
  return own in WORDS ? own : answer.outcome;
}

function moneyRow(answer, scene) {
  const sum = price(answer);
  if (!sum) return null;
  const listed = { gate: "list_price", desk: "deposit", counter: "amount" }[scene] ?? "amount";
  const cell = (kind, key, text) => make(`div.${kind}`, make("small", say(key), alsoNode("i", key)), make("b", text));
  const pay = cell("pay", "to_pay", yuan(sum.pay));
  if (sum.off === 0) return make("div.money.plain", pay);
  return make("div.money", cell("list", listed, yuan(sum.list)), cell("off", sum.kind === "waived" ? "waived" : "reduction", `−${yuan(sum.off)}`), pay);
}

/** "yunxi-town/A" → words: this site's name and lane, or that it was elsewhere. */
function place(text, status) {
  const [site, lane = ""] = text.split("/");
  if (!status || site !== status.site) return document.createTextNode(say("elsewhere"));
  const name = make("span", toldNode(status.title));
  if (/^[A-Z0-9]{1,3}$/.test(lane)) name.append(` · ${say("lane")} ${lane}`);
  return name;
}

function factNode(name, value, status) {
  if (name === "at" || name === "due") return document.createTextNode(clockTime(Date.parse(value)));
  if (name === "where") return place(value, status);
  return value && typeof value === "object" ? toldNode(value) : set(make("span", String(value)), fallsBack(String(value)));
}

function factLines(facts, status) {
  return Object.keys(FACT_WORDS).filter((name) => facts?.[name])
    .map((name) => make(`span.fact.${name}`, make("i", say(FACT_WORDS[name])), factNode(name, facts[name], status)));
}

/** One reason; where several measures of a kind stand (`alike`), what they share is said once and the facts of each follow. */
function reasonItem(alike, { full, status, scans = false }) {
  const [reason] = alike;
  const hidden = !full && PRIVATE[reason.code];
  const words = hidden ? { zh: WORDS[hidden][0], en: WORDS[hidden][1] } : reason;
  const facts = full ? alike.map((one) => factLines(one.facts, status)).filter((lines) => lines.length) : [];
  const own = scans && SCANNED.has(reason.code) ? "challenge_next" : !full && WORDS[`${hidden}_next`] ? `${hidden}_next` : null;
  const next = own ? { zh: WORDS[own][0], en: WORDS[own][1] } : reason.next;
  return make("li", make("strong", toldNode(words)), otherTold("em", words),
    ...facts.map((lines) => make("span.facts", ...lines)),
    next ? make("span.next", `${say("next")}${say("colon")}`, toldNode(next)) : null);
}

/** The same reason with the same facts is one; two measures that look alike from afar are one line on a public screen. */
function distinct(reasons, full) {
  const seen = new Set();
  return reasons.filter((reason) => {
    const key = full ? JSON.stringify([reason.code, reason.facts]) : PRIVATE[reason.code] ?? reason.code;
    return !seen.has(key) && seen.add(key);
  });
}

function remarks(answer) {
  const lines = [];
  if (answer.repeat) lines.push(say("repeat"));
  if (answer.offline) lines.push(say("offline_note"));
  const left = answer.left?.[answer.benefit]; // `left` speaks of every benefit offered here
  if (answer.outcome === "GRANT" && Number.isInteger(left)) lines.push(`${say("left")} ${left}`);
  return lines;
}

function benefitLine(answer) {
  const title = titleOf(answer);
  if (!title) return null;
  const item = answer.offer?.item;
  return make("p.benefit", toldNode(title), typeof title === "object" ? otherTold("em", title) : null,
    item ? set(make("b.item", item), fallsBack(item)) : null,
    answer.offers?.[0]?.local ? make("i.local", say("local"), " · ", alsoNode("span", "local")) : null);
}

export function codeFigure(code, what = "figure.appeal") {
  return make(what, qrPicture(code.text, say(code.key)), make("figcaption", say(code.key)));
}

/** Return the element for `answer`. `code` is drawn on a denial; `full` tells all, `opening` that a gate has yet to open. */
export function drawResult(answer, { scene, opening = false, full = true, code = null, status = null }) {
  const key = headline(answer, scene, { opening, code });
  const granted = answer.outcome === "GRANT";
  const due = granted ? answer.obligations?.pay_fen : 0;
  const look = opening ? "OPENING" : due ? "PAY" : answer.outcome;
  const reasons = Object.values(Object.groupBy(distinct(answer.reasons.filter((reason) => reason.code !== "ok"), full), (reason) => reason.code));
  const head = make("header", icon(ICONS[look] ?? ICONS[answer.outcome]),
    make("div.says", set(make("h1", say(key)), { "aria-level": scene === "gate" ? null : "2" }), alsoNode("p", key, "also"), granted ? benefitLine(answer) : null));
  const body = make("div.body");
  const shownPrice = due ? { ...answer, offer: { ...answer.offer, to_pay_fen: due } } : answer;
  const undecided = scene === "gate" ? answer.outcome === "REFER" || OWN_STEP.has(key) : scene === "desk" && key === "head_challenge";
  const money = answer.outcome === "REFUSE" || opening || undecided ? null : moneyRow(shownPrice, scene); // nobody owes what is not decided yet
  if (money) body.append(money);
  if (!granted && (reasons.length || code)) {
    const list = make(`ul.reasons${reasons.length > 2 ? ".many" : ""}`, ...reasons.map((alike) => reasonItem(alike, { full, status, scans: Boolean(code?.large) })));
    body.append(make(`div.denial${code?.large ? ".large" : ""}`, list, code ? codeFigure(code) : null));
  }
  const notes = opening ? [] : remarks(answer);
  if (notes.length) body.append(make("p.remarks", notes.join(" · ")));
  const node = make(`article.result.${look}`, head, body);
  node.lang = language() === "zh" ? "zh-CN" : "en";
  node.dataset.outcome = answer.outcome;
  node.dataset.reasons = answer.reasons.map((reason) => reason.code).join(" ");
  return node;
}

/** A full-screen word that is no answer: undone, not a code, lost, not ready. */
export function drawMessage(kind, iconName, key, hintKey, ...details) {
  return make(`article.message.${kind}`, icon(ICONS[iconName]),
    make("h1", say(key)), alsoNode("p", key, "also"), make("p.hint", say(hintKey), alsoNode("em", hintKey)),
    details.length ? make("p.detail", ...details.flatMap((detail, at) => (at ? [" · ", detail] : [detail]))) : null);
}
