import { putU16, putU32, u16At, u32At } from './numbers.ts';

/**
 * OAP/1 frames (`docs/protocol.md`: Frames): their bytes, whatever they are used for. The server and the client both
 * read and write them here.
 */
/** What a frame after its header is: 1, JSON and chunks of bytes; 2, one frame a unit, binary throughout (`binary.ts`). */
export const FRAME_VERSIONS = [1, 2] as const;
export type FrameVersion = (typeof FRAME_VERSIONS)[number];
export const HEADER_BYTES = 38;
/** A whole frame, header included; checked before anything is allocated (T5). */
export const FRAME_BYTES_MAX = 1024 * 1024;
/** Raw payload of one frame after the first of a unit. */
export const CHUNK_BYTES_MAX = 64 * 1024;

/** As many as `cap_len` can say. */
const CAPABILITY_BYTES_MAX = 0xffff;

export const FLAG = { REQ: 1, RESP: 2, EVENT: 4, START: 8, END: 16, ACK_REQ: 32, COMP: 64, APP_E2E: 128 } as const;
const FLAGS_KNOWN = 0xff;

export interface Frame {
  readonly version: FrameVersion;
  readonly flags: number;
  /** The status of an answer, 0 in a request. */
  readonly code: number;
  /** What the unit is for: `APP_PROTO`. */
  readonly app: number;
  /** One byte a character; empty without one. */
  readonly capability: string;
  /** The two halves of the correlation id, u32 each. */
  readonly corrHi: number;
  readonly corrLo: number;
  readonly payload: Uint8Array;
}

/** What `app_proto_id` means. */
export const APP_PROTO = { hello: 0, send: 1, recv: 2, ack: 3, nack: 4 } as const;

/** Why bytes are no frame: not one at all, beyond a limit of size, or expanding beyond the ratio cap. */
export type FrameFault = 'malformed' | 'too_long' | 'ratio';

export class FrameError extends Error {
  readonly fault: FrameFault;

  constructor(message: string, fault: FrameFault = 'malformed') {
    super(message);
    this.fault = fault;
  }
}

// Offsets in the header: len 0, ver 4, flags 6, code 8, app_proto_id 10, tenant_id 12, cap_len 28, corr_id 30.

/** The length of the frame that starts at `at`, header included. @throws FrameError */
export function frameLength(bytes: Buffer, at: number): number {
  if (bytes.length - at < HEADER_BYTES) throw new FrameError(`frame: a header has ${HEADER_BYTES} bytes`);
  const length = u32At(bytes, at);
  if (length > FRAME_BYTES_MAX) throw new FrameError(`frame: at most ${FRAME_BYTES_MAX} bytes`, 'too_long');
  if (length < HEADER_BYTES) throw new FrameError('frame: len is less than a header');
  return length;
}

const isVersion = (ver: number): ver is FrameVersion => ver === 1 || ver === 2;

/** The version of the frame at `at`, whose header is good. */
export const versionAt = (bytes: Buffer, at: number): FrameVersion => (u16At(bytes, at + 4) === 2 ? 2 : 1);

/** Checks the header at `at`, whatever is there of the rest. @throws FrameError */
export function checkHeader(bytes: Buffer, at: number): void {
  const length = frameLength(bytes, at);
  if (!isVersion(u16At(bytes, at + 4))) throw new FrameError(`frame: ver must be ${FRAME_VERSIONS.join(' or ')}`);
  const flags = u16At(bytes, at + 6);
  if ((flags & ~FLAGS_KNOWN) !== 0) throw new FrameError('frame: an unknown flag');
  for (let i = 12; i < 28; i += 4) {
    if (u32At(bytes, at + i) !== 0) throw new FrameError('frame: tenant_id must be 0');
  }
  const capLength = u16At(bytes, at + 28);
  if (HEADER_BYTES + capLength > length) throw new FrameError('frame: cap_len goes beyond the frame');
  if (capLength > 0 && (flags & FLAG.START) === 0) throw new FrameError('frame: a capability only with START');
}

/** Checks that a whole frame starts at `at`; gives where it ends. @throws FrameError */
export function checkFrame(bytes: Buffer, at: number): number {
  checkHeader(bytes, at);
  const end = at + u32At(bytes, at);
  if (end > bytes.length) throw new FrameError('frame: longer than what is there');
  return end;
}

/** The frame that starts at `at`; its payload is a view of `bytes`. `at + length` is where the next one starts. @throws FrameError */
export function decodeFrame(bytes: Buffer, at: number): Frame {
  const end = checkFrame(bytes, at);
  const capEnd = at + HEADER_BYTES + u16At(bytes, at + 28);
  return {
    version: versionAt(bytes, at),
    flags: u16At(bytes, at + 6),
    code: u16At(bytes, at + 8),
    app: u16At(bytes, at + 10),
    corrHi: u32At(bytes, at + 30),
    corrLo: u32At(bytes, at + 34),
    capability: capEnd === at + HEADER_BYTES ? '' : bytes.toString('latin1', at + HEADER_BYTES, capEnd),
    payload: bytes.subarray(capEnd, end),
  };
}

/** A frame to be written: of version 1 where it does not say. */
export type NewFrame = Omit<Frame, 'version'> & Partial<Pick<Frame, 'version'>>;

/** Writes everything of a frame but its payload, which takes `payloadBytes` bytes after it; gives where it goes. */
export function putHead(out: Buffer, at: number, frame: Omit<NewFrame, 'payload'>, payloadBytes: number): number {
  const capLength = frame.capability.length;
  if (capLength > CAPABILITY_BYTES_MAX) throw new Error(`frame: a capability of at most ${CAPABILITY_BYTES_MAX} bytes`);
  const length = HEADER_BYTES + capLength + payloadBytes;
  putU32(out, at, length);
  putU16(out, at + 4, frame.version ?? 1);
  putU16(out, at + 6, frame.flags);
  putU16(out, at + 8, frame.code);
  putU16(out, at + 10, frame.app);
  for (let i = 12; i < 28; i += 4) putU32(out, at + i, 0);
  putU16(out, at + 28, capLength);
  putU32(out, at + 30, frame.corrHi);
  putU32(out, at + 34, frame.corrLo);
  if (capLength > 0) out.write(frame.capability, at + HEADER_BYTES, 'latin1');
  return at + HEADER_BYTES + capLength;
}

/** The bytes of a frame: `encodeFrame(decodeFrame(x))` is `x`. */
export function encodeFrame(frame: NewFrame): Buffer {
  const out = Buffer.allocUnsafe(HEADER_BYTES + frame.capability.length + frame.payload.length);
  out.set(frame.payload, putHead(out, 0, frame, frame.payload.length));
  return out;
}
