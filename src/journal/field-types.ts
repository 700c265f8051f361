import { BytesError, type Reader, type Writer } from './bytes.ts';

/** How a field of a record is encoded, and what may stand in it: both ends ask, and neither writes nor takes anything else. */
abstract class NumberField {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  /** Infinity too: never. */
  readonly orNever: boolean;

  constructor(name: string, min: number, max: number, orNever = false) {
    this.name = name;
    this.min = min;
    this.max = max;
    this.orNever = orNever;
  }

  /** @throws BytesError naming the field, what was found and what is allowed */
  check(value: number): number {
    if (value >= this.min && value <= this.max && Math.floor(value) === value) return value;
    if (value === Number.POSITIVE_INFINITY && this.orNever) return value;
    const never = this.orNever ? ', or Infinity for never' : '';
    throw new BytesError(`${this.name} is ${value}, not a whole number ${this.min}..${this.max}${never}`);
  }
}

export class F64 extends NumberField {
  read(r: Reader): number {
    return this.check(r.f64());
  }
  write(w: Writer, value: number): void {
    w.f64(this.check(value));
  }
}
export class U32 extends NumberField {
  read(r: Reader): number {
    return this.check(r.u32());
  }
  write(w: Writer, value: number): void {
    w.u32(this.check(value));
  }
}
export class U16 extends NumberField {
  read(r: Reader): number {
    return this.check(r.u16());
  }
  write(w: Writer, value: number): void {
    w.u16(this.check(value));
  }
}

/** One of a list, by its place in it, which is what stands on disk: lists only grow at their end. */
export class Choice<T> {
  readonly name: string;
  /** Undefined where a value of the list is none of these. */
  readonly values: readonly (T | undefined)[];

  constructor(name: string, list: readonly unknown[], these: readonly T[]) {
    this.name = name;
    this.values = list.map((value) => (these.includes(value as T) ? (value as T) : undefined));
  }

  read(r: Reader): T {
    const index = r.u8();
    const value = this.values[index];
    if (value === undefined) throw new BytesError(`${this.name} is ${index}, which stands for nothing here`);
    return value;
  }
  write(w: Writer, value: T): void {
    const index = this.values.indexOf(value);
    if (value === undefined || index < 0) throw new BytesError(`${this.name} is ${value}, which cannot be here`);
    w.u8(index);
  }
}

/** All of a list. */
export const anyOf = <T>(name: string, list: readonly T[]): Choice<T> => new Choice(name, list, list);

export const FLAG = anyOf('a flag', [false, true]);

abstract class AnyText {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }

  abstract read(r: Reader): string;
  abstract write(w: Writer, text: string): void;

  readOptional(r: Reader): string | null {
    return FLAG.read(r) ? this.read(r) : null;
  }
  writeOptional(w: Writer, text: string | null): void {
    FLAG.write(w, text !== null);
    if (text !== null) this.write(w, text);
  }
}

/** What a character class means for each of the ASCII characters. */
const tableOf = (chars: string): Uint8Array => {
  const one = new RegExp(`^[${chars}]$`);
  return new Uint8Array(128).map((_, code) => (one.test(String.fromCharCode(code)) ? 1 : 0));
};

/** ASCII characters of a class, as ids and keys are; the first may have to be of a narrower one. */
export class Ascii extends AnyText {
  readonly chars: string;
  readonly min: number;
  readonly max: number;
  readonly first: string;
  private readonly allowed: Uint8Array;
  private readonly allowedFirst: Uint8Array;

  constructor(name: string, chars: string, min: number, max: number, first = chars) {
    super(name);
    this.chars = chars;
    this.min = min;
    this.max = max;
    this.first = first;
    this.allowed = tableOf(chars);
    this.allowedFirst = tableOf(first);
  }

  /** What was found is not shown: it may be anything. */
  private wrong(): BytesError {
    const first = this.first === this.chars ? '' : `, the first of ${this.first}`;
    return new BytesError(`${this.name} is no text of ${this.min}..${this.max} characters of ${this.chars}${first}`);
  }

  read(r: Reader): string {
    const text = r.ascii(this.max, this.allowed);
    if (text === null || !this.fits(text)) throw this.wrong();
    return text;
  }
  write(w: Writer, text: string): void {
    if (!this.fits(text) || !w.ascii(text, this.allowed)) throw this.wrong();
  }
  private fits(text: string): boolean {
    if (text.length < this.min || text.length > this.max) return false;
    return text.length === 0 || this.allowedFirst[text.charCodeAt(0)] === 1;
  }
}

/** Well-formed text without control characters. */
export class Text extends AnyText {
  readonly bytesMax: number;

  constructor(name: string, bytesMax: number) {
    super(name);
    this.bytesMax = bytesMax;
  }

  private check(text: string, bytes: number): void {
    if (bytes > this.bytesMax) throw new BytesError(`${this.name} is ${bytes} bytes long, more than ${this.bytesMax}`);
    if (!CONTROLS.test(text)) return;
    throw new BytesError(`${this.name} is no text without control characters`);
  }
  read(r: Reader): string {
    const text = r.text(this.bytesMax);
    if (text === null) throw new BytesError(`${this.name} is no UTF-8 of at most ${this.bytesMax} bytes`);
    this.check(text, 0);
    return text;
  }
  write(w: Writer, text: string): void {
    this.check(text, Buffer.byteLength(text));
    w.text(text);
  }
}
const CONTROLS = /\p{Cc}/u;
