// The shop's own offers: written, withdrawn and undone at the counter. The terminal checks them and says what is wrong.
//
// Rules of this file:
// - what is shown is what the terminal holds; after every change the list is read again;
// - a stock that nobody touched in the form is not sent, so that the count goes on.

import { button, clockTime, find, make, redraw, twice } from "./dom.js";
import { fen, yuan } from "./money.js";
import { attempt, toast } from "./strip.js";
import { call } from "./terminal.js";
import { language, onLanguage, say, sayAt, told, toldNode } from "./words.js";

const KINDS = {
  gift: { member: "item", label: "offer_item", read: (text) => text.trim(), write: (item) => item ?? "" },
  percent: { member: "percent_off", label: "offer_percent", read: fold, write: (off) => tenths(off) },
  amount: { member: "off_fen", label: "offer_off", read: fen, write: (sum) => String(sum / 100) },
  fixed_price: { member: "price_fen", label: "offer_price", read: fen, write: (sum) => String(sum / 100) },
};

const EXAMPLE_FEN = 10_000; // a sale of 100 yuan, for the preview

/** 八折 is what is paid: "8" → 20 % off, "8.5" → 15, "80" (two digits, as some write it) is refused rather than guessed. */
function fold(text) {
  const plain = text.normalize("NFKC").replace(/[。]/g, ".").replace(/折$/, "").trim();
  if (!/^\d(?:\.\d)?$/.test(plain)) return null;
  const off = 100 - Math.round(Number(plain) * 10);
  return off > 0 && off < 100 ? off : null;
}

const tenths = (off) => String((100 - off) / 10);

/** "12" → 12; null if it is no whole number. */
function whole(text) {
  const plain = text.normalize("NFKC").trim();
  return /^\d{1,7}$/.test(plain) ? Number(plain) : null;
}

function gives({ offer }) {
  if (offer.kind === "gift") return [`${say("offer_gift")} `, toldNode(offer.item ?? "")];
  if (offer.kind === "percent") return [language() === "zh" ? `${tenths(offer.percent_off)} ${say("offer_fold")}` : `${offer.percent_off} % off`];
  if (offer.kind === "amount") return [`−${yuan(offer.off_fen)}`];
  return [`${say("offer_fixed_price")} ${yuan(offer.price_fen)}`];
}

function bounds(offer) {
  const parts = [];
  if (offer.when?.from) parts.push(`${say("offer_from_word")} ${offer.when.from}`);
  if (offer.when?.until) parts.push(`${say("offer_until_word")} ${offer.when.until}`);
  for (const limit of offer.limits ?? []) parts.push(say(limit.period === "day" ? "offer_per_day" : "offer_per_visitor", { max: limit.max }));
  return parts.join(" · ");
}

export class OffersPanel {
  constructor(screen) {
    this.screen = screen;
    this.offers = [];
    this.editing = null; // the offer in the form, null for a new one
    this.form = find("#offer-form");
    for (const [name, next] of [["recent", "offers"], ["offers", "recent"]]) {
      find(`#tab-${name}`).addEventListener("click", () => this.open(name));
      find(`#tab-${name}`).addEventListener("keydown", (event) => {
        if (!["ArrowLeft", "ArrowRight", "Home", "End"].includes(event.key)) return;
        event.preventDefault();
        this.open(next);
        find(`#tab-${next}`).focus();
      });
    }
    find("#offer-value").addEventListener("input", () => this.preview());
    find("#offer-new").addEventListener("click", () => this.fill(null));
    find("#offer-cancel").addEventListener("click", () => this.close());
    find("#offer-kind").addEventListener("change", () => { find("#offer-value").value = ""; this.drawValue(); });
    this.form.addEventListener("submit", (event) => { event.preventDefault(); this.save(); });
    this.restUndo = twice(find("#offer-undo"), { label: () => say("offer_undo"), ask: () => say("undo_sure"), act: () => this.undo() });
    onLanguage(() => this.draw());
  }

  open(name) {
    for (const one of ["recent", "offers"]) {
      find(`#tab-${one}`).setAttribute("aria-selected", String(one === name));
      find(`#tab-${one}`).tabIndex = one === name ? 0 : -1;
      find(`#pane-${one}`).hidden = one !== name;
    }
    if (name === "offers") this.refresh();
  }

  async refresh() {
    const offers = await attempt(() => call("GET", "/v1/offers"));
    if (!offers) return;
    this.offers = offers;
    this.draw();
  }

  /** The change that "undo" would take back: the latest of all, unless it was an undo itself. */
  latest() {
    const last = this.offers.reduce((found, one) => (found && found.at_ms >= one.at_ms ? found : one), null);
    return last?.undoable ? last : null;
  }

  draw() {
    find("#no-offers").hidden = this.offers.length > 0;
    redraw(find("#offers"), this.offers.map((offer) => this.row(offer)));
    const last = this.latest();
    find("#offer-undo").disabled = last === null;
    find("#offer-undo").title = last ? `${clockTime(last.at_ms)} · ${say(`offer_${last.change}`)}` : say("undo_none");
    this.restUndo();
    this.drawValue();
  }

