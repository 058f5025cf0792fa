// Hand scanners and keyboards: a code is recognised in whatever field it lands, taken out of it, and submitted.
//
// Rules of this file:
// - liberal before the token, strict in it: input methods, Caps Lock, preambles and control characters are undone, which
//   loses nothing (XG1's alphabet is upper-case ASCII); text that is no XG1 code keeps its characters;
// - a code in a field that is not for codes is a scan: the field gets back what stood there before;
// - a field marked `data-code` takes codes for a purpose of its own (an override) and keeps them;
// - Enter in any field submits what belongs there; a scanner without Enter is heard by its silence, which has to be long:
//   a busy machine stops in the middle of a code as well, and half a code is a wrong answer.

const CODE = /XG1:/;
const BY_HAND = new Map([["。", "."], ["、", "/"], ["¥", "$"], ["：", ":"], ["，", ","], ["．", "."]]);
const SILENT = /[\u0000-\u001f\u007f\u200b-\u200f\ufeff]/g; // eslint-disable-line no-control-regex
const SILENCE_MS = 1000;
const WHOLE = 60; // characters: no XG1 code is shorter
const PAUSE_MS = 300;

const plain = (text) => [...text.normalize("NFKC")].map((one) => BY_HAND.get(one) ?? one).join("").replace(SILENT, "").toUpperCase();

/** The text as it was meant: an XG1 code without what keyboards do to it; anything else without line ends. */
export function cleaned(text) {
  const clean = plain(text);
  const at = clean.search(CODE);
  return at < 0 ? text.replace(/[\r\n]/g, "") : clean.slice(at).trimEnd();
}

/** Where in `text` a code begins, -1 if nowhere: text may be full-width or lower-case. */
export function codeAt(text) {
  for (let at = 0; at < text.length; at += 1) if (plain(text.slice(at, at + 4)) === "XG1:") return at;
  return -1;
}

/** Recognise scans on the whole page. `field` is the one for codes; `send(code)` gets what was scanned elsewhere. */
export function hearScans(field, send) {
  let before = null; // {node, value, atEnd}: a field as it was when typing in it began
  let last = 0;
  let silence = null;
  const isField = (node) => node instanceof HTMLInputElement && node.type !== "checkbox" && !("code" in node.dataset);

  /** Take a code out of a field that is not meant for it; undefined if there is none. */
  function taken(node) {
    const at = codeAt(node.value);
    if (at < 0) return undefined;
    const code = node.value.slice(at);
    node.value = before?.node === node && !before.atEnd ? before.value : node.value.slice(0, at);
    node.dispatchEvent(new Event("input", { bubbles: true }));
    return code;
  }

  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const at = document.activeElement;
    const now = Date.now();
    if (isField(at) && (before?.node !== at || now - last > PAUSE_MS)) {
      before = { node: at, value: at.value, atEnd: at.selectionStart === at.value.length };
    }
    last = now;
    if (event.key === "Enter" && isField(at) && at !== field) {
      const code = taken(at);
      if (code === undefined) return;
      clearTimeout(silence);
      event.preventDefault();
      event.stopImmediatePropagation();
      send(code);
    } else if (event.key.length === 1 && !(at instanceof HTMLInputElement) && !(at instanceof HTMLTextAreaElement) && !(at instanceof HTMLSelectElement)) {
      if (event.key === " " && at instanceof HTMLButtonElement) return;
      field.focus();
    }
  }, { capture: true });

  addEventListener("input", (event) => {
    clearTimeout(silence);
    const node = event.target;
    if (!isField(node) || event.isComposing) return;
    silence = setTimeout(() => {
      const at = codeAt(node.value);
      if (at < 0 || node.value.length - at < WHOLE) return;
      if (node === field) send(null);
      else send(taken(node));
    }, SILENCE_MS);
  });
}
