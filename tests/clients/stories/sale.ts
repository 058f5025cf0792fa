// A sale at a counter, sent twice, and a part of it brought back.
import { answered, done, good, same, terminal, visitor } from "./told.js";

const guest = await visitor("resident");
const body = { code: await guest.code(), lane: "C", intent: "buy" as const, amount_fen: 28_000, request_id: `till-1-${Date.now()}` };
const sale = await answered(async () => good(await terminal.POST("/v1/present", { body })));
same([sale.outcome, sale.offer?.off_fen, sale.offer?.to_pay_fen], ["GRANT", 2800, 25_200], "ten per cent off");
same(good(await terminal.POST("/v1/present", { body })), sale, "the till lost the answer and asked again");
const other = (await terminal.POST("/v1/present", { body: { ...body, amount_fen: 29_000 } })).error;
same(other?.code, "other_request", "the same id with another sum");

const reverse = (amount_fen: number, request_id: string) =>
  terminal.POST("/v1/redemptions/{redemption}/{step}", {
    params: { path: { redemption: sale.redemption ?? "", step: "reverse" } }, body: { amount_fen, request_id },
  });
const part = good(await reverse(10_000, `${body.request_id}-r1`));
same([part.refund_fen, part.redemption.returned_fen], [9000, 10_000], "a part comes back, less its discount");
same(good(await reverse(10_000, `${body.request_id}-r1`)), part, "asked again, refunded once");
const more = (await reverse(20_000, `${body.request_id}-r2`)).error;
same([more?.code, more?.status], ["step_refused", 409], "more than was bought");
const rest = good(await reverse(18_000, `${body.request_id}-r3`));
same([rest.refund_fen, rest.state], [16_200, "reversed"], "the rest");
done("sale");