  row(offer) {
    const stock = offer.stock === null ? say("offer_endless") : say("offer_left", { left: offer.left, stock: offer.stock });
    const row = make("li",
      make("div.line", make(offer.in_force ? "span" : "span.struck", toldNode(offer.title)), make("b", ...gives(offer))),
      make("div.line.sub", make("span", bounds(offer)), make(offer.left === 0 ? "span.late" : "span", offer.in_force ? stock : say("offer_withdrawn"))),
      ...(offer.in_force ? [offer.problem, ...offer.warnings].filter(Boolean).map((one) => make("div.late", toldNode(one))) : []));
    if (offer.in_force) {
      const edit = button("", say("offer_edit"));
      const away = button("");
      edit.addEventListener("click", () => this.fill(offer));
      twice(away, { label: () => say("offer_withdraw"), ask: () => say("offer_withdraw_sure"), act: () => this.change("DELETE", offer, "", {}) });
      row.append(make("div.acts", edit, away));
    }
    row.dataset.offer = offer.id;
    row.dataset.key = offer.id;
    return row;
  }

  /** Show the form, for `offer` or for a new one. */
  fill(offer) {
    this.editing = offer;
    const kind = offer?.offer.kind ?? "gift";
    const { member, write } = KINDS[kind];
    const limit = offer?.limits?.[0];
    const values = {
      zh: offer?.title.zh, en: offer?.title.en, kind, value: offer ? write(offer.offer[member]) : "", stock: offer?.left,
      from: offer?.when?.from, until: offer?.when?.until, limit: limit?.max, period: limit?.period === "day" || !limit ? "day" : "ever",
    };
    for (const [name, value] of Object.entries(values)) find(`#offer-${name}`).value = value ?? "";
    this.stockBefore = find("#offer-stock").value;
    this.complain("");
    this.form.hidden = false;
    find("#offers-list").hidden = true;
    this.drawValue();
    find("#offer-zh").focus();
  }

  close() {
    this.form.hidden = true;
    find("#offers-list").hidden = false;
    find("#offer-new").focus();
  }

  drawValue() {
    find("#offer-value-label").textContent = say(KINDS[find("#offer-kind").value]?.label ?? "offer_item");
    for (const option of find("#offer-kind").options) option.textContent = say(`offer_kind_${option.value}`);
    for (const option of find("#offer-period").options) option.textContent = say(option.value === "day" ? "offer_day" : "offer_ever");
    this.preview();
  }

  /** What the offer does to a sale of 100 yuan, while it is being written. */
  preview() {
    const kind = find("#offer-kind").value;
    const text = find("#offer-value").value;
    const value = text && KINDS[kind].read(text);
    const pay = kind === "percent" && value ? EXAMPLE_FEN * (100 - value) / 100 : kind === "amount" && value ? Math.max(0, EXAMPLE_FEN - value)
      : kind === "fixed_price" && value ? Math.min(EXAMPLE_FEN, value) : null;
    find("#offer-preview").textContent = pay === null ? "" : `${say("offer_preview")} ${yuan(EXAMPLE_FEN)} → ${yuan(pay)}`;
  }

  /** What the form says, as the call wants it; null, and the reason shown, when a number is none. */
  body() {
    const text = (name) => find(`#offer-${name}`).value.trim();
    const kind = text("kind");
    const value = KINDS[kind].read(text("value"));
    if (value === null || value === "") return this.complain({ percent: "offer_fold_wrong", gift: "offer_gift_wrong" }[kind] ?? "amount_none");
    if (text("from") && text("until") && text("until") < text("from")) return this.complain("offer_dates_wrong");
    const limit = text("limit") ? whole(text("limit")) : undefined;
    const stock = text("stock") ? whole(text("stock")) : undefined;
    if (limit === null || stock === null) return this.complain("offer_number_wrong");
    const when = { ...(text("from") ? { from: text("from") } : {}), ...(text("until") ? { until: text("until") } : {}) };
    return {
      title: { zh: text("zh"), ...(text("en") ? { en: text("en") } : {}) },
      offer: { kind, [KINDS[kind].member]: value },
      ...(Object.keys(when).length ? { when } : {}),
      ...(limit === undefined ? {} : { limits: [{ max: limit, period: text("period") }] }),
      ...(this.editing && text("stock") === this.stockBefore ? {} : { stock: stock ?? null }),
      lane: this.editing?.lane ?? this.screen.lane,
    };
  }

  complain(key) {
    sayAt(find("#offer-problem"), key);
    return null;
  }

  async save() {
    const body = this.body();
    if (body === null) return;
    try {
      await call(this.editing ? "PUT" : "POST", this.editing ? `/v1/offers/${this.editing.id}` : "/v1/offers", body);
    } catch (error) {
      this.complain(error.status ? "offer_refused" : "no_answer");
      return;
    }
    this.close();
    toast(() => say("offer_saved"));
    await this.refresh();
  }

  async change(method, offer, step, body) {
    const done = await attempt(() => call(method, `/v1/offers/${offer.id}${step}`, body));
    if (done) toast(() => `${told(done.title)} · ${say(done.in_force ? "offer_in_force" : "offer_withdrawn")}`);
    await this.refresh();
  }

  async undo() {
    const last = this.latest();
    if (last) await this.change("POST", last, "/undo", {});
  }
}
