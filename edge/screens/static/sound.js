// One short sound per outcome, made here: different in pitch, number and length, so that it is understood without looking.
// Where the machine has a voice of its own (`localService`; nothing is sent anywhere) and `?voice=1` asks for it, the
// headline is spoken as well, in the language of the screen.

import { query } from "./terminal.js";
import { language, say, WORDS } from "./words.js";

const TONES = {
  GRANT: [[659, 0, 0.13], [988, 0.13, 0.28]],
  STANDARD: [[523, 0, 0.32]],
  REFER: [[587, 0, 0.14], [494, 0.2, 0.14], [587, 0.4, 0.14]],
  REFUSE: [[196, 0, 0.22], [156, 0.27, 0.5]],
  undone: [[494, 0, 0.1], [392, 0.1, 0.2]],
  notice: [[440, 0, 0.1]],
};
const SPOKEN = { GRANT: "say_GRANT", STANDARD: "say_STANDARD", REFER: "say_REFER", REFUSE: "say_REFUSE", undone: "undone", notice: "say_notice" };

let context = null;
let off = false;

/** True if the browser lets this page sound now, and nobody has turned it off. */
export const audible = () => context !== null && context.state === "running" && !off;

export async function allowSound() {
  context ??= new AudioContext();
  if (context.state === "suspended") await context.resume();
}

/** The sound button: off, or on as soon as the browser allows it. */
export async function toggleSound() {
  off = audible();
  if (!off) await allowSound();
}

function speak(name, answer) {
  if (query.get("voice") !== "1" || !("speechSynthesis" in globalThis)) return;
  const lang = language() === "zh" ? "zh" : "en";
  const voice = speechSynthesis.getVoices().find((one) => one.localService && one.lang.toLowerCase().startsWith(lang));
  if (!voice) return;
  const due = answer?.obligations?.pay_fen;
  const key = name === "GRANT" && answer?.intent in { close: 1, give_back: 1, return: 1 } ? (`GRANT_${answer.intent}` in WORDS ? `GRANT_${answer.intent}` : "GRANT_close") : name === "GRANT" && due ? "head_pay" : SPOKEN[name];
  if (!(key in WORDS)) return;
  const line = new SpeechSynthesisUtterance(say(key));
  line.voice = voice;
  line.lang = voice.lang;
  speechSynthesis.cancel(); // the visitor before has gone
  speechSynthesis.speak(line);
}

export function play(name, answer) {
  if (!audible()) return;
  speak(name, answer);
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
    tone.onended = () => { tone.disconnect(); gain.disconnect(); };
  }
}

/** Kiosk browsers allow sound at once; others wait for a touch anywhere. */
export function startSound(onChange) {
  context = new AudioContext();
  context.onstatechange = () => { onChange(); if (context.state !== "running" && !off) context.resume().catch((error) => console.info("no sound:", error.name)); }; // a loudspeaker unplugged and plugged in again
  const wake = () => allowSound().then(onChange);
  for (const kind of ["pointerdown", "keydown"]) addEventListener(kind, wake, { capture: true });
  onChange();
}
