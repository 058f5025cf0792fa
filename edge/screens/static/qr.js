// A QR code (ISO/IEC 18004, byte mode, level M, versions 1 to 10) as an SVG: appeal links and the site's own code are
// drawn here, so that no screen needs a server for a picture.

// Per version: [data codewords in all, error codewords per block, blocks].
const LEVEL_M = [null, [16, 10, 1], [28, 16, 1], [44, 26, 1], [64, 18, 2], [86, 24, 2], [108, 16, 4], [124, 18, 4],
  [154, 22, 4], [182, 22, 5], [216, 26, 5]];
const ALIGNED = [null, [], [6, 18], [6, 22], [6, 26], [6, 30], [6, 34], [6, 22, 38], [6, 24, 42], [6, 26, 46], [6, 28, 50]];

const EXP = new Uint8Array(510);
const LOG = new Uint8Array(256);
for (let i = 0, x = 1; i < 255; i += 1) {
  EXP[i] = x;
  EXP[i + 255] = x;
  LOG[x] = i;
  x = (x << 1) ^ (x & 0x80 ? 0x11d : 0);
}
const times = (a, b) => (a && b ? EXP[LOG[a] + LOG[b]] : 0);

function generator(degree) {
  let poly = [1];
  for (let i = 0; i < degree; i += 1) {
    const next = new Array(poly.length + 1).fill(0);
    poly.forEach((c, j) => { next[j] ^= c; next[j + 1] ^= times(c, EXP[i]); });
    poly = next;
  }
  return poly.slice(1);
}

function remainder(data, divisor) {
  const rest = new Array(divisor.length).fill(0);
  for (const byte of data) {
    const factor = byte ^ rest.shift();
    rest.push(0);
    divisor.forEach((c, i) => { rest[i] ^= times(c, factor); });
  }
  return rest;
}

function bitsOf(bytes, version, capacity) {
  const bits = [];
  const put = (value, length) => { for (let i = length - 1; i >= 0; i -= 1) bits.push((value >> i) & 1); };
  put(4, 4);
  put(bytes.length, version < 10 ? 8 : 16);
  bytes.forEach((b) => put(b, 8));
  put(0, Math.min(4, capacity * 8 - bits.length));
  while (bits.length % 8) bits.push(0);
  for (let pad = 0xec; bits.length < capacity * 8; pad ^= 0xec ^ 0x11) put(pad, 8);
  return bits;
}

function codewords(bytes, version) {
  const [capacity, errors, blocks] = LEVEL_M[version];
  const bits = bitsOf(bytes, version, capacity);
  const data = Array.from({ length: capacity }, (_, i) => Number.parseInt(bits.slice(i * 8, i * 8 + 8).join(""), 2));
  const short = Math.floor(capacity / blocks);
  const longFrom = blocks - (capacity % blocks);
  const divisor = generator(errors);
  const parts = [];
  for (let b = 0, at = 0; b < blocks; b += 1) {
    const size = short + (b >= longFrom ? 1 : 0);
    const part = data.slice(at, at + size);
    parts.push({ data: part, error: remainder(part, divisor) });
    at += size;
  }
  const out = [];
  for (let i = 0; i <= short; i += 1) for (const part of parts) if (i < part.data.length) out.push(part.data[i]);
  for (let i = 0; i < errors; i += 1) for (const part of parts) out.push(part.error[i]);
  return out;
}

function frame(version) {
  const size = version * 4 + 17;
  const dark = Array.from({ length: size }, () => new Array(size).fill(false));
  const fixed = Array.from({ length: size }, () => new Array(size).fill(false));
  const set = (x, y, on) => { if (x >= 0 && y >= 0 && x < size && y < size) { dark[y][x] = on; fixed[y][x] = true; } };
  for (let i = 0; i < size; i += 1) { set(6, i, i % 2 === 0); set(i, 6, i % 2 === 0); }
  for (const [cx, cy] of [[3, 3], [size - 4, 3], [3, size - 4]]) {
    for (let y = -4; y <= 4; y += 1) for (let x = -4; x <= 4; x += 1) {
      const ring = Math.max(Math.abs(x), Math.abs(y));
      set(cx + x, cy + y, ring !== 2 && ring !== 4);
    }
  }
  const centres = ALIGNED[version];
  const last = centres.length - 1;
  centres.forEach((cy, i) => centres.forEach((cx, j) => {
    if ((i === 0 && j === 0) || (i === 0 && j === last) || (i === last && j === 0)) return;
    for (let y = -2; y <= 2; y += 1) for (let x = -2; x <= 2; x += 1) set(cx + x, cy + y, Math.max(Math.abs(x), Math.abs(y)) !== 1);
  }));
  return { size, dark, fixed, set };
}

