import {
  CHUNK_BYTES_MAX,
  checkFrame,
  decodeFrame,
  FLAG,
  type Frame,
  FrameError,
  type FrameVersion,
  HEADER_BYTES,
  putHead,
  versionAt,
} from './frame.ts';
import { putU32, u16At, u32At } from './numbers.ts';

/** Units in one body: as many as a batch may have messages, and the answers to one. */
export const UNITS_MAX = 256;
/** Frames in one body: chunks may be small, and not of a few bytes each. */
const FRAMES_MAX = 4096;

/** A request or an answer: frames from START to END with one `corr_id`, put together. */
export interface Unit {
  readonly app: number;
  readonly code: number;
  readonly capability: string;
  readonly corrHi: number;
  readonly corrLo: number;
  /** The payload of the START frame: JSON, or nothing. In version 2 all that the unit says, a view of the body. */
  readonly head: Buffer;
  /** The payload of the other frames; a view of the body while it came in one. In version 2 there are none. */
  readonly payload: Buffer;
}

/** What a body broke off with: the units before it stand. */
export interface Broken {
  readonly error: FrameError;
  readonly app: number;
  readonly corrHi: number;
  readonly corrLo: number;
}

export interface Units {
  /** Of all frames of the body; 1 where the first is none. */
  readonly version: FrameVersion;
  readonly units: readonly Unit[];
  readonly broken: Broken | null;
}

export interface UnitRules {
  /** Every frame says that it is this: `FLAG.REQ` or `FLAG.RESP`. */
  readonly kind: number;
  readonly unitsMax: number;
  /** Expands the payload of a frame with COMP to at most `bytesMax` bytes; null where none is taken. @throws FrameError */
  readonly expand: ((payload: Buffer, bytesMax: number) => Buffer) | null;
}

const NOTHING = Buffer.alloc(0);
const KINDS = FLAG.REQ | FLAG.RESP | FLAG.EVENT;

/** Reads a body of units. Never throws: what is wrong ends the reading, and is told with what came before. */
export function readUnits(body: Buffer, rules: UnitRules): Units {
  const units: Unit[] = [];
  let version: FrameVersion | null = null;
  let at = 0;
  let frames = 0;
  let start: Frame | null = null;
  const next = (): Frame => {
    if (++frames > FRAMES_MAX) throw new FrameError(`body: at most ${FRAMES_MAX} frames`);
    const frame = decodeFrame(body, at);
    if (frame.version !== version) throw otherVersion();
    at += u32At(body, at);
    return frame;
  };
  try {
    while (at < body.length) {
      start = null;
      if (units.length >= rules.unitsMax) throw new FrameError(`body: at most ${rules.unitsMax} units`);
      const end = checkFrame(body, at);
      version ??= versionAt(body, at);
      if (version !== versionAt(body, at)) throw otherVersion();
      if (version === 2) {
        units.push(wholeUnit(body, at, end, rules));
        at = end;
        continue;
      }
      start = next();
      checkStarts(start.flags);
      const head = payloadOf(start, rules, Number.POSITIVE_INFINITY);
      const chunks: Buffer[] = [];
      for (let frame = start; (frame.flags & FLAG.END) === 0; ) {
        if (at >= body.length) throw new FrameError('body: the last unit has no END');
        frame = next();
        checkGoesOn(frame, start);
        chunks.push(payloadOf(frame, rules, CHUNK_BYTES_MAX));
      }
      const { app, code, capability, corrHi, corrLo } = start;
      const payload =
        chunks.length === 1 ? (chunks[0] as Buffer) : chunks.length === 0 ? NOTHING : Buffer.concat(chunks);
      units.push({ app, code, capability, corrHi, corrLo, head, payload });
    }
    return { version: version ?? 1, units, broken: null };
  } catch (error) {
    if (!(error instanceof FrameError)) throw error;
    const { app = 0, corrHi = 0, corrLo = 0 } = start ?? headerOf(body, at);
    return { version: version ?? 1, units, broken: { error, app, corrHi, corrLo } };
  }
}

const otherVersion = (): FrameError => new FrameError('frame: another ver than the body began with');

/**
 * The unit that is the whole frame from `at` to `end`, whose header is good: in version 2, where it stands as it is, and whoever wants it
 * compressed encodes the body. There are hundreds in a body, and nothing is made of one but the unit. @throws FrameError
 */
