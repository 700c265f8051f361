/**
 * Values of the specification as typed bytes. A type says how TLC prints a value and how many bytes it takes, so that two
 * states are equal exactly when their bytes are: a set is no sequence, a string is no number, and order within a set
 * does not count. Every number is one byte, -1..254.
 */
export type Type =
  | { readonly kind: 'number' }
  | { readonly kind: 'boolean' }
  /** TLA+ strings out of a list. */
  | { readonly kind: 'name'; readonly names: readonly string[] }
  /** A function over 1..size, which TLC prints as a tuple. */
  | { readonly kind: 'function'; readonly size: number; readonly of: Type }
  | { readonly kind: 'tuple'; readonly of: readonly Type[] }
  | { readonly kind: 'sequence'; readonly most: number; readonly of: Type }
  /** Of numbers 1..most. */
  | { readonly kind: 'subset'; readonly most: number };

export type Value = number | boolean | string | readonly Value[];

export const NUMBER: Type = { kind: 'number' };
export const BOOLEAN: Type = { kind: 'boolean' };
export const names = (...list: readonly string[]): Type => ({ kind: 'name', names: list });
export const functionOver = (size: number, of: Type): Type => ({ kind: 'function', size, of });
export const tuple = (...of: readonly Type[]): Type => ({ kind: 'tuple', of });
export const sequence = (most: number, of: Type): Type => ({ kind: 'sequence', most, of });
export const subset = (most: number): Type => ({ kind: 'subset', most });

/** Numbers are kept as what they are above it. */
export const NUMBER_MIN = -1;

/** Bytes that every value of this type takes. */
export function widthOf(type: Type): number {
  switch (type.kind) {
    case 'function':
      return type.size * widthOf(type.of);
    case 'tuple':
      return type.of.reduce((sum, of) => sum + widthOf(of), 0);
    case 'sequence':
      return 1 + type.most * widthOf(type.of);
    case 'subset':
      return type.most;
    default:
      return 1;
  }
}

/** A value that is not of the type it should have; `where` is a path into it. */
export class TypeMismatch extends Error {}

const mismatch = (where: string, says: string): never => {
  throw new TypeMismatch(`${where}: ${says}`);
};

/** Writes `value` at `at`; returns where it ends. @throws TypeMismatch */
export function encode(type: Type, value: Value, into: Uint8Array, at: number, where = 'value'): number {
  switch (type.kind) {
    case 'number':
      if (typeof value !== 'number' || !Number.isInteger(value) || value < NUMBER_MIN || value > 254)
        return mismatch(where, `a number ${NUMBER_MIN}..254, not ${String(value)}`);
      into[at] = value - NUMBER_MIN;
      return at + 1;
    case 'boolean':
      if (typeof value !== 'boolean') return mismatch(where, `a boolean, not ${String(value)}`);
      into[at] = value ? 1 : 0;
      return at + 1;
    case 'name': {
      const index = typeof value === 'string' ? type.names.indexOf(value) : -1;
      if (index < 0) return mismatch(where, `one of ${type.names.join(', ')}, not ${String(value)}`);
      into[at] = index;
      return at + 1;
    }
    case 'function':
      if (!Array.isArray(value) || value.length !== type.size) return mismatch(where, `a tuple of ${type.size}`);
      return value.reduce((next: number, of, i) => encode(type.of, of, into, next, `${where}[${i + 1}]`), at);
    case 'tuple':
      if (!Array.isArray(value) || value.length !== type.of.length)
        return mismatch(where, `a tuple of ${type.of.length}`);
      return type.of.reduce((next, of, i) => encode(of, value[i] as Value, into, next, `${where}[${i + 1}]`), at);
    case 'sequence': {
      if (!Array.isArray(value) || value.length > type.most) return mismatch(where, `at most ${type.most} in sequence`);
      into[at] = value.length;
      const end = value.reduce((next: number, of, i) => encode(type.of, of, into, next, `${where}[${i + 1}]`), at + 1);
      return into.fill(0, end, at + widthOf(type)) && at + widthOf(type);
    }
    case 'subset': {
      if (!Array.isArray(value)) return mismatch(where, 'a set');
      into.fill(0, at, at + type.most);
      for (const of of value) {
        if (typeof of !== 'number' || of < 1 || of > type.most) return mismatch(where, `a set of 1..${type.most}`);
        into[at + of - 1] = 1;
      }
      return at + type.most;
    }
  }
}

/** The value whose bytes begin at `at`. */
export function decode(type: Type, bytes: Uint8Array, at: number): Value {
  const byte = bytes[at] as number;
  switch (type.kind) {
    case 'number':
      return byte + NUMBER_MIN;
    case 'boolean':
      return byte === 1;
    case 'name':
      return type.names[byte] ?? mismatch('value', `no name ${byte}`);
    case 'function':
    case 'sequence': {
      const first = type.kind === 'function' ? at : at + 1;
      const count = type.kind === 'function' ? type.size : byte;
      return Array.from({ length: count }, (_, i) => decode(type.of, bytes, first + i * widthOf(type.of)));
    }
    case 'tuple': {
      let next = at;
      return type.of.map((of) => {
        const value = decode(of, bytes, next);
        next += widthOf(of);
        return value;
      });
    }
    case 'subset':
      return Array.from({ length: type.most }, (_, i) => i + 1).filter((n) => bytes[at + n - 1] === 1);
  }
}

/** As TLC prints it. */
export function format(type: Type, value: Value): string {
  switch (type.kind) {
    case 'number':
      return String(value);
    case 'boolean':
      return value === true ? 'TRUE' : 'FALSE';
    case 'name':
      return `"${String(value)}"`;
    case 'function':
    case 'sequence':
      return `<<${(value as readonly Value[]).map((of) => format(type.of, of)).join(', ')}>>`;
    case 'tuple':
      return `<<${type.of.map((of, i) => format(of, (value as readonly Value[])[i] as Value)).join(', ')}>>`;
    case 'subset':
      return `{${(value as readonly Value[]).join(', ')}}`;
  }
}
