// The horn of this station: which alarms it sounds for, how each priority sounds, and who of several tabs sounds it.
//
// It sounds for alarms that last, that nobody has acknowledged, that are not put away and that the control system does
// not sound for (the service says which: `heard` of /v1/alarms/summary). Each has a key that changes when people are
// asked again; silencing covers the keys of that moment on this station, and acknowledges nothing.

import { root } from "./here.js";

const KEPT = `thermowell.horn${root}`;
const SILENCED_AT_MOST = 1000;
const HORNIST_ASKED_MS = 1000;

// Notes as [start s, pitch Hz, length s]; the worse, the faster and the higher. `everyS`: again and again until
// somebody silences or acknowledges it; null: once.
export const PATTERNS = {
  1: { everyS: 2.2, notes: [0, 0.18, 0.36, 0.54, 0.72, 0.9].map((at, n) => [at, n % 2 ? 740 : 988, 0.15]) },
  2: { everyS: 5, notes: [[0, 587, 0.22], [0.3, 740, 0.22], [0.6, 880, 0.34]] },
  3: { everyS: 15, notes: [[0, 523, 0.28], [0.42, 523, 0.28]] },
  4: { everyS: null, notes: [[0, 392, 0.35]] },
  lost: { everyS: null, notes: [[0, 494, 0.3], [0.36, 392, 0.3], [0.72, 294, 0.5]] },
};

// Puts the notes of a pattern into an audio context; returns when the last ends, in its seconds.
export function play(context, pattern, volume = 0.5) {
  const begin = context.currentTime + 0.03;
  let end = begin;
  for (const [at, pitch, lasts] of pattern.notes) {
    const tone = context.createOscillator();
    const gain = context.createGain();
    tone.type = "triangle";
    tone.frequency.value = pitch;
    const from = begin + at;
    gain.gain.setValueAtTime(0, from);
    gain.gain.linearRampToValueAtTime(volume, from + 0.012);
    gain.gain.setValueAtTime(volume, from + lasts - 0.03);
    gain.gain.linearRampToValueAtTime(0, from + lasts);
    tone.connect(gain).connect(context.destination);
    tone.start(from);
    tone.stop(from + lasts);
    end = Math.max(end, from + lasts);
  }
  return end;
}

// What this station's horn would do, without a loudspeaker: which priority sounds, and what was silenced.
export class HornMind {
  constructor(kept = {}) {
    this.isOn = kept.isOn ?? true;
    this.worstOf = kept.worstOf ?? 3; // priorities from 1 to this one sound
    this.tellsLoss = kept.tellsLoss ?? true;
    this.silenced = new Set(kept.silenced ?? []);
    this.heard = [];
  }

  take(heard) {
    this.heard = heard;
    const keys = new Set(heard.map((one) => one.key));
    for (const key of this.silenced) if (!keys.has(key)) this.silenced.delete(key);
  }

  get asking() {
    return this.heard.filter((one) => one.priority <= this.worstOf);
  }

  get sounding() {
    return this.asking.filter((one) => !this.silenced.has(one.key));
  }

  get worst() {
    return this.isOn && this.sounding.length ? Math.min(...this.sounding.map((one) => one.priority)) : null;
  }

  silence() {
    this.silenced = new Set(this.asking.map((one) => one.key).slice(0, SILENCED_AT_MOST));
  }

  kept() {
    const { isOn, worstOf, tellsLoss } = this;
    return { isOn, worstOf, tellsLoss, silenced: [...this.silenced] };
  }
}

export class Horn {
  constructor(button) {
    Object.assign(this, { button, context: null, isHornist: false, soundedFor: null, againAt: 0, played: 0, isLost: false, hadHeard: false });
    this.mind = new HornMind(remembered());
    this.port = portOfAllTabs((isHornist) => {
      this.isHornist = isHornist;
      this.step();
    });
    this.isHornist = this.port === null;
    // Browsers mute a page until somebody touches it: any touch arms the horn.
    for (const kind of ["pointerdown", "keydown"]) addEventListener(kind, () => this.arm(), { capture: true, passive: true });
    addEventListener("storage", ({ key }) => key === KEPT && this.learn());
    button.addEventListener("click", () => this.press());
    setInterval(() => this.step(), 250);
    setInterval(() => this.tellOthers(), HORNIST_ASKED_MS);
    this.show();
  }

  get isArmed() {
    return this.mind.isOn && this.context?.state === "running";
  }