function setFormat({ size, set }, mask) {
  let rest = mask; // level M is 00
  for (let i = 0; i < 10; i += 1) rest = (rest << 1) ^ ((rest >> 9) * 0x537);
  const bits = ((mask << 10) | rest) ^ 0x5412;
  const bit = (i) => ((bits >> i) & 1) === 1;
  for (let i = 0; i <= 5; i += 1) set(8, i, bit(i));
  set(8, 7, bit(6));
  set(8, 8, bit(7));
  set(7, 8, bit(8));
  for (let i = 9; i < 15; i += 1) set(14 - i, 8, bit(i));
  for (let i = 0; i < 8; i += 1) set(size - 1 - i, 8, bit(i));
  for (let i = 8; i < 15; i += 1) set(8, size - 15 + i, bit(i));
  set(8, size - 8, true);
}

function setVersion({ size, set }, version) {
  if (version < 7) return;
  let rest = version;
  for (let i = 0; i < 12; i += 1) rest = (rest << 1) ^ ((rest >> 11) * 0x1f25);
  const bits = (version << 12) | rest;
  for (let i = 0; i < 18; i += 1) {
    const on = ((bits >> i) & 1) === 1;
    set(size - 11 + (i % 3), Math.floor(i / 3), on);
    set(Math.floor(i / 3), size - 11 + (i % 3), on);
  }
}

const MASKS = [(x, y) => (x + y) % 2, (x, y) => y % 2, (x) => x % 3, (x, y) => (x + y) % 3,
  (x, y) => (Math.floor(x / 3) + Math.floor(y / 2)) % 2, (x, y) => ((x * y) % 2) + ((x * y) % 3),
  (x, y) => (((x * y) % 2) + ((x * y) % 3)) % 2, (x, y) => (((x + y) % 2) + ((x * y) % 3)) % 2];

function place({ size, dark, fixed }, words, mask) {
  let at = 0;
  for (let right = size - 1; right >= 1; right -= 2) {
    if (right === 6) right = 5;
    for (let step = 0; step < size; step += 1) for (const x of [right, right - 1]) {
      const y = ((right + 1) & 2) === 0 ? size - 1 - step : step;
      if (fixed[y][x]) continue;
      const on = at < words.length * 8 && ((words[at >> 3] >> (7 - (at & 7))) & 1) === 1;
      dark[y][x] = on !== (MASKS[mask](x, y) === 0);
      at += 1;
    }
  }
}

/** Penalty of ISO 18004 §7.8.3, rules 1, 2 and 4 (finder look-alikes are left out: they cost readers little). */
function penalty(dark) {
  const size = dark.length;
  let sum = 0;
  let count = 0;
  for (let i = 0; i < size; i += 1) for (const at of [(j) => dark[i][j], (j) => dark[j][i]]) {
    for (let j = 1, run = 1; j <= size; j += 1) {
      if (j < size && at(j) === at(j - 1)) run += 1;
      else { if (run >= 5) sum += run - 2; run = 1; }
    }
  }
  for (let y = 0; y < size; y += 1) for (let x = 0; x < size; x += 1) {
    if (dark[y][x]) count += 1;
    if (x && y && dark[y][x] === dark[y - 1][x] && dark[y][x] === dark[y][x - 1] && dark[y][x] === dark[y - 1][x - 1]) sum += 3;
  }
  return sum + 10 * Math.floor(Math.abs(count * 20 - size * size * 10) / (size * size));
}

/** The modules of the code for `text`, row by row, true = dark. Throws if the text is too long for version 10. */
export function modules(text) {
  const bytes = new TextEncoder().encode(text);
  const version = LEVEL_M.findIndex((row, v) => row && bytes.length + (v < 10 ? 2 : 3) <= row[0]);
  if (version < 0) throw new Error(`${bytes.length} bytes are too many for this QR code`);
  const words = codewords(bytes, version);
  let best = null;
  for (let mask = 0; mask < 8; mask += 1) {
    const code = frame(version);
    setFormat(code, mask);
    setVersion(code, version);
    place(code, words, mask);
    const cost = penalty(code.dark);
    if (!best || cost < best.cost) best = { cost, dark: code.dark };
  }
  return best.dark;
}

/** An SVG element of the code for `text`, quiet zone included; `label` is read aloud. */
export function qrPicture(text, label) {
  const dark = modules(text);
  const size = dark.length + 8;
  let path = "";
  dark.forEach((row, y) => row.forEach((on, x) => { if (on) path += `M${x + 4} ${y + 4}h1v1h-1z`; }));
  const holder = document.createElement("div");
  holder.innerHTML = `<svg class="qr" viewBox="0 0 ${size} ${size}" role="img" shape-rendering="crispEdges"><rect width="${size}" height="${size}" fill="#fff"/><path d="${path}" fill="#000"/></svg>`;
  holder.firstChild.setAttribute("aria-label", label);
  return holder.firstChild;
}
