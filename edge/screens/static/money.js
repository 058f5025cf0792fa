// Money is integer fen; people read and type yuan.

const GROUP = new Intl.NumberFormat("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 });

export const yuan = (fen) => `¥${GROUP.format(fen / 100)}`;

/** "88", "88.5", "1,280.50", "８８" → fen; null if it is no amount of money up to 1 000 000 yuan. */
export function fen(text) {
  const plain = text.normalize("NFKC").replace(/[,\s¥]/g, "");
  const match = /^(\d{1,7})(?:\.(\d{0,2}))?$/.exec(plain);
  if (!match) return null;
  const value = Number(match[1]) * 100 + Number((match[2] || "").padEnd(2, "0"));
  return value > 0 && value <= 100_000_000 ? value : null;
}

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