  take(heard) {
    this.hadHeard = true;
    this.mind.take(heard);
    this.isLost = false;
    this.step();
  }

  // The service does not answer any longer: nothing can be heard of it, and that is told once.
  lost() {
    if (this.isLost || !this.hadHeard) return;
    this.isLost = true;
    if (this.mind.tellsLoss && this.isArmed && this.isHornist) this.sound(PATTERNS.lost);
    this.show();
  }

  async arm() {
    if (this.context?.state === "running" || !this.mind.isOn) return;
    this.context ??= new AudioContext();
    this.context.onstatechange = () => this.show();
    try {
      await this.context.resume();
    } catch (error) {
      console.info("the browser keeps the sound:", error.message);
    }
    this.tellOthers();
    this.step();
  }

  press() {
    if (this.mind.worst !== null) this.silence();
    else if (!this.mind.isOn) this.set({ isOn: true });
    else if (this.isArmed && !this.mind.asking.length) this.sound(PATTERNS[4]);
    this.arm();
    this.show();
  }

  silence() {
    this.mind.silence();
    this.keep();
    this.show();
  }

  set(changed) {
    Object.assign(this.mind, changed);
    this.keep();
    this.arm();
    this.tellOthers();
    this.show();
  }

  sound(pattern) {
    if (this.context?.state !== "running") return;
    play(this.context, pattern);
    this.played += 1;
  }

  step() {
    const { worst } = this.mind;
    const keys = this.mind.sounding.map((one) => one.key).join("\n");
    const isNew = keys !== this.soundedFor && this.mind.sounding.some((one) => !(this.soundedFor ?? "").split("\n").includes(one.key));
    this.show();
    if (worst === null) {
      this.soundedFor = keys;
      return;
    }
    if (!this.isArmed || !this.isHornist) return;
    const pattern = PATTERNS[worst];
    const isDue = pattern.everyS !== null && performance.now() >= this.againAt;
    if (!isNew && !isDue) return;
    if (isNew && performance.now() < this.againAt - (pattern.everyS ?? 0) * 1000 + 1200) return; // the last one still sounds
    this.soundedFor = keys;
    this.againAt = performance.now() + (pattern.everyS ?? 1.2) * 1000;
    this.sound(pattern);
  }

  show() {
    const { mind } = this;
    const state = !mind.isOn ? "off" : mind.worst !== null && this.isArmed ? "sounding" : !this.isArmed ? "mute" : mind.asking.length ? "silenced" : "armed";
    const waiting = mind.sounding.length;
    const words = {
      off: ["Sound off", "The horn of this station is switched off; press to switch it on"],
      mute: ["Tap to arm sound", "The browser keeps a page mute until somebody touches it"],
      armed: ["Sound armed", "New alarms sound here; press to hear that it works"],
      sounding: [`Silence (${waiting})`, "Silences this station until the next alarm; it acknowledges nothing"],
      silenced: ["Silenced", "Alarms still wait; the next one sounds again"],
    }[state];
    const text = state === "mute" && waiting ? `${words[0]} (${waiting})` : words[0];
    if (this.button.textContent !== text) this.button.textContent = text;
    this.button.title = words[1];
    this.button.dataset.state = state;
    this.button.dataset.played = String(this.played);
    this.button.dataset.worst = String(mind.worst ?? "");
  }

  tellOthers() {
    this.port?.postMessage({ horn: this.isArmed });
  }

  keep() {
    try {
      localStorage.setItem(KEPT, JSON.stringify(this.mind.kept()));
    } catch {
      // Without storage each tab has its own mind.
    }
  }

  // Another tab was silenced or set: this one is the same station.
  learn() {
    const { heard } = this.mind;
    this.mind = new HornMind(remembered());
    this.mind.heard = heard;
    this.show();
  }
}

function remembered() {
  try {
    return JSON.parse(localStorage.getItem(KEPT) ?? "{}");
  } catch {
    return {};
  }
}

// The worker that all tabs share says which of them sounds; null: there is none, so this one does.
function portOfAllTabs(told) {
  if (typeof SharedWorker !== "function") return null;
  try {
    const worker = new SharedWorker(`${root}/static/js/stream-worker.js`, { name: "thermowell" });
    worker.onerror = () => told(true);
    worker.port.onmessage = ({ data }) => data.event === "horn" && told(data.data);
    addEventListener("pagehide", () => worker.port.postMessage({ horn: false }));
    return worker.port;
  } catch {
    return null;
  }
}
