import { OPS, type Op } from '../../spec/vocabulary.ts';
import { Cutting, type Piece, type Quota } from './chain.ts';

/** `wire`: Capabilities. One caveat, as its line of ASCII says it. */
export type Caveat =
  | { readonly kind: 'topic'; readonly topic: string }
  | { readonly kind: 'topic_prefix'; readonly prefix: string }
  | { readonly kind: 'op'; readonly ops: readonly Op[] }
  | { readonly kind: 'expires'; readonly atS: number }
  | { readonly kind: 'not_before'; readonly atS: number }
  | { readonly kind: 'quota'; readonly unit: 'ops' | 'bytes'; readonly max: number; readonly windowS: number }
  | { readonly kind: 'role'; readonly role: Role };

export const ROLES = ['producer', 'consumer', 'viewer', 'admin'] as const;
export type Role = (typeof ROLES)[number];

/** What each role may do at most (K8). */
const ROLE_OPS: Readonly<Record<Role, readonly Op[]>> = {
  producer: ['send', 'stats'],
  consumer: ['recv', 'ack', 'nack', 'extend', 'stats'],
  viewer: ['view', 'stats'],
  admin: ['admin'],
};

/** An op that stands only beside these, so that nobody mistakes what its capability can do (AU4, AU7). */
export const OPS_BESIDE: Readonly<Partial<Record<Op, readonly Op[]>>> = { admin: [], view: ['stats'] };

const TOPIC = /^[a-z0-9][a-z0-9._:-]{0,127}$/;
const NUMBER = /^[1-9][0-9]{0,14}$/;
const QUOTA = /^([1-9][0-9]{0,14})\/([1-9][0-9]{0,6})$/;
const KEYED = /^(topic|op|expires|not_before|quota_ops|quota_bytes|role) = ([!-~]+)$/;
const PREFIX = 'topic prefix ';

/** Null for a line that says nothing this version knows: the capability is then refused (AU1). */
export function parseCaveat(line: string): Caveat | null {
  if (line.startsWith(PREFIX)) {
    const prefix = line.slice(PREFIX.length);
    return TOPIC.test(prefix) ? { kind: 'topic_prefix', prefix } : null;
  }
  const match = KEYED.exec(line);
  if (match === null) return null;
  const [, key, value] = match as unknown as [string, string, string];
  switch (key) {
    case 'topic':
      return TOPIC.test(value) ? { kind: 'topic', topic: value } : null;
    case 'op':
      return opsOf(value);
    case 'expires':
    case 'not_before':
      return NUMBER.test(value) ? { kind: key, atS: Number(value) } : null;
    case 'role':
      return (ROLES as readonly string[]).includes(value) ? { kind: 'role', role: value as Role } : null;
    default:
      return quotaOf(key === 'quota_ops' ? 'ops' : 'bytes', value);
  }
}

function opsOf(value: string): Caveat | null {
  const ops = value.split(',');
  if (new Set(ops).size !== ops.length || !ops.every((op) => (OPS as readonly string[]).includes(op))) return null;
  const isAlone = (op: Op): boolean =>
    ops.every((other) => other === op || OPS_BESIDE[op]?.includes(other as Op) !== false);
  if (!(ops as Op[]).every(isAlone)) return null;
  return { kind: 'op', ops: ops as Op[] };
}

function quotaOf(unit: 'ops' | 'bytes', value: string): Caveat | null {
  const match = QUOTA.exec(value);
  return match === null ? null : { kind: 'quota', unit, max: Number(match[1]), windowS: Number(match[2]) };
}

/** What all caveats of a capability together allow: every one must hold, so several of a kind intersect. */
export interface Scope {
  readonly topics: readonly string[];
  readonly prefixes: readonly string[];
  readonly ops: ReadonlySet<Op>;
  readonly expiresS: number;
  readonly notBeforeS: number;
  /** The chain down to the last quota. */
  readonly pieces: readonly Piece[];
}

