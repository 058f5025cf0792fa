// What every program here is told (tests/clients/town.py), and the three clients. Types come from the documents alone.
import { readFileSync } from "node:fs";
import createClient from "openapi-fetch";
import type { paths as Office } from "./office_api.js";
import type { paths as Platform } from "./platform_api.js";
import type { paths as Terminal } from "./terminal_api.js";

interface Told {
  terminal: string; platform: string; office: string; phone: string;
  tokens: Record<"display" | "desk" | "integrator" | "service", string>;
  operator: string; clerk: string; checker: string;
  city: string; authority: string; restricting: number; verifier_port: number;
}

export const told: Told = JSON.parse(readFileSync(process.env["XINGUAN_TOLD"] ?? "told.json", "utf8"));

const bearer = (token: string) => ({ Authorization: `Bearer ${token}` });

/** 503 says that nothing was done, and to ask again: at most ten seconds. */
const patient = async (request: Request) => {
  for (const end = Date.now() + 10_000; ; ) {
    const answer = await fetch(request.clone());
    if (answer.status !== 503 || Date.now() > end) return answer;
    await new Promise((again) => setTimeout(again, 200));
  }
};
export const terminal = createClient<Terminal>({ baseUrl: told.terminal, headers: bearer(told.tokens.integrator), fetch: patient });
export const platform = createClient<Platform>({ baseUrl: told.platform, headers: bearer(told.operator) });
export const office = (token: string) => createClient<Office>({ baseUrl: told.office, headers: bearer(token) });

/** Make up a visitor; `code` is what their phone shows now. */
export async function visitor(kind: "resident" | "partner") {
  const made = (await (await fetch(`${told.phone}/new/${kind}`)).json()) as { who: number; subject: string };
  const code = async (challenge?: string) => {
    const query = challenge === undefined ? "" : `?challenge=${challenge}`;
    return ((await (await fetch(`${told.phone}/code/${made.who}${query}`)).json()) as { code: string }).code;
  };
  return { subject: made.subject, code };
}

let checked = 0;

/** Hold that two values are equal, and count it. */
export function same<T>(found: T, expected: T, what: string): void {
  if (JSON.stringify(found) !== JSON.stringify(expected))
    throw new Error(`${what}: ${JSON.stringify(found)}, not ${JSON.stringify(expected)}`);
  checked += 1;
}

/** Return the data of an answer; a problem is an error that says its code. */
export function good<T>(answer: { data?: T; error?: unknown }): NonNullable<T> {
  if (answer.data === undefined || answer.data === null) throw new Error(JSON.stringify(answer.error));
  return answer.data;
}

/** Ask until it is so; at most ten seconds. */
export async function until<T>(ask: () => Promise<T | undefined>, what: string): Promise<T> {
  const end = Date.now() + 10_000;
  for (;;) {
    const found = await ask();
    if (found !== undefined) return found;
    if (Date.now() > end) throw new Error(`waited ten seconds for ${what}`);
    await new Promise((again) => setTimeout(again, 50));
  }
}

/** Ask until the terminal decides. One that is busy for a second refers (`store_failed`): show the code again. */
export const answered = <T extends { reasons: { code: string }[] }>(ask: () => Promise<T>) =>
  until(async () => {
    const answer = await ask();
    return answer.reasons.every((one) => one.code === "store_failed") ? undefined : answer;
  }, "a decision");

export const done = (name: string) => console.log(`${name}: ${checked} things held`);
