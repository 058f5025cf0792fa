// What a pair of eyes would find wrong with the page as it stands. Runs in the page; returns a list of sentences.
//
// Rules of this file:
// - only what can be seen is judged: text is a set of boxes, and a box counts where nothing lies over it;
// - sideways nothing may be cut or scrolled; downwards only where staff scroll (never an answer, a message, an invitation);
// - a word stands in the language its nearest `lang` says; ids of machines and half-made values are words of nobody.

(asked) => {
  const problems = [];
  const KIOSK = "body.gate .result, .message, #stage, #waiting, #strip, #top"; // an answer at a work screen scrolls if it must
  const LEAST_TARGET = 44;
  const LEAST_QR = 88;
  const SLACK = 1.5;

  const name = (node) => {
    const one = (n) => `${n.localName}${n.id ? `#${n.id}` : ""}${[...n.classList].slice(0, 2).map((c) => `.${c}`).join("")}`;
    return node.parentElement && !node.id ? `${one(node.parentElement)} > ${one(node)}` : one(node);
  };
  const complain = (kind, node, what) => problems.push(`${kind}: ${name(node)} ${what}`);
  const short = (text) => `"${text.trim().replace(/\s+/g, " ").slice(0, 40)}"`;
  const kept = (find) => { const found = new Map(); return (node) => { if (!found.has(node)) found.set(node, find(node)); return found.get(node); }; };
  const styleOf = kept((node) => getComputedStyle(node)); // nothing moves while we look: each is asked for once
  const shown = kept((node) => node.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true }));

  /** What may be seen of a node: the boxes of all ancestors that clip. */
  const clipOf = kept((node) => {
    const clip = { left: 0, right: innerWidth, top: -1e6, bottom: 1e6, scrolled: asked.scrolls };
    for (let at = node; at && at !== document.documentElement; at = at.parentElement) {
      const style = styleOf(at);
      if (at !== node || at.localName !== "svg") {
        const box = at.getBoundingClientRect();
        if (style.overflowX !== "visible") {
          clip.left = Math.max(clip.left, box.left);
          clip.right = Math.min(clip.right, box.right);
        }
        const scrolls = ["auto", "scroll"].includes(style.overflowY) && !at.matches(KIOSK);
        if (style.overflowY !== "visible" && !scrolls && !clip.scrolled) {
          clip.top = Math.max(clip.top, box.top);
          clip.bottom = Math.min(clip.bottom, box.bottom);
        }
        if (scrolls && (box.bottom <= box.top)) clip.bottom = clip.top;
        if (scrolls) { clip.scrolled = true; }
      }
      if (style.position === "fixed") break;
    }
    if (!clip.scrolled) {
      clip.top = Math.max(clip.top, 0);
      clip.bottom = Math.min(clip.bottom, innerHeight);
    }
    return clip;
  });

  const cutBy = (box, clip) => Math.max(clip.left - box.left, box.right - clip.right, clip.top - box.top, box.bottom - clip.bottom);

  /** How much of a box lies on top: "all", "some" or "none"; null when it is scrolled out of view. */
  function seen(node, box) {
    let hits = 0;
    let asks = 0;
    const windows = []; // of the scrollers around it: what lies outside of one is scrolled away, not covered
    for (let at = node.parentElement; at; at = at.parentElement) {
      if (["auto", "scroll"].includes(styleOf(at).overflowY)) windows.push(at.getBoundingClientRect());
    }
    for (const part of [0.06, 0.5, 0.94]) {
      const middle = (box.top + box.bottom) / 2;
      if (windows.some((view) => middle < view.top || middle > view.bottom)) continue;
      const top = document.elementFromPoint(box.left + box.width * part, (box.top + box.bottom) / 2);
      if (!top) continue;
      asks += 1;
      if (top === node || node.contains(top) || top.contains(node)) hits += 1;
    }
    if (asks === 0) return null;
    return hits === asks ? "all" : hits ? "some" : "none";
  }

  // ---- text: cut off, covered, overlapping
  const texts = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text = walker.nextNode(); text; text = walker.nextNode()) {
    const node = text.parentElement;
    if (!text.data.trim() || node.closest("svg, script, style, option, noscript") || !shown(node)) continue;
    const range = document.createRange();
    range.selectNodeContents(text);
    const size = Number.parseFloat(styleOf(node).fontSize);
    const boxes = [...range.getClientRects()].filter((box) => box.width > 1 && box.height > 1).map((box) => {
      const air = Math.max(0, (box.height - size) / 2);
      return { left: box.left, right: box.right, width: box.width, top: box.top + air, bottom: box.bottom - air };
    });
    if (!boxes.length) continue;
    if (boxes.every((box) => box.right <= 0 || box.bottom <= 0)) continue; // for screen readers only
    texts.push({ node, text: text.data, boxes, size });
  }
  const visible = [];
  for (const one of texts) {
    const clip = clipOf(one.node);
    if (clip.bottom - clip.top < 1 || clip.right - clip.left < 1) continue;
    const views = one.boxes.map((box) => seen(one.node, box));
    if (views.every((view) => view === "none")) continue; // wholly under something else: `needs` of the state judges that
    const worst = Math.max(...one.boxes.map((box) => cutBy(box, clip)));
    if (worst > SLACK) complain("cut off", one.node, `${short(one.text)} by ${Math.round(worst)} px`);
    else if (views.includes("some") || (views.includes("none") && views.includes("all"))) complain("partly covered", one.node, short(one.text));
    for (let at = one.node; at && at !== document.body; at = at.parentElement) {
      if (styleOf(at).textOverflow === "ellipsis" && at.scrollWidth > at.clientWidth + 1) complain("cut off", at, `${short(one.text)} ends in an ellipsis`);
    }
    const sheet = one.node.closest("body.gate .result, .message");
    const foot = sheet && sheet.getBoundingClientRect().bottom - Number.parseFloat(styleOf(sheet).paddingBottom);
    if (sheet && Math.max(...one.boxes.map((box) => box.bottom)) > foot + 3) complain("cut off", one.node, `${short(one.text)} runs into the edge of its sheet`);
    if (one.size < 11.5) complain("too small", one.node, `${short(one.text)} ${one.size} px`);
    visible.push(one);
  }
  const solid = [...document.querySelectorAll(".icon svg, .qr, #invite svg")].filter(shown)
    .map((node) => ({ node, text: "picture", boxes: [node.getBoundingClientRect()] }))
    .filter((one) => seen(one.node, one.boxes[0]) !== "none" && one.boxes[0].width > 0);
  const within = (one) => {
    const clip = { ...clipOf(one.node) };
    for (let at = one.node.parentElement; at; at = at.parentElement) {
      if (!["auto", "scroll"].includes(styleOf(at).overflowY)) continue;
      const view = at.getBoundingClientRect();
      clip.top = Math.max(clip.top, view.top);
      clip.bottom = Math.min(clip.bottom, view.bottom);
    }
    const boxes = one.boxes.map((box) => ({ left: Math.max(box.left, clip.left), right: Math.min(box.right, clip.right), top: Math.max(box.top, clip.top), bottom: Math.min(box.bottom, clip.bottom) }));
    return { ...one, boxes: boxes.filter((box) => box.right > box.left && box.bottom > box.top).map((box) => ({ ...box, width: box.right - box.left })) };
  };
  const things = [...visible, ...solid].map(within);
  const related = (a, b) => a.contains(b) || b.contains(a);
  for (let i = 0; i < things.length; i += 1) {
    for (let j = i + 1; j < things.length; j += 1) {
      const [a, b] = [things[i], things[j]];
      if (a.node === b.node || (related(a.node, b.node) && a.text !== "picture" && b.text !== "picture" && a.node.localName === b.node.localName)) continue;
      const hit = a.boxes.some((p) => b.boxes.some((q) => Math.min(p.right, q.right) - Math.max(p.left, q.left) > 3
        && Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top) > 3));
      const onTop = (one) => one.boxes.some((box) => ["all", "some"].includes(seen(one.node, box)));
      if (hit && onTop(a) && onTop(b)) {
        complain("overlap", a.node, `${short(a.text)} with ${name(b.node)} ${short(b.text)}`);
      }
    }
  }
  if (document.documentElement.scrollWidth > innerWidth + 1) complain("cut off", document.documentElement, "the page scrolls sideways");
  for (const node of document.querySelectorAll("body.gate .result, .message, #waiting, #stage")) {
    if (shown(node) && node.scrollHeight > node.clientHeight + 2 && seen(node, node.getBoundingClientRect()) !== "none") {
      complain("cut off", node, `is ${node.scrollHeight - node.clientHeight} px higher than its place`);
    }
  }

  // ---- fields: their text and their placeholder fit
  const pen = document.createElement("canvas").getContext("2d");
  const widthIn = (text, { fontWeight, fontSize }, { fontFamily }) => { pen.font = `${fontWeight} ${fontSize} ${fontFamily}`; return pen.measureText(text).width; };
  for (const field of document.querySelectorAll("input, select, textarea")) {
    if (!shown(field) || ["checkbox", "radio", "hidden", "date"].includes(field.type)) continue;
    const style = styleOf(field);
    const room = field.clientWidth - Number.parseFloat(style.paddingLeft) - Number.parseFloat(style.paddingRight);
    if (field.localName === "select") {
      const text = field.selectedOptions[0]?.textContent ?? "";
      if (widthIn(text, style, style) > room - 14) complain("cut off", field, short(text));
    } else if (field.localName === "input") {
      const text = field.value || field.placeholder || "";
      const wide = widthIn(text, style, field.value ? style : getComputedStyle(field, "::placeholder"));
      if (field.id !== "code" || !field.value) { if (wide > room + 1) complain("cut off", field, short(text)); }
    }
  }

  // ---- contrast
  const colour = (text) => {
    const found = /rgba?\(([\d.]+),? ([\d.]+),? ([\d.]+)(?:[,/ ]+([\d.]+))?\)/.exec(text);
    return found ? [...found.slice(1, 4).map(Number), found[4] === undefined ? 1 : Number(found[4])] : null;
  };
  const over = (front, back) => [0, 1, 2].map((k) => front[k] * front[3] + back[k] * (1 - front[3])).concat(1);
  const light = ([r, g, b]) => {
    const lin = (c) => { const x = c / 255; return x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4; };
    return 0.2126 * lin(r) + 0.7152 * lin(g) + 0.0722 * lin(b);
  };
  const grounds = kept((node) => {
    const layers = [];
    for (let at = node; at; at = at.parentElement) {
      const style = styleOf(at);
      const picture = [...style.backgroundImage.matchAll(/rgba?\([^)]*\)/g)].map((m) => colour(m[0])).filter(Boolean);
      if (picture.length) { layers.push(picture); if (picture.every((c) => c[3] === 1)) break; }
      const plain = colour(style.backgroundColor);
      if (plain && plain[3] > 0) { layers.push([plain]); if (plain[3] === 1) break; }
    }
    let found = [[255, 255, 255, 1]];
    for (const layer of layers.toReversed()) found = layer.flatMap((front) => found.map((back) => over(front, back)));
    return found;
  });
  function judge(node, front, text, size, weight) {
    let strength = 1;
    for (let at = node; at; at = at.parentElement) strength *= Number(styleOf(at).opacity);
    const large = size >= 24 || (size >= 18.66 && weight >= 700);
    for (const back of grounds(node)) {
      const seenAs = over([...front.slice(0, 3), front[3] * strength], back);
      const [high, low] = [light(seenAs), light(back)].sort((a, b) => b - a);
      const ratio = (high + 0.05) / (low + 0.05);
      if (ratio < (large ? 3 : 4.5) - 0.02) { complain("contrast", node, `${short(text)} ${ratio.toFixed(2)} : 1`); return; }
    }
  }
  for (const { node, text, size } of visible) {
    if (node.closest(":disabled, [aria-disabled='true']")) continue;
    const style = styleOf(node);
    const front = colour(style.color);
    if (front) judge(node, front, text, size, Number(style.fontWeight));
  }
  for (const field of document.querySelectorAll("input[placeholder]")) {
    if (!shown(field) || field.value || !field.placeholder) continue;
    const style = getComputedStyle(field, "::placeholder");
    judge(field, colour(style.color), field.placeholder, Number.parseFloat(style.fontSize), 400);
  }

  // ---- targets
  for (const node of document.querySelectorAll("button, a[href], input, select, textarea, [role='tab'], summary")) {
    if (!shown(node) || node.type === "hidden") continue;
    const target = ["checkbox", "radio"].includes(node.type) ? node.closest("label") ?? node : node;
    const box = target.getBoundingClientRect();
    if (box.width < 2 || box.right <= 0) continue;
    if (box.width < LEAST_TARGET - 0.6 || box.height < LEAST_TARGET - 0.6) complain("target", node, `${Math.round(box.width)} × ${Math.round(box.height)} px`);
    const clip = clipOf(target);
    if (cutBy(box, clip) > SLACK && clip.bottom > clip.top && seen(target, box) !== "none") complain("cut off", node, `control, by ${Math.round(cutBy(box, clip))} px`);
  }

  // ---- words: the language, and no raw ids
  const RAW = [/\$\./, /\b\w+_\w+/, /\b[a-z0-9]+(?:-[a-z0-9]+)*\/[A-Za-z0-9]+\b/, /\b[a-z][a-z0-9]*\.[a-z][a-z-]+\b/, /^[a-z][a-z0-9]*(?:-[a-z0-9]+)+$/, /\b0[0-9a-f]{3,}-/,
    /\b(?:undefined|null|NaN|true|false)\b/, /\[object/, /\bHTTP \d/];
  const LATIN_OK = /https?:\/\/\S+|\bXG[C1]?1?\b|\b[A-Z]{1,5}\b|\bv?\d[\w.:+-]*|[A-Z]-?\d+|\bsha256\b/g;
  function wordsOf(node, text) {
    const asked2 = node.closest("[data-raw]"); // a technician's own value, marked as such
    const technical = node.closest("[data-technical]"); // a sentence that names a command or a file
    if (!asked2 && !technical) for (const raw of RAW) if (raw.test(text.replace(/https?:\/\/\S+/g, ""))) { complain("raw id", node, short(text)); break; }
    const lang = node.closest("[lang]")?.lang ?? "";
    if (asked2) return;
    if (technical && lang.startsWith("zh") && /[A-Za-z]{2,}/.test(text) && !/[\u3400-\u9fff]/.test(text)) complain("untranslated", node, `${short(text)} stands in Chinese`);
    if (technical && lang.startsWith("zh")) return;
    if (lang.startsWith("zh") && /\b[a-z]+-[a-z0-9]+\b/.test(text.replace(/https?:\/\/\S+/g, ""))) complain("raw id", node, short(text));
    if (lang.startsWith("en") && /[\u3000-\u303f\u3400-\u9fff\uff01-\uff60]/.test(text)) complain("untranslated", node, `${short(text)} stands in English`);
    if (lang.startsWith("zh") && /[A-Za-z]{2,}/.test(text.replace(LATIN_OK, ""))) complain("untranslated", node, `${short(text)} stands in Chinese`);
    if (!lang) complain("untranslated", node, "no language is named");
  }
  for (const { node, text } of visible) wordsOf(node, text);
  for (const node of document.querySelectorAll("[placeholder], [title], [aria-label]")) {
    if (!shown(node)) continue;
    for (const text of [node.placeholder, node.title, node.getAttribute("aria-label")]) if (text) wordsOf(node, text);
  }
  if (!document.title.trim()) problems.push("untranslated: the page has no title");

  // ---- codes: as many as are meant, whole, and large enough
  const codes = [...document.querySelectorAll(".qr")].filter((node) => shown(node) && ["all", "some"].includes(seen(node, node.getBoundingClientRect())));
  if (codes.length > asked.codes) problems.push(`codes: ${codes.length} QR codes are on the screen, ${asked.codes} are meant`);
  for (const node of codes) {
    const box = node.getBoundingClientRect();
    if (cutBy(box, clipOf(node)) > SLACK || seen(node, box) === "some") complain("codes", node, "is cut or covered");
    if (Math.min(box.width, box.height) < LEAST_QR) complain("codes", node, `is ${Math.round(box.width)} px small`);
  }

  // ---- for ears and for eyes that tire: said once, one headline, nothing moves for ever where less motion is asked for
  const LIVE = '[aria-live]:not([aria-live="off"]), [role="status"], [role="alert"]';
  for (const node of document.querySelectorAll(LIVE)) {
    if (shown(node) && node.parentElement.closest(LIVE)) complain("spoken twice", node, "is a live region in a live region");
  }
  const heads = [...document.querySelectorAll("h1:not([aria-level])")].filter((node) => shown(node) && node.textContent.trim() && !node.closest("[inert]"));
  if (heads.length > 1) problems.push(`headlines: ${heads.length} of the first level: ${heads.map((node) => short(node.textContent)).join(", ")}`);
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) {
    for (const moving of document.getAnimations()) {
      if (moving.effect.getTiming().iterations === Infinity) complain("moves", moving.effect.target, "for ever");
    }
  }

  // ---- what must be there
  for (const selector of asked.needs) {
    const node = document.querySelector(selector);
    if (!node || !shown(node)) { problems.push(`missing: ${selector}`); continue; }
    const box = node.getBoundingClientRect();
    const view = seen(node, box);
    if (view === "none" || view === "some" || (view === null && node.closest("#stage")) || (view === null && cutBy(box, clipOf(node)) > SLACK)) problems.push(`missing: ${selector} is covered`);
  }
  return [...new Set(problems)];
}
