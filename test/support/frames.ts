import { APP_PROTO, FLAG } from '../../src/wire/frame.ts';
import { readUnits, UnitWriter } from '../../src/wire/units.ts';
import type { TestServer } from './server.ts';

export interface UnitIn {
  readonly app?: number;
  readonly corr?: number;
  readonly capability?: string;
  readonly json?: unknown;
  readonly payload?: Uint8Array;
}
export interface UnitOut {
  readonly code: number;
  readonly app: number;
  readonly corr: number;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into bodies of every shape
  readonly json: any;
  readonly payload: Buffer;
}

/** The bytes of these request units; `json` may be text that is none. */
export function unitsBody(units: readonly UnitIn[], app: number = APP_PROTO.send): Buffer {
  const writer = new UnitWriter(FLAG.REQ, 1024);
  for (const [i, unit] of units.entries()) {
    const head = typeof unit.json === 'string' ? unit.json : JSON.stringify(unit.json ?? {});
    const { capability = '', corr = i + 1 } = unit;
    const base = { app: unit.app ?? app, code: 0, capability, corrHi: 7, corrLo: corr };
    writer.add(base, head, unit.payload ?? Buffer.alloc(0));
  }
  return writer.bytes();
}

/** The units of an answer; throws when it is not made of whole ones. */
export function unitsIn(bytes: Buffer): UnitOut[] {
  const { units, broken } = readUnits(bytes, { kind: FLAG.RESP, unitsMax: 1024, expand: null });
  if (broken !== null) throw broken.error;
  return units.map(({ code, app, corrLo, head, payload }) => ({
    code,
    app,
    corr: corrLo,
    json: head.length === 0 ? null : JSON.parse(head.toString()),
    payload,
  }));
}

export interface FramesAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly units: UnitOut[];
}

export async function postFrames(
  server: TestServer,
  path: string,
  body: Buffer,
  { cap, headers = {} }: { cap?: string | null; headers?: Record<string, string> } = {},
): Promise<FramesAnswer> {
  const all = { 'content-type': 'application/oap1', ...headers };
  const answer = await server.postBytes(path, body, all, cap === undefined ? server.capability : cap);
  return { status: answer.status, headers: answer.headers, units: unitsIn(answer.bytes) };
}
