// What the screens read out of an answer or a listed redemption, in one place (credit.answers, cache.ledger_reads).

/** The title of the first benefit given, {zh, en}; its id if it has none; null if nothing was given. */
export function titleOf(answer) {
  const first = answer.offers?.[0];
  if (first?.title && Object.keys(first.title).length) return first.title;
  return answer.benefit || null;
}

/** A listed redemption as the desk and the counter show it. */
export function rowOf(listed) {
  const offer = listed.answer?.offer || {};
  return {
    id: listed.id,
    atMs: listed.at_ms,
    dueMs: listed.due_ms,
    asset: listed.asset,
    state: listed.state,
    title: titleOf(listed.answer || listed) || listed.benefit,
    amount: listed.amount_fen,
    waived: offer.waived_fen ?? null,
    off: offer.off_fen ?? null,
    pay: offer.to_pay_fen ?? null,
    claimed: listed.claimed_fen,
    returned: listed.returned_fen ?? 0,
    untilMs: listed.reversal_until_ms ?? null,
    local: listed.answer?.offers?.[0]?.local === true,
  };
}
