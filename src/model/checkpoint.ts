import { KeyObject } from 'node:crypto';

/** Fields that never change once their object is made: what they lead to is not looked at. */
export type Fixed = (field: string) => boolean;

/** Functions and keys are what they are; everything else may change. */
const isAtom = (value: unknown): boolean => typeof value !== 'object' || value === null || value instanceof KeyObject;

/**
 * What a graph of objects was, to be put back into the same objects: plain ones, instances of classes, arrays, also typed
 * ones, maps and sets, private fields included. Functions are kept as they are: what only they can reach is not put back.
 */
export class Checkpoint {
  private readonly objects: object[] = [];
  private readonly contents: Content[] = [];

  constructor(root: object, isFixed: Fixed) {
    const seen = new Set<object>([root]);
    const walk = (value: unknown): void => {
      if (isAtom(value) || seen.has(value as object)) return;
      seen.add(value as object);
    };
    // A set is walked in the order of insertion, those found on the way included.
    for (const object of seen) {
      this.objects.push(object);
      this.contents.push(contentOf(object, isFixed, walk));
    }
  }

  /** Every object of the graph is again what it was. */
  restore(): void {
    for (let i = 0; i < this.objects.length; i++) put(this.objects[i] as object, this.contents[i] as Content);
  }
}

type Content = readonly unknown[] | Uint8Array;

const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

function contentOf(object: object, isFixed: Fixed, walk: (value: unknown) => void): Content {
  if (ArrayBuffer.isView(object)) return bytesOf(object).slice();
  const content: unknown[] = [];
  if (object instanceof Map) {
    for (const [key, value] of object) {
      content.push(key, value);
      walk(key);
      walk(value);
    }
  } else if (object instanceof Set || Array.isArray(object)) {
    for (const value of object) {
      content.push(value);
      walk(value);
    }
  } else {
    for (const field of Object.keys(object)) {
      if (isFixed(field)) continue;
      const value = (object as Record<string, unknown>)[field];
      content.push(field, value);
      walk(value);
    }
  }
  return content;
}

function put(object: object, content: Content): void {
  if (ArrayBuffer.isView(object)) return bytesOf(object).set(content as Uint8Array);
  putBack(object, content as readonly unknown[]);
}

/** Most of what is put back never changed: looking costs less than filling a map anew. */
function putBack(object: object, content: readonly unknown[]): void {
  if (object instanceof Map) {
    if (isMap(object, content)) return;
    object.clear();
    for (let i = 0; i < content.length; i += 2) object.set(content[i], content[i + 1]);
  } else if (object instanceof Set) {
    if (isSet(object, content)) return;
    object.clear();
    for (const value of content) object.add(value);
  } else if (Array.isArray(object)) {
    object.length = content.length;
    for (let i = 0; i < content.length; i++) object[i] = content[i];
  } else {
    const fields = object as Record<string, unknown>;
    for (let i = 0; i < content.length; i += 2) fields[content[i] as string] = content[i + 1];
  }
}

function isMap(map: ReadonlyMap<unknown, unknown>, content: readonly unknown[]): boolean {
  if (map.size * 2 !== content.length) return false;
  let i = 0;
  for (const [key, value] of map) if (key !== content[i++] || value !== content[i++]) return false;
  return true;
}

function isSet(set: ReadonlySet<unknown>, content: readonly unknown[]): boolean {
  if (set.size !== content.length) return false;
  let i = 0;
  for (const value of set) if (value !== content[i++]) return false;
  return true;
}