/** Caveats of one kind that a capability may have. */
const OF_A_KIND_MAX = 8;
/** Every kind, as its line begins. */
const KINDS = ['topic', 'topic prefix', 'op', 'expires', 'not_before', 'quota_ops', 'quota_bytes', 'role'] as const;
const MANDATORY = ['op', 'expires', 'quota_ops'] as const;
type Kind = (typeof KINDS)[number];
type Counts = Record<Kind, number>;

const kindOf = (caveat: Caveat): Kind =>
  caveat.kind === 'quota' ? `quota_${caveat.unit}` : caveat.kind === 'topic_prefix' ? 'topic prefix' : caveat.kind;

/**
 * The scope of these caveats, or why there is none: one that is unknown, too many of a kind, a mandatory one missing, or some
 * that never go together (E1, K8).
 */
export function scopeOf(lines: readonly string[]): Scope | string {
  const counts = Object.fromEntries(KINDS.map((kind) => [kind, 0])) as Counts;
  const topics: string[] = [];
  const prefixes: string[] = [];
  const cutting = new Cutting();
  let ops: readonly Op[] = OPS;
  let role: readonly Op[] = OPS;
  let admins = 0;
  let expiresS = Number.POSITIVE_INFINITY;
  let notBeforeS = 0;
  for (const line of lines) {
    const caveat = parseCaveat(line);
    if (caveat === null) return 'unknown caveat';
    counts[kindOf(caveat)]++;
    if (caveat.kind === 'topic') topics.push(caveat.topic);
    else if (caveat.kind === 'topic_prefix') prefixes.push(caveat.prefix);
    else if (caveat.kind === 'op') {
      ops = ops.filter((op) => caveat.ops.includes(op));
      if (caveat.ops.includes('admin')) admins++;
    } else if (caveat.kind === 'role') role = role.filter((op) => ROLE_OPS[caveat.role].includes(op));
    else if (caveat.kind === 'expires') expiresS = Math.min(expiresS, caveat.atS);
    else if (caveat.kind === 'not_before') notBeforeS = Math.max(notBeforeS, caveat.atS);
    cutting.add(line, caveat.kind === 'quota' ? countedBy(caveat, line) : null, missingOf(counts) === null);
  }
  const wrong = refusalOf(counts, admins);
  if (wrong !== null) return wrong;
  return {
    topics,
    prefixes,
    ops: new Set(role.filter((op) => ops.includes(op))),
    expiresS,
    notBeforeS,
    pieces: cutting.done(),
  };
}

const countedBy = ({ unit, max, windowS }: Extract<Caveat, { kind: 'quota' }>, line: string): Quota => ({
  line,
  unit,
  max,
  windowMs: windowS * 1000,
});

/** The first kind that every capability must have and that is not there yet, or null. */
function missingOf(counts: Counts): Kind | null {
  if (counts.topic + counts['topic prefix'] === 0) return 'topic';
  return MANDATORY.find((kind) => counts[kind] === 0) ?? null;
}

/** What is wrong with so many of each kind, `admins` of the op caveats saying `op = admin`; or null. */
function refusalOf(counts: Counts, admins: number): string | null {
  for (const kind of KINDS) if (counts[kind] > OF_A_KIND_MAX) return `more than ${OF_A_KIND_MAX} ${kind} caveats`;
  const missing = missingOf(counts);
  if (missing !== null) return `no ${missing} caveat`;
  if (admins === 0) return null;
  if (counts['topic prefix'] > 0) return 'op = admin needs a topic, and never goes with a topic prefix';
  return admins < counts.op ? 'op = admin goes with no other op' : null;
}

/** Why nobody could do anything under this scope, whatever the time; or null. A holder may narrow so far, nobody should be given it. */
export function futility({ topics, prefixes, ops, expiresS, notBeforeS }: Scope): string | null {
  if (ops.size === 0) return 'its op and role caveats have no operation in common';
  const [one] = topics;
  const others = topics.some((topic) => topic !== one);
  const outside = one !== undefined && prefixes.some((prefix) => !one.startsWith(prefix));
  const [longest = ''] = prefixes.toSorted((a, b) => b.length - a.length);
  if (others || outside || prefixes.some((prefix) => !longest.startsWith(prefix)))
    return 'its topic caveats have no topic in common';
  return notBeforeS >= expiresS ? 'it expires before it begins' : null;
}
