// One answer, drawn so that nobody can mistake it: colour, icon, words, benefit, money, and every reason at once.

import { titleOf } from "./answers.js";
import { clockTime, icon, make } from "./dom.js";
import { ICONS } from "./icons.js";
import { price, yuan } from "./money.js";
import { qrPicture } from "./qr.js";
import { also, language, other, say, told, WORDS } from "./words.js";

const CLOSING = new Set(["close", "give_back", "return", "exit"]);

/** The headline's key: the outcome, told in the words of the scene. */
function headline(answer, scene) {
  if (answer.outcome === "GRANT" && CLOSING.has(answer.intent)) return "GRANT_close";
  if (answer.outcome === "GRANT" && ["quote", "check"].includes(answer.intent)) return `GRANT_${answer.intent}`;
  const own = `${answer.outcome}_${scene}`;
  return own in WORDS ? own : answer.outcome;
}

function moneyRow(answer, scene) {
  const sum = price(answer);
  if (!sum) return null;
  const listed = { gate: "list_price", desk: "deposit", counter: "amount" }[scene];
  const cell = (kind, key, text) => make(`div.${kind}`, make("small", say(key), make("i", also(key))), make("b", text));
  if (sum.off === 0) return make("div.money.plain", cell("pay", "to_pay", yuan(sum.pay)));
  return make("div.money", cell("list", listed, yuan(sum.list)), make("span.arrow", "→"),
    cell("off", sum.kind === "waived" ? "waived" : "reduction", `−${yuan(sum.off)}`), make("span.arrow", "→"),
    cell("pay", "to_pay", yuan(sum.pay)));
}

const FACT_WORDS = { title: "measure", authority: "authority", basis: "basis", until: "until", at: "used_at", where: "where", due: "due", remedy: "remedy" };

function factText(name, value) {
  if (name === "at" || name === "due") return clockTime(Date.parse(value));
  return value && typeof value === "object" ? told(value) : String(value);
}

function factLines(facts) {
  const parts = Object.keys(FACT_WORDS).filter((name) => facts?.[name]).map((name) => [name, facts[name]]);
  return parts.map(([name, value]) => make("span", make("i", say(FACT_WORDS[name])), factText(name, value)));
}

function reasonItem(reason) {
  const facts = factLines(reason.facts);
  const next = reason.next ? told(reason.next) : "";
  return make("li", make("strong", told(reason)), make("em", told(reason, other())),
    facts.length ? make("span.facts", ...facts) : null, next ? make("span.next", `${say("next")}：${next}`) : null);
}

function remarks(answer) {
  const lines = [];
  if (answer.repeat) lines.push(say("repeat"));
  if (answer.offline) lines.push(say("offline_note"));
  const left = answer.left?.[answer.benefit]; // `left` speaks of every benefit offered here
  if (answer.outcome === "GRANT" && Number.isInteger(left)) lines.push(`${say("left")} ${left}`);
  return lines;
}

/** Return the element for `answer`; `scene` is gate, desk or counter; `appealUrl` draws a code on a denial. */
export function drawResult(answer, scene, appealUrl = "") {
  const key = headline(answer, scene);
  const granted = answer.outcome === "GRANT";
  const reasons = answer.reasons.filter((reason) => reason.code !== "ok");
  const title = granted ? titleOf(answer) : null;
  const head = make("header", icon(ICONS[answer.outcome]),
    make("div.says", make("h1", say(key)), make("p.also", also(key)),
      title ? make("p.benefit", told(title), make("em", typeof title === "object" && title[other()] ? title[other()] : ""),
        granted && answer.offer?.item ? make("b.item", answer.offer.item) : null,
        answer.offers?.[0]?.local ? make("i.local", say("local"), " · ", also("local")) : null) : null));
  const body = make("div.body");
  const money = answer.outcome === "REFUSE" ? null : moneyRow(answer, scene);
  if (money) body.append(money);
  if (!granted && reasons.length) {
    const appeal = appealUrl ? make("figure.appeal", qrPicture(appealUrl, say("appeal")), make("figcaption", say("appeal"))) : null;
    body.append(make("div.denial", make(`ul.reasons${reasons.length > 2 ? ".many" : ""}`, ...reasons.map(reasonItem)), appeal));
  }
  const notes = remarks(answer);
  if (notes.length) body.append(make("p.remarks", notes.join(" · ")));
  const node = make(`article.result.${answer.outcome}`, head, body);
  node.setAttribute("role", "status");
  node.lang = language() === "zh" ? "zh-CN" : "en";
  node.dataset.outcome = answer.outcome;
  node.dataset.reasons = answer.reasons.map((reason) => reason.code).join(" ");
  return node;
}

/** A full-screen word that is no answer: undone, not a code, lost, not ready. */
export function drawMessage(kind, iconName, key, hintKey, detail = "") {
  const node = make(`article.message.${kind}`, icon(ICONS[iconName]),
    make("h1", say(key)), make("p.also", also(key)), make("p.hint", say(hintKey), make("em", also(hintKey))),
    detail ? make("p.detail", detail) : null);
  node.setAttribute("role", "status");
  return node;
}
