// The only door to the terminal: bearer token from the URL fragment, JSON calls, and events read from a fetch stream
// (EventSource cannot carry a header, and a token in a query string ends up in logs).
//
// Rules of this file:
// - silence is loss: the terminal speaks at least every 2 s, so SILENCE_MS without a byte is a lost connection;
// - a lost connection is told at once, before any retry, so that no screen keeps showing an old answer;
// - nothing is queued across a loss: an answer that was missed is not shown late.

export const SILENCE_MS = 5000;
const CALL_MS = 8000;
const BASE = new URL("..", import.meta.url).pathname.replace(/\/$/, ""); // a proxy may serve the terminal below a path
const RETRY_MS = [300, 600, 1200, 2400];

const fragment = new URLSearchParams(location.hash.slice(1));
const token = fragment.get("token") || "";

export const query = new URLSearchParams(location.search);

/** An answer that was not 2xx, or no answer: `reason` is the catalogue's code where one was told (RFC 9457). */
export class Trouble extends Error {
  constructor(status, detail, { reason = null, body = null } = {}) {
    super(detail);
    this.status = status;
    this.reason = reason;
    this.body = body;
  }
}

/** Another bearer for a while: what staff do after unlocking is asked with their own token. */
export async function callAs(bearer, method, path, body) { return call(method, path, body, bearer); }

export async function call(method, path, body, bearer = token) {
  let answer;
  try {
    answer = await fetch(BASE + path, {
      method,
      headers: { Authorization: `Bearer ${bearer}`, ...(body === undefined ? {} : { "Content-Type": "application/json" }) },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(CALL_MS),
      cache: "no-store",
    });
  } catch {
    throw new Trouble(0, "");
  }
  const text = await answer.text();
  let value = null;
  try { value = text ? JSON.parse(text) : null; } catch { throw new Trouble(answer.status, text.slice(0, 200)); }
  if (!answer.ok) throw new Trouble(answer.status, value?.detail || value?.title || `HTTP ${answer.status}`, { reason: value?.reason ?? value?.code ?? null, body: value });
  return value;
}

export const requestId = () => (crypto.randomUUID ? crypto.randomUUID()
  : Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join(""));

/** Split a growing text into server-sent events (WHATWG HTML §9.2); returns a function that takes text. */
export function eventReader(onEvent) {
  let rest = "";
  let name = "message";
  let data = [];
  const line = (text) => {
    if (text === "") {
      if (data.length) onEvent(name, data.join("\n"));
      name = "message";
      data = [];
    } else if (!text.startsWith(":")) {
      const at = text.indexOf(":");
      const field = at < 0 ? text : text.slice(0, at);
      const value = at < 0 ? "" : text.slice(at + 1).replace(/^ /, "");
      if (field === "event") name = value;
      if (field === "data") data.push(value);
    }
  };
  return (text) => {
    rest += text;
    const lines = rest.split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop();
    lines.forEach(line);
  };
}

/** The parts of a multipart stream (the camera's pictures), each as bytes; ends with the stream or `signal`. */
export async function* stream(path, signal) {
  const answer = await fetch(BASE + path, { headers: { Authorization: `Bearer ${token}` }, signal, cache: "no-store" });
  if (!answer.ok) throw new Trouble(answer.status, `HTTP ${answer.status}`);
  const reader = answer.body.getReader();
  let held = new Uint8Array(0);
  const text = new TextDecoder("latin1");
  for (;;) {
    const head = text.decode(held.subarray(0, 400));
    const end = head.indexOf("\r\n\r\n");
    const length = Number(/Content-Length: (\d+)/i.exec(head)?.[1]);
    if (end >= 0 && held.length >= end + 4 + length) {
      yield held.slice(end + 4, end + 4 + length);
      held = held.slice(end + 4 + length);
      continue;
    }
    const { value, done } = await reader.read();
    if (done) return;
    const more = new Uint8Array(held.length + value.length);
    more.set(held);
    more.set(value, held.length);
    held = more;
  }
}

async function readStream(onEvent, onAlive) {
  const stop = new AbortController();
  let timer = setTimeout(() => stop.abort(), SILENCE_MS);
  try {
    const answer = await fetch(`${BASE}/v1/events`, {
      headers: { Authorization: `Bearer ${token}`, Accept: "text/event-stream" }, signal: stop.signal, cache: "no-store",
    });
    if (!answer.ok) return answer.status;
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    const feed = eventReader((name, data) => {
      try {
        onEvent(name, JSON.parse(data));
      } catch (error) {
        reportError(error); // a fault of ours in drawing one answer is no lost terminal
      }
    });
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return 0;
      clearTimeout(timer);
      timer = setTimeout(() => stop.abort(), SILENCE_MS);
      onAlive();
      feed(value);
    }
  } finally {
    clearTimeout(timer);
    stop.abort();
  }
}

/** Follow the terminal for ever. `onLink` is told "open", "lost" or "forbidden" whenever that changes. */
export async function follow(onEvent, onLink) {
  for (let attempt = 0; ; attempt += 1) {
    let status = 0;
    try {
      status = await readStream(onEvent, () => { attempt = 0; onLink("open"); });
    } catch (error) {
      if (!(error instanceof TypeError || error.name === "AbortError")) console.error(error);
    }
    onLink(status === 401 || status === 403 ? "forbidden" : "lost");
    const wait = RETRY_MS[Math.min(attempt, RETRY_MS.length - 1)];
    await new Promise((done) => { setTimeout(done, wait * (0.5 + Math.random() / 2)); });
  }
}
