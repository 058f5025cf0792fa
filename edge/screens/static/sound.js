// One short sound per outcome, made here: different in pitch, number and length, so that it is understood without looking.

const TONES = {
  GRANT: [[659, 0, 0.13], [988, 0.13, 0.28]],
  STANDARD: [[523, 0, 0.32]],
  REFER: [[587, 0, 0.14], [494, 0.2, 0.14], [587, 0.4, 0.14]],
  REFUSE: [[196, 0, 0.22], [156, 0.27, 0.5]],
  undone: [[494, 0, 0.1], [392, 0.1, 0.2]],
  notice: [[440, 0, 0.1]],
};

let context = null;

/** True if the browser lets this page sound now. */
export const audible = () => context !== null && context.state === "running";

export async function allowSound() {
  context ??= new AudioContext();
  if (context.state === "suspended") await context.resume();
}

export function play(name) {
  if (!audible()) return;
  const start = context.currentTime + 0.02;
  for (const [pitch, after, length] of TONES[name]) {
    const tone = context.createOscillator();
    const gain = context.createGain();
    tone.type = name === "REFUSE" ? "square" : "triangle";
    tone.frequency.value = pitch;
    const level = name === "REFUSE" ? 0.12 : 0.3;
    gain.gain.setValueAtTime(0, start + after);
    gain.gain.linearRampToValueAtTime(level, start + after + 0.015);
    gain.gain.setTargetAtTime(0, start + after + length * 0.6, length / 6);
    tone.connect(gain).connect(context.destination);
    tone.start(start + after);
    tone.stop(start + after + length * 1.6);
  }
}

/** Kiosk browsers allow sound at once; others wait for a touch anywhere. */
export function startSound(onChange) {
  context = new AudioContext();
  context.onstatechange = onChange;
  const wake = () => allowSound().then(onChange);
  for (const kind of ["pointerdown", "keydown"]) addEventListener(kind, wake, { capture: true });
  onChange();
}
