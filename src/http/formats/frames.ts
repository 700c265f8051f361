import { type Op, OUTCOMES } from '../../../spec/vocabulary.ts';
import { refuses } from '../../api/errors.ts';
import type { SchemaName } from '../../api/schemas.ts';
import type { Capability } from '../../auth/authorize.ts';
import type { Verdicts } from '../../node/authentication.ts';
import { authorizeOps, unknownCaller } from '../../node/authorize.ts';
import type { Reply, Request } from '../../service/messages.ts';
import { BinaryWriter, type Mirrored } from '../../wire/binary-writer.ts';
import { APP_PROTO, checkHeader, FLAG, FrameError, type FrameVersion, HEADER_BYTES } from '../../wire/frame.ts';
import { type Broken, readUnits, UNITS_MAX, type Unit, UnitWriter } from '../../wire/units.ts';
import type { BodyRules } from '../body.ts';
import type { HttpExchange } from '../exchange.ts';
import { type Answer, errorOf, original } from '../reply.ts';
import type { Match, Route } from '../routes.ts';
import { type Ask, type Asked, aloneOrAtOnce, asked, isRefused, refusedIn } from './asks.ts';
import { frameDecompressor } from './frame-decompress.ts';
import { Answering, binaryRequestIn, type FrameCodec, helloBody, OAP_TYPE, requestIn } from './units.ts';
import type { From } from './verbs.ts';

/** Longer ones are no capability: they are not waited for. */
const TOKEN_BYTES_MAX = 4096;

/**
 * The capability that the first frame of a body brings: null when it brings none or is no frame, `more` while too little
 * of it is there.
 */
export function firstCapability(start: Buffer): { readonly token: string | null } | 'more' {
  if (start.length < HEADER_BYTES) return 'more';
  try {
    checkHeader(start, 0);
  } catch {
    return { token: null };
  }
  const end = HEADER_BYTES + start.readUInt16BE(28);
  if (end === HEADER_BYTES || end > HEADER_BYTES + TOKEN_BYTES_MAX) return { token: null };
  return start.length < end ? 'more' : { token: start.toString('latin1', HEADER_BYTES, end) };
}

const BEARER = 'Bearer ';

/** A body of units: what they ask for, and the units that answer them. Each is answered alone, in order. */
export class FramesFormat implements Asked {
  readonly asks: Ask[] = [];
  private readonly version: FrameVersion;
  private readonly units: readonly Unit[];
  private readonly broken: Broken | null;
  private readonly exchange: HttpExchange;
  private readonly codec: FrameCodec;
  private readonly rules: BodyRules;
  private readonly flag200: boolean;

  constructor(exchange: HttpExchange, body: Buffer, rules: BodyRules, flag200: boolean) {
    this.exchange = exchange;
    this.rules = rules;
    this.flag200 = flag200;
    this.codec = exchange.route?.frames as FrameCodec;
    const isEncoded = exchange.head.contentEncoding !== undefined;
    const expand = isEncoded ? null : frameDecompressor(rules.bytesMax, rules.ratio);
    const { version, units, broken } = readUnits(body, { kind: FLAG.REQ, unitsMax: UNITS_MAX, expand });
    this.version = version;
    this.units = units;
    this.broken = body.length > 0 ? broken : { error: new FrameError('body: no frame'), app: 0, corrHi: 0, corrLo: 0 };
  }

  /** The capabilities that units bring and the head does not. */
  get tokens(): ReadonlySet<string> {
    const tokens = new Set<string>();
    if (this.exchange.head.authorization === undefined) {
      for (const { capability } of this.units) if (capability !== '') tokens.add(capability);
    }
    return tokens;
  }

  /** Reads what the units ask for, now that it is known who stands behind the tokens: fills `asks`. */
  open(found: Verdicts): void {
    const isAlone = this.units.length === 1 && this.broken === null;
    const from = { msgId: (this.exchange.found as Match).msgId, corrId: this.exchange.corrId };
    for (const unit of this.units) this.asks.push(this.askOf(unit, this.callerOf(unit, found), isAlone, from));
  }

  private askOf(unit: Unit, caller: Capability | Reply, isAlone: boolean, from: From): Ask {
    if ('outcome' in caller) return { refused: caller };
    if (unit.app === APP_PROTO.hello) return HELLO;
    const schema = this.exchange.route?.unit as SchemaName as never;
    const ask = asked(caller, () =>
      this.version === 2
        ? binaryRequestIn(schema, this.codec, unit.head, from)
        : requestIn(schema, this.codec, unit, from),
    );
    if ('refused' in ask) return ask;
    return unit.app === this.codec.app ? aloneOrAtOnce(ask, isAlone) : otherApp(this.codec.app);
  }