function wholeUnit(body: Buffer, at: number, end: number, { kind }: UnitRules): Unit {
  const flags = u16At(body, at + 6);
  const code = u16At(body, at + 8);
  checkStarts(flags);
  if ((flags & FLAG.END) === 0) throw new FrameError('frame: START and END in one frame, in ver 2');
  if ((flags & FLAG.COMP) !== 0) throw new FrameError('frame: COMP is not taken in ver 2');
  checkKind(flags, code, kind);
  const capabilityAt = at + HEADER_BYTES;
  const headAt = capabilityAt + u16At(body, at + 28);
  return {
    app: u16At(body, at + 10),
    code,
    capability: headAt === capabilityAt ? '' : body.toString('latin1', capabilityAt, headAt),
    corrHi: u32At(body, at + 30),
    corrLo: u32At(body, at + 34),
    head: body.subarray(headAt, end),
    payload: NOTHING,
  };
}

function checkStarts(flags: number): void {
  if ((flags & FLAG.START) === 0) throw new FrameError('frame: a unit begins with START');
}

/** @throws FrameError */
function checkKind(flags: number, code: number, kind: number): void {
  if ((flags & KINDS) !== kind) {
    throw new FrameError(
      `frame: must be a ${kind === FLAG.REQ ? 'request (REQ)' : 'response (RESP)'} and nothing else`,
    );
  }
  if (kind === FLAG.REQ && code !== 0) throw new FrameError('frame: code must be 0 in a request');
}

function checkGoesOn(frame: Frame, start: Frame): void {
  if ((frame.flags & FLAG.START) !== 0) throw new FrameError('frame: START before the END of the unit before');
  if (frame.corrHi !== start.corrHi || frame.corrLo !== start.corrLo) {
    throw new FrameError('frame: another corr_id before the END of the unit');
  }
  if (frame.app !== start.app) throw new FrameError('frame: another app_proto_id than the unit began with');
  if (frame.payload.length === 0 && (frame.flags & FLAG.END) === 0)
    throw new FrameError('frame: empty and not the last');
}

function payloadOf(frame: Frame, { kind, expand }: UnitRules, bytesMax: number): Buffer {
  checkKind(frame.flags, frame.code, kind);
  let payload = frame.payload as Buffer;
  if ((frame.flags & FLAG.COMP) !== 0) {
    if (expand === null) throw new FrameError('frame: COMP is not taken in an encoded body');
    payload = expand(payload, bytesMax);
  }
  if (payload.length > bytesMax) throw new FrameError(`frame: a payload of at most ${bytesMax} bytes`, 'too_long');
  return payload;
}

/** What an answer to a broken frame can still mirror. */
function headerOf(body: Buffer, at: number): { app?: number; corrHi?: number; corrLo?: number } {
  if (body.length - at < HEADER_BYTES) return {};
  return { app: u16At(body, at + 10), corrHi: u32At(body, at + 30), corrLo: u32At(body, at + 34) };
}

/** Writes units one after the other into one buffer. */
export class UnitWriter {
  private out: Buffer;
  private length = 0;
  private readonly kind: number;

  /** `kind`: `FLAG.REQ` or `FLAG.RESP`. `bytes`: how much room to begin with. */
  constructor(kind: number, bytes: number) {
    this.kind = kind;
    this.out = Buffer.allocUnsafe(bytes);
  }

  /** `head` is text, `payload` goes after it in chunks. */
  add(unit: Omit<Unit, 'head' | 'payload'>, head: string, payload: Uint8Array): void {
    const chunks = Math.ceil(payload.length / CHUNK_BYTES_MAX);
    this.reserve(HEADER_BYTES * (1 + chunks) + unit.capability.length + 3 * head.length + payload.length);
    const flags = this.kind | FLAG.START | (chunks === 0 ? FLAG.END : 0);
    const frame = { ...unit, flags };
    const start = this.length;
    const at = putHead(this.out, start, frame, 0);
    const headBytes = this.out.write(head, at);
    putU32(this.out, start, at - start + headBytes);
    this.length = at + headBytes;
    for (let i = 0; i < chunks; i++) {
      const chunk = payload.subarray(i * CHUNK_BYTES_MAX, (i + 1) * CHUNK_BYTES_MAX);
      const more = { ...unit, capability: '', flags: this.kind | (i === chunks - 1 ? FLAG.END : 0) };
      const to = putHead(this.out, this.length, more, chunk.length);
      this.out.set(chunk, to);
      this.length = to + chunk.length;
    }
  }

  private reserve(bytes: number): void {
    if (this.length + bytes <= this.out.length) return;
    const larger = Buffer.allocUnsafe(Math.max(2 * this.out.length, this.length + bytes));
    this.out.copy(larger, 0, 0, this.length);
    this.out = larger;
  }

  /** What was written. */
  bytes(): Buffer {
    return this.out.subarray(0, this.length);
  }
}
