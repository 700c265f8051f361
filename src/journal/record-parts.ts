import { DEAD_REASONS, type DeadReason } from '../../spec/vocabulary.ts';
import type { Attrs } from '../core/facts.ts';
import { LIMIT_NAMES, LIMITS_BEFORE, type Limits } from '../core/limits.ts';
import { BytesError, type Reader, type Writer } from './bytes.ts';
import { anyOf } from './field-types.ts';
import { FIELDS, LIMIT_FIELDS } from './fields.ts';

/** Stands for a payload that is in a file of its own and has not been read. */
export const APART: Uint8Array = new Uint8Array(0);

/** Why a message is a dead letter; null while it is none. */
export const REASON = anyOf<DeadReason | null>('reason', [null, ...DEAD_REASONS]);

/** The number that is said is not believed: nothing is made for slots that are not there. */
export function readSlots(r: Reader): number[] {
  const slots: number[] = [];
  for (let count = r.u32(); count > 0; count--) slots.push(FIELDS.slot.read(r));
  return slots;
}

export function writeSlots(w: Writer, slots: readonly number[]): void {
  w.u32(slots.length);
  for (const slot of slots) FIELDS.slot.write(w, slot);
}

/** Objects have it without being given it. */
function mayBeKey(key: string): string {
  if (key === '__proto__') throw new BytesError('a key of attrs is __proto__');
  return key;
}

export function writeAttrs(w: Writer, attrs: Attrs): void {
  const keys = Object.keys(attrs);
  FIELDS.attrs.write(w, keys.length);
  for (const key of keys) {
    FIELDS.attrKey.write(w, mayBeKey(key));
    FIELDS.attrValue.write(w, attrs[key] as string);
  }
}

const NO_ATTRS: Attrs = Object.freeze({});

export function readAttrs(r: Reader): Attrs {
  const count = FIELDS.attrs.read(r);
  if (count === 0) return NO_ATTRS;
  const attrs: Record<string, string> = {};
  for (let i = 0; i < count; i++) {
    const key = mayBeKey(FIELDS.attrKey.read(r));
    if (Object.hasOwn(attrs, key)) throw new BytesError('a key of attrs is there twice');
    attrs[key] = FIELDS.attrValue.read(r);
  }
  return attrs;
}

export function writePayload(w: Writer, payload: Uint8Array): void {
  FIELDS.payloadBytes.write(w, payload.byteLength);
  w.raw(payload);
}

/** A view: what keeps it longer than the bytes it was read from should take a copy. */
export const readPayload = (r: Reader): Uint8Array => r.bytes(FIELDS.payloadBytes.read(r));

export function writeLimits(w: Writer, limits: Limits): void {
  w.u16(LIMIT_NAMES.length);
  for (const name of LIMIT_NAMES) LIMIT_FIELDS[name].write(w, limits[name]);
}

/** Limits that the writer did not know yet are what it did without them. */
export function readLimits(r: Reader): Limits {
  const limits: Record<string, number> = { ...LIMITS_BEFORE };
  const count = r.u16();
  const known = LIMIT_NAMES.length;
  if (count > known) throw new BytesError(`${count} limits, of which this version knows ${known}`);
  for (const name of LIMIT_NAMES.slice(0, count)) limits[name] = LIMIT_FIELDS[name].read(r);
  return limits as unknown as Limits;
}