  /** Who asks: by the unit's own capability, which must be the head's where there is one, or by the head's (AU1). */
  private callerOf({ capability: token }: Unit, found: Verdicts): Capability | Reply {
    const { head, route, capability } = this.exchange;
    const ops = route?.ops as readonly Op[];
    const isHeads = head.authorization !== undefined;
    if (isHeads && token !== '' && head.authorization?.slice(BEARER.length) !== token) {
      return { outcome: 'schema', message: 'frame: another capability than the Authorization header' };
    }
    // What the first frame brought holds for that frame alone.
    const verdict = isHeads ? (capability as Capability) : (found.get(token) ?? 'missing');
    if (typeof verdict === 'string') {
      this.exchange.denied(ops[0] as Op, verdict);
      return unknownCaller(verdict);
    }
    return authorizeOps(this.exchange, verdict, ops) ?? verdict;
  }

  answer(replies: readonly Reply[], nowMs: number): Answer {
    const out = unitsOut(this.version, this.codec, this.asks.length + 1, nowMs);
    const all: Reply[] = [];
    for (let i = 0; i < this.asks.length; i++) {
      const ask = this.asks[i] as Ask;
      const to = this.units[i] as Unit;
      if (ask === HELLO) {
        out.json(to, 200, helloBody(this.rules.bytesMax, this.rules.ratio));
        continue;
      }
      const reply = replies[i] as Reply;
      all.push(reply);
      if (!('refused' in ask) && !isRefused(reply, this.flag200)) out.given(to, reply, ask.request);
      else this.writeError(reply, to, out);
    }
    if (this.broken !== null) {
      const reply: Reply = { outcome: OUTCOME_OF[this.broken.error.fault], message: this.broken.error.message };
      all.push(reply);
      this.writeError(reply, this.broken, out);
    }
    return this.response(out.bytes(), all);
  }

  private writeError(reply: Reply, to: Mirrored, out: UnitsOut): void {
    if (!refuses(reply.outcome)) throw new Error('oap: no refusal');
    const error = errorOf(reply.outcome, reply.message, this.exchange.corrId, original(reply));
    out.json(to, OUTCOMES[reply.outcome].status, JSON.stringify(error));
  }

  /** A body of one unit has that unit's status; of several, each has its own and the response is 200. */
  private response(body: Buffer, replies: readonly Reply[]): Answer {
    const base = { body, type: OAP_TYPE, ...refusedIn(replies, this.flag200) };
    const isOne = this.asks.length + (this.broken === null ? 0 : 1) === 1;
    const only = isOne ? replies.find((reply) => isRefused(reply, this.flag200))?.outcome : undefined;
    if (only === undefined) return { ...base, status: 200, outcome: 'ok' };
    const rejected = this.broken?.error.fault === 'ratio' ? { rejected: 'ratio_cap' as const } : {};
    return { ...base, ...rejected, status: OUTCOMES[only].status, outcome: only };
  }
}

/** Where the units of an answer go. */
interface UnitsOut {
  json(to: Mirrored, code: number, text: string): void;
  /** What answers a request that was not refused. */
  given(to: Mirrored, reply: Reply, request: Request): void;
  bytes(): Buffer;
}

/** In the version of the body that is answered; `units`: how many there may be. */
function unitsOut(version: FrameVersion, codec: FrameCodec, units: number, nowMs: number): UnitsOut {
  if (version === 2) {
    const out = new BinaryWriter(256 * units);
    return {
      json: (to, code, text) => out.text(to, code, text),
      given: (to, reply, request) => codec.writeBinary(reply, request, out, to, nowMs),
      bytes: () => out.bytes(),
    };
  }
  const out = new UnitWriter(FLAG.RESP, 256 * units);
  return {
    json: (to, code, text) => new Answering(out, to, nowMs).add(code, text),
    given: (to, reply, request) => codec.write(reply, request, new Answering(out, to, nowMs)),
    bytes: () => out.bytes(),
  };
}

/** A greeting asks for nothing, and has an answer of its own. */
const HELLO: Ask = { refused: { outcome: 'ok' } };
const otherApp = (app: number): Ask => ({
  refused: { outcome: 'schema', message: `frame: app_proto_id must be ${app} here` },
});

const OUTCOME_OF = { malformed: 'schema', too_long: 'too_large', ratio: 'too_large' } as const;

/** A refusal of the whole request, as the one unit that a client of frames reads. */
export function framed(answer: Answer, route: Route): Answer {
  const out = new UnitWriter(FLAG.RESP, 512);
  const to = new Answering(out, { app: (route.frames as FrameCodec).app, corrHi: 0, corrLo: 0 }, 0);
  to.add(answer.status, answer.body.toString());
  return { ...answer, body: out.bytes(), type: OAP_TYPE };
}
