import { DEAD_REASONS, type DeadReason } from '../../spec/vocabulary.ts';
import type { Attrs } from '../core/facts.ts';
import { DEFAULT_LIMITS, type Limits } from '../core/limits.ts';
import { type Clocks, WALL_MS_MAX } from '../ports.ts';
import { BytesError, type Reader, type Writer } from './bytes.ts';

/** Stands for a payload that is in a file of its own and has not been read. */
export const APART: Uint8Array = new Uint8Array(0);

export function oneOf<T>(list: readonly T[], index: number): T {
  const value = list[index];
  if (value === undefined) throw new BytesError(`${index} is none of ${list.length} values`);
  return value;
}

export const indexOf = (reason: DeadReason | null): number => (reason === null ? 0 : DEAD_REASONS.indexOf(reason) + 1);
export const reasonOf = (index: number): DeadReason | null => (index === 0 ? null : oneOf(DEAD_REASONS, index - 1));

/** The number that is said is not believed: nothing is made for slots that are not there. */
export function readSlots(r: Reader): number[] {
  const slots: number[] = [];
  for (let count = r.u32(); count > 0; count--) slots.push(r.u32());
  return slots;
}

/** Times that a process goes on from: a wrong one would end every window, or none. */
export function readClocks(r: Reader): Clocks {
  const [serviceMs, wallMs] = [r.f64(), r.f64()];
  if (!isWhole(serviceMs, Number.MAX_SAFE_INTEGER)) throw new BytesError(`clocks: service_ms ${serviceMs} is no time`);
  if (!isWhole(wallMs, WALL_MS_MAX)) throw new BytesError(`clocks: wall_ms ${wallMs} is no time`);
  return { name: 'clocks', serviceMs, wallMs };
}

const isWhole = (value: number, most: number): boolean => Number.isInteger(value) && value >= 0 && value <= most;

export function writeAttrs(w: Writer, attrs: Attrs): void {
  const keys = Object.keys(attrs);
  w.u16(keys.length);
  for (const key of keys) {
    w.text(key);
    w.text(attrs[key] as string);
  }
}

const NO_ATTRS: Attrs = Object.freeze({});

export function readAttrs(r: Reader): Attrs {
  const count = r.u16();
  if (count === 0) return NO_ATTRS;
  const attrs: Record<string, string> = {};
  for (let i = 0; i < count; i++) attrs[r.text()] = r.text();
  return attrs;
}

/** In this order on disk; append-only. */
const LIMITS = [
  'shardCapacity',
  'globalInflight',
  'dedupCapacity',
  'settledCapacity',
  'dlqMaxPerTopic',
  'dlqCapacity',
  'dlqRetentionMs',
  'defaultVisibilityMs',
  'backoffBaseMs',
  'backoffMaxMs',
  'tReplayMs',
  'maxAttempts',
  'maxRedrives',
  'inflightFactor',
  'readyRetentionMs',
  'releasesMax',
] as const satisfies readonly (keyof Limits)[];

export function writeLimits(w: Writer, limits: Limits): void {
  w.u16(LIMITS.length);
  for (const name of LIMITS) w.f64(limits[name]);
}

/** Limits that the writer did not know yet have their defaults. */
export function readLimits(r: Reader): Limits {
  const limits: Record<string, number> = { ...DEFAULT_LIMITS };
  const count = r.u16();
  for (let i = 0; i < count; i++) limits[oneOf(LIMITS, i)] = r.f64();
  return limits as unknown as Limits;
}
