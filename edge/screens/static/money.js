// Money is integer fen; people read and type yuan.
//
// Rules of this file:
// - what is typed is read as a whole or not at all: nothing is thrown away, and what is wrong with it has a name;
// - "1,280.50", "１２８。５", ".5", "¥88", "88元" are amounts; "12,50" is none, for it could be two of them.

const GROUP = new Intl.NumberFormat("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const MOST_FEN = 100_000_000;

export const yuan = (fen) => `¥${GROUP.format(fen / 100)}`;

/** A sum as it stands in a field: "1280.50". */
export const plainYuan = (fen) => (fen / 100).toFixed(2);

/** What was typed → {fen}, or {why}: the key of the words that say what is wrong. */
export function readFen(text) {
  const plain = text.normalize("NFKC").replace(/。/g, ".").trim().replace(/^¥\s*/, "").replace(/\s*元$/, "").trim();
  if (plain === "") return { why: "amount_empty" };
  if (/^[-−－]/.test(plain)) return { why: "amount_minus" };
  if (!/^[\d,.]+$/.test(plain) || !/\d/.test(plain) || plain.split(".").length > 2) return { why: "amount_none" };
  const [whole, part = ""] = plain.split(".");
  if (part.includes(",") || (whole.includes(",") && !/^\d{1,3}(?:,\d{3})+$/.test(whole))) return { why: "amount_grouping" };
  if (part.length > 2) return { why: "amount_decimals" };
  const value = Number(whole.replaceAll(",", "") || "0") * 100 + Number(part.padEnd(2, "0"));
  if (value === 0) return { why: "amount_zero" };
  return value > MOST_FEN ? { why: "amount_large" } : { fen: value };
}

/** fen, or null if it is no amount. */
export const fen = (text) => readFen(text).fen ?? null;

/** What a decision does to a price: {list, off, pay, kind}, or null where no money is involved. */
export function price(answer) {
  const offer = answer.outcome === "GRANT" ? answer.offer || {} : {};
  const list = answer.amount_fen ?? answer.list_price_fen ?? null;
  if (offer.waived_fen !== undefined) {
    const pay = offer.to_pay_fen ?? 0;
    return { list: list ?? offer.waived_fen + pay, off: offer.waived_fen, pay, kind: "waived" };
  }
  if (list === null) return null;
  if (offer.to_pay_fen !== undefined) return { list, off: list - offer.to_pay_fen, pay: offer.to_pay_fen, kind: "reduction" };
  if (offer.off_fen !== undefined) return { list, off: offer.off_fen, pay: list - offer.off_fen, kind: "reduction" };
  if (offer.kind === "free") return { list, off: list, pay: 0, kind: "reduction" };
  return { list, off: 0, pay: list, kind: "reduction" };
}
