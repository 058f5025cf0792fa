// Whatever is written, it fits its place: letters grow to the size asked for and shrink until nothing is cut.
//
// Rules of this file:
// - the place decides, never the window: it is watched, and what is in it is fitted anew when it changes;
// - first letters shrink a little; then what is said twice goes (the second language, then pictures); then they shrink
//   down to `LEAST`, where the style sheets' smallest letters (12 px) take over;
// - nobody waits for a frame: what is drawn is fitted before it is painted.

const STEPS = [[0, 0.8], [1, 0.72], [2, 0.6], [3, 0.3]]; // [what goes, how small letters may be]
const BIG = 1.5;
const watched = new WeakMap();

const spills = (node) => node.scrollHeight > node.clientHeight + 1 || node.scrollWidth > node.clientWidth + 1;
const most = () => (document.documentElement.classList.contains("bigtype") ? BIG : 1);

function set(node, lean, scale) {
  node.dataset.lean = lean;
  node.style.setProperty("--fit", scale.toFixed(3));
  return !spills(node);
}

function measure(node) {
  if (!node.isConnected || node.clientHeight === 0) return;
  for (const [lean, least] of STEPS) {
    let high = most();
    if (set(node, lean, high)) return;
    let low = least;
    if (!set(node, lean, low)) continue;
    for (let turn = 0; turn < 5; turn += 1) {
      const middle = (low + high) / 2;
      if (set(node, lean, middle)) low = middle; else high = middle;
    }
    set(node, lean, low);
    return;
  }
  node.tabIndex = 0; // nothing helps: staff scroll, with keys as well (a public screen never comes here: `make look`)
}

/** Keep `node` fitted to its place for as long as it is in the document. */
export function fit(node) {
  if (!watched.has(node)) {
    const watch = new ResizeObserver(() => { if (node.isConnected) measure(node); else { watch.disconnect(); watched.delete(node); } });
    watched.set(node, watch);
    watch.observe(node);
  }
  measure(node);
}
