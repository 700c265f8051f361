import { type Op, OUTCOMES } from '../../spec/vocabulary.ts';
import { refuses } from '../api/errors.ts';
import type { Capability } from '../auth/authorize.ts';
import type { Verdicts } from '../node/authentication.ts';
import { authorizeOps, unknownCaller } from '../node/authorize.ts';
import type { Item } from '../node/requests.ts';
import type { Reply, Request } from '../service/messages.ts';
import { APP_PROTO, checkHeader, FLAG, FrameError, HEADER_BYTES } from '../wire/frame.ts';
import { type Broken, readUnits, UNITS_MAX, type Unit, UnitWriter } from '../wire/units.ts';
import type { BodyRules } from './body.ts';
import type { HttpExchange } from './exchange.ts';
import { Answering, type FrameCodec, frameExpander, helloBody, OAP_TYPE } from './frames.ts';
import { type Ask, asked, isRefused, refusedItems, riddenAcks } from './many.ts';
import { type Answer, errorOf, original } from './reply.ts';
import type { Match, Route } from './routes.ts';

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
/** A unit and what it asks for; null for HELLO. */
interface Slot {
  readonly unit: Unit;
  readonly ask: Ask | null;
}

/** A body of units: what they ask for, and the units that answer them. Each is answered alone, in order. */
export class FramesExchange {
  readonly items: Item[] = [];
  private readonly slots: Slot[] = [];
  private readonly units: readonly Unit[];
  private readonly broken: Broken | null;
  private readonly request: HttpExchange;
  private readonly codec: FrameCodec;
  private readonly rules: BodyRules;
  private readonly flag200: boolean;

  constructor(request: HttpExchange, body: Buffer, rules: BodyRules, flag200: boolean) {
    this.request = request;
    this.rules = rules;
    this.flag200 = flag200;
    this.codec = request.route?.frames as FrameCodec;
    const isEncoded = request.head.contentEncoding !== undefined;
    const expand = isEncoded ? null : frameExpander(rules.bytesMax, rules.ratio);
    const { units, broken } = readUnits(body, { kind: FLAG.REQ, unitsMax: UNITS_MAX, expand });
    this.units = units;
    this.broken = body.length > 0 ? broken : { error: new FrameError('body: no frame'), app: 0, corrHi: 0, corrLo: 0 };
  }

  /** The capabilities that units bring and the head does not. */
  get tokens(): ReadonlySet<string> {
    const tokens = new Set<string>();
    if (this.request.head.authorization === undefined) {
      for (const { capability } of this.units) if (capability !== '') tokens.add(capability);
    }
    return tokens;
  }

  /** Reads what the units ask for, now that it is known who stands behind the tokens: fills `items`. */
  open(found: Verdicts): void {
    const isAlone = this.units.length === 1 && this.broken === null;
    for (const unit of this.units) this.take(unit, this.callerOf(unit, found), isAlone);
  }

  private take(unit: Unit, caller: Capability | Reply, isAlone: boolean): void {
    if ('outcome' in caller) {
      this.slots.push({ unit, ask: caller });
      return;
    }
    if (unit.app === APP_PROTO.hello) {
      this.slots.push({ unit, ask: null });
      return;
    }
    const { found, corrId } = this.request;
    const ask = asked(() => this.codec.ask(unit, (found as Match).msgId, corrId));
    const refused = ask.verb === undefined ? ask : this.refusal(unit, ask, isAlone);
    this.slots.push({ unit, ask: refused ?? ask });
    if (refused === null) this.items.push({ request: ask as Request, capability: caller });
  }

  /** Who asks: by the unit's own capability, which must be the head's where there is one, or by the head's (AU1). */
  private callerOf({ capability: token }: Unit, found: Verdicts): Capability | Reply {
    const { head, route, capability } = this.request;
    const ops = route?.ops as readonly Op[];
    const isHeads = head.authorization !== undefined;
    if (isHeads && token !== '' && head.authorization?.slice(BEARER.length) !== token) {
      return { outcome: 'schema', message: 'frame: another capability than the Authorization header' };
    }
    // What the first frame brought holds for that frame alone.
    const verdict = isHeads ? (capability as Capability) : (found.get(token) ?? 'missing');
    if (typeof verdict === 'string') {
      this.request.denied(ops[0] as Op, verdict);
      return unknownCaller(verdict);
    }
    return authorizeOps(this.request, verdict, ops) ?? verdict;
  }

  private refusal(unit: Unit, ask: Request, isAlone: boolean): Reply | null {
    if (unit.app !== this.codec.app) {
      return { outcome: 'schema', message: `frame: app_proto_id must be ${this.codec.app} here` };
    }
    if (ask.verb !== 'recv' || ask.waitMs === 0 || isAlone) return null;
    return { outcome: 'schema', message: 'wait_ms: only where it is the only unit' };
  }

  /** The response, given the replies to `items`. */
  answer(replies: readonly Reply[], nowMs: number): Answer {
    const out = new UnitWriter(FLAG.RESP, 256 * (this.slots.length + 1));
    const all: Reply[] = [];
    let next = 0;
    for (const { unit, ask } of this.slots) {
      const to = new Answering(out, unit, nowMs);
      if (ask === null) {
        to.add(200, helloBody(this.rules.bytesMax, this.rules.ratio));
        continue;
      }
      const reply = ask.verb === undefined ? ask : (replies[next++] as Reply);
      all.push(reply);
      if (ask.verb !== undefined && !isRefused(reply, this.flag200)) this.codec.write(reply, ask, to);
      else this.writeError(reply, to);
    }
    if (this.broken !== null) {
      const reply: Reply = { outcome: OUTCOME_OF[this.broken.error.fault], message: this.broken.error.message };
      all.push(reply);
      this.writeError(reply, new Answering(out, this.broken, nowMs));
    }
    return this.response(out.bytes(), all);
  }

  private writeError(reply: Reply, to: Answering): void {
    if (!refuses(reply.outcome)) throw new Error('oap: no refusal');
    const error = errorOf(reply.outcome, reply.message, this.request.corrId, original(reply));
    to.add(OUTCOMES[reply.outcome].status, JSON.stringify(error));
  }

  /** A body of one unit has that unit's status; of several, each has its own and the response is 200. */
  private response(body: Buffer, replies: readonly Reply[]): Answer {
    const counted = refusedItems([...replies, ...replies.flatMap(riddenAcks)], this.flag200);
    const base = { body, type: OAP_TYPE, ...counted };
    const [only] = refusedItems(replies, this.flag200).refusedItems ?? [];
    const isOne = this.slots.length + (this.broken === null ? 0 : 1) === 1;
    if (!isOne || only === undefined) return { ...base, status: 200, outcome: 'ok' };
    const rejected = this.broken?.error.fault === 'ratio' ? { rejected: 'ratio_cap' as const } : {};
    return { ...base, ...rejected, status: OUTCOMES[only].status, outcome: only };
  }
}

const OUTCOME_OF = { malformed: 'schema', too_long: 'too_large', ratio: 'too_large' } as const;

/** A refusal of the whole request, as the one unit that a client of frames reads. */
export function framed(answer: Answer, route: Route): Answer {
  const out = new UnitWriter(FLAG.RESP, 512);
  const to = new Answering(out, { app: (route.frames as FrameCodec).app, corrHi: 0, corrLo: 0 }, 0);
  to.add(answer.status, answer.body.toString());
  return { ...answer, body: out.bytes(), type: OAP_TYPE };
}
