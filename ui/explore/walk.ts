import { computed, signal } from '@preact/signals';
import type { Space } from './space.ts';

export interface Stop {
  readonly action: string;
  readonly state: number;
}

export const space = signal<Space | null>(null);
/** From a beginning to the end of the way; the reader stands at one of them. */
export const way = signal<readonly Stop[]>([]);
export const at = signal(0);
export const here = computed(() => way.value[at.value]?.state ?? 0);
export const before = computed(() => (at.value === 0 ? null : (way.value[at.value - 1]?.state ?? null)));

/** The address names the state, so that it can be sent to somebody. */
const told = (): void => history.replaceState(null, '', `#${here.value}`);

export function begin(found: Space): void {
  space.value = found;
  const { shown, actions, initial } = found.data;
  const named = location.hash === '' ? Number.NaN : Number(location.hash.slice(1));
  if (shown.length > 0) way.value = shown.map(({ action, state }) => ({ action: actions[action] ?? 'Init', state }));
  else if (found.has(named)) return goTo(named);
  else way.value = [{ action: 'Init', state: initial[0] ?? 0 }];
  at.value = 0;
}

/** The shortest way to a state. */
export function goTo(state: number): void {
  const found = space.value;
  if (found?.has(state) !== true) return;
  way.value = found.wayTo(state);
  at.value = way.value.length - 1;
  told();
}

/** One step on from here: along the way where it is the next of it, else the way is another from here on. */
export function take(action: string, state: number): void {
  const next = way.value[at.value + 1];
  if (next?.action !== action || next.state !== state)
    way.value = [...way.value.slice(0, at.value + 1), { action, state }];
  at.value += 1;
  told();
}

export function move(to: number): void {
  at.value = Math.max(0, Math.min(to, way.value.length - 1));
  told();
}
