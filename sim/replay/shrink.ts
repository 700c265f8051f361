import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import type { Verdict } from '../conclusion.ts';
import type { Fault } from '../faults/index.ts';
import { isHealed, type Setup } from '../setup.ts';
import type { RunResult } from '../world.ts';
import { play } from './player.ts';
import type { Element, Script, ScriptCall } from './script.ts';

/** What a smaller script must still show: the same kind of verdict, of the same rule. */
export interface Failure {
  readonly kind: Verdict['kind'];
  readonly rule: string | null;
}
export const failureOf = (verdict: Verdict): Failure => ({
  kind: verdict.kind,
  rule: verdict.kind === 'safety' ? verdict.rule : null,
});

export interface Shrunk {
  readonly script: Script;
  readonly run: RunResult;
  /** Each element was taken out once more, and without it nothing fails. */
  readonly minimal: boolean;
  readonly plays: number;
}

const PLAIN = { outMs: 1, backMs: 1, end: 'answered' } as const;
const TIMEOUT_MS = 1_000_000;

/**
 * The smallest script that still fails in the same way: elements are taken out by halves and then one by one, what is left
 * is made plainer (times, latencies, limits, draws), again and again until nothing more goes.
 */
export class Shrinker {
  private readonly failure: Failure;
  private readonly withoutEnd: boolean;
  private readonly playsMax: number;
  private readonly isLate: () => boolean;
  private script: Script;
  private plays = 0;

  /** @throws Error when the script does not fail */
  constructor(script: Script, options: { readonly playsMax: number; readonly isLate: () => boolean }) {
    const { run } = play(script);
    if (run.verdict.kind === 'held') throw new Error('shrink: the script holds, there is nothing to shrink');
    this.failure = failureOf(run.verdict);
    this.withoutEnd = run.verdict.kind !== 'liveness' && run.simulatedMs <= script.setup.durationMs;
    this.playsMax = options.playsMax;
    this.isLate = options.isLate;
    this.script = script;
    if (this.withoutEnd) this.cutAt(run.simulatedMs);
  }

  run(): Shrunk {
    this.aboutTheMessage();
    this.withoutWhole();
    let size = -1;
    for (let round = 0; round < 8 && size !== this.measure() && !this.isOver; round++) {
      size = this.measure();
      this.removeElements();
      this.simplify();
    }
    const minimal = !this.isOver && this.isMinimal();
    const script = numbered(this.script);
    return { script, run: play(script).run, minimal, plays: this.plays };
  }

  private get isOver(): boolean {
    return this.plays >= this.playsMax || this.isLate();
  }

  /** What shrinking makes less of. */
  private measure(): number {
    return JSON.stringify(this.script).length;
  }

  private fails(script: Script): boolean {
    this.plays++;
    const { verdict } = play(script, { withoutEnd: this.withoutEnd }).run;
    return verdict.kind === this.failure.kind && (verdict.kind !== 'safety' || verdict.rule === this.failure.rule);
  }

  /** Takes the candidate when it still fails. */
  private accept(candidate: Script | null): boolean {
    if (candidate === null || this.isOver || !this.fails(candidate)) return false;
    this.script = candidate;
    return true;
  }

  private with(elements: readonly Element[]): Script {
    return { ...this.script, elements };
  }

  private cutAt(ms: number): void {
    const { setup, elements } = this.script;
    const before = elements.filter(({ atMs }) => atMs <= ms);
    this.accept({ ...this.script, setup: { ...setup, durationMs: Math.max(1, ms) }, elements: before });
  }

  /** A leap ahead: only what concerns the topic of the message that it went wrong with, or the message alone. */
  private aboutTheMessage(): void {
    const { world, run } = play(this.script, { withoutEnd: this.withoutEnd });
    const msgId = 'msgId' in run.verdict ? run.verdict.msgId : null;
    const message = world.watch.nodes
      .map(({ lifecycle }) => lifecycle.messages.get(msgId ?? ''))
      .find((m) => m !== undefined);
    if (message === undefined) return;
    const { topic, idemKey } = message;
    const { elements } = this.script;
    const onTopic = elements.filter((e) => !('call' in e) || concerns(e.call, topic.name, null));
    this.accept(this.with(onTopic));
    this.accept(this.with(onTopic.filter((e) => !('call' in e) || concerns(e.call, topic.name, idemKey))));
  }

  /** All there is of one client, of one topic, of one kind of fault at a time. */
  private withoutWhole(): void {
    const sides: ((element: Element) => string)[] = [
      (e) => ('call' in e ? `node ${e.call.node}` : `node ${e.fault.node}`),
      (e) => ('call' in e ? e.call.by : e.fault.kind),
      (e) => ('call' in e ? `${e.call.ask.verb} ${e.call.ask['topic'] ?? e.call.refs[0]?.topic}` : e.fault.kind),
    ];
    for (const side of sides) {
      for (const name of new Set(this.script.elements.map(side))) {
        this.accept(this.with(this.script.elements.filter((element) => side(element) !== name)));
      }
    }
  }

  private removeElements(): void {
    let chunk = Math.max(1, this.script.elements.length >> 1);
    for (;;) {
      let removed = false;
      for (let at = this.script.elements.length; at > 0; ) {
        const from = Math.max(0, at - chunk);
        const { elements } = this.script;
        if (this.accept(this.with([...elements.slice(0, from), ...elements.slice(at)]))) removed = true;
        at = from;
      }
      if (chunk === 1 && !removed) return;
      if (chunk > 1) chunk = (chunk + 1) >> 1;
      if (this.isOver) return;
    }
  }

  private simplify(): void {
    const { tapes } = this.script;
    this.accept({ ...this.script, tapes: tapes.map(() => []) });
    this.accept(onOneNode(this.script));
    for (const simpler of simplerSetups(this.script.setup))
      this.accept({ ...this.script, setup: { ...this.script.setup, ...simpler } });
    for (const [key, value] of Object.entries(DEFAULT_LIMITS)) {
      const { setup } = this.script;
      if (setup.limits[key as keyof typeof DEFAULT_LIMITS] === value) continue;
      this.accept({ ...this.script, setup: { ...setup, limits: { ...setup.limits, [key]: value } } });
    }
    this.eachElement((element) =>
      'call' in element
        ? simplerCalls(element.call).map((call) => ({ ...element, call }))
        : simplerFaults(element.fault).map((fault) => ({ ...element, fault })),
    );
    this.compress();
    this.cutAt((this.script.elements.at(-1)?.atMs ?? 0) + 1);
  }

  private eachElement(simpler: (element: Element) => Element[]): void {
    for (let i = 0; i < this.script.elements.length; i++) {
      for (const candidate of simpler(this.script.elements[i] as Element)) {
        this.accept(this.with(this.script.elements.with(i, candidate)));
        if (this.isOver) return;
      }
    }
  }

  /** Takes time out between one element and the next: all of it, or half as often as it goes. */
  private compress(): void {
    for (let i = 0; i < this.script.elements.length && !this.isOver; i++) {
      const gapMs = (): number => (this.script.elements[i]?.atMs ?? 0) - (this.script.elements[i - 1]?.atMs ?? 0);
      const floorMs = i === 0 ? 0 : 1;
      if (this.accept(this.earlier(i, gapMs() - floorMs)) || this.accept(this.earlier(i, gapMs() - 10))) continue;
      for (let cutMs = gapMs() >> 1; cutMs > 0 && !this.isOver; cutMs >>= 1) this.accept(this.earlier(i, cutMs));
    }
  }

  private earlier(from: number, byMs: number): Script | null {
    if (byMs <= 0) return null;
    const { elements, setup } = this.script;
    const moved = elements.map((element, i) => (i < from ? element : { ...element, atMs: element.atMs - byMs }));
    return { ...this.script, elements: moved, setup: { ...setup, durationMs: Math.max(1, setup.durationMs - byMs) } };
  }

  /** 1-minimal: without any one element it does not fail. */
  private isMinimal(): boolean {
    return this.script.elements.every((_, i) => !this.fails(this.with(this.script.elements.toSpliced(i, 1))));
  }
}

function concerns({ ask, refs }: ScriptCall, topic: string, idemKey: string | null): boolean {
  if (ask.verb === 'recv') return ask['topic'] === topic;
  if (ask.verb === 'revoke') return true;
  if (refs.length > 0) return refs.some((ref) => ref.topic === topic && (idemKey === null || ref.idemKey === idemKey));
  return ask['topic'] === topic && (idemKey === null || ask['idemKey'] === undefined || ask['idemKey'] === idemKey);
}

/** Everything at the one node that it is about, which becomes the only one. */
function onOneNode(script: Script): Script | null {
  const { setup, elements, tapes } = script;
  const nodes = new Set(elements.map((e) => ('call' in e ? e.call.node : e.fault.node)));
  const [node] = nodes;
  if (setup.nodes === 1 || nodes.size !== 1 || node === undefined || !isHealed(setup, node)) return null;
  const moved = elements.map((e) =>
    'call' in e ? { ...e, call: { ...e.call, node: 0 } } : { ...e, fault: { ...e.fault, node: 0 } },
  );
  const skewMs = setup.skewMs.slice(node, node + 1);
  return { ...script, setup: { ...setup, nodes: 1, skewMs, heals: null }, elements: moved, tapes: [tapes[node] ?? []] };
}

const simplerSetups = (setup: Setup): Partial<Setup>[] => [
  { limits: DEFAULT_LIMITS },
  { skewMs: [] },
  { heals: null },
  { shards: 1 },
  { topics: 1 },
  { syncMs: { min: 1, max: 1 } },
  { connectionsMax: 1024 },
  { cacheTtlMs: 30_000 },
  ...(setup.settleBy === 'silence' ? [{ settleBy: 'acks' } as const] : []),
];

function simplerCalls(call: ScriptCall): ScriptCall[] {
  const { ask, copies, refs } = call;
  const simpler: ScriptCall[] = [];
  if (copies.length > 1) simpler.push({ ...call, copies: copies.slice(0, 1) }, { ...call, copies: copies.slice(1) });
  simpler.push({ ...call, copies: [PLAIN], timeoutMs: TIMEOUT_MS }, { ...call, copies: [PLAIN] });
  for (const [i, copy] of copies.entries())
    simpler.push({ ...call, copies: copies.with(i, { ...PLAIN, end: copy.end }) });
  if (ask.verb === 'recv')
    for (let i = refs.length - 1; i >= 0; i--) simpler.push({ ...call, refs: refs.toSpliced(i, 1) });
  for (const [field, value] of Object.entries(PLAIN_FIELDS[ask.verb] ?? {})) {
    if (field in ask && ask[field] !== value) simpler.push({ ...call, ask: plain(ask, field, value) });
  }
  return simpler.filter((candidate) => JSON.stringify(candidate) !== JSON.stringify(call));
}

function plain(ask: ScriptCall['ask'], field: string, value: unknown): ScriptCall['ask'] {
  if (value !== undefined) return { ...ask, [field]: value };
  const { [field]: _, ...rest } = ask;
  return rest as ScriptCall['ask'];
}

const PLAIN_FIELDS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  send: { payload: '01', payloadHash: null, delayMs: 0, ttlMs: undefined },
  recv: { visibilityMs: null, messagesMax: 1, bytesMax: 524_288, waitMs: 0 },
  nack: { reason: null, retryAfterMs: null, deadLetter: false },
  extend: { visibilityMs: null },
  reprocess: { limit: 1, reason: null, ratePerS: null },
  purge: { olderThanMs: 0 },
  peek: { state: null, cursor: null, withPayload: false },
  topics: { cursor: null },
};

function simplerFaults(fault: Fault): Fault[] {
  const simpler: Fault[] = [];
  for (const [field, value] of Object.entries(fault)) {
    if (field === 'node' && value !== 0) simpler.push({ ...fault, node: 0 });
    if (!field.endsWith('Ms') || typeof value !== 'number') continue;
    const sign = Math.sign(value);
    for (const ms of [1, 1_000, 60_000, Math.abs(value) >> 1]) {
      if (ms < Math.abs(value)) simpler.push({ ...fault, [field]: sign * ms } as Fault);
    }
  }
  return simpler;
}

/** Calls numbered from 1 in their order, capabilities without those that nobody uses. */
function numbered(script: Script): Script {
  const used = [...new Set(script.elements.flatMap((e) => ('call' in e ? [e.call.capability] : [])))].sort(
    (a, b) => a - b,
  );
  const ids = script.elements.flatMap((e) => ('call' in e ? [e.call.id] : [])).sort((a, b) => a - b);
  const elements = script.elements.map((e) =>
    'call' in e
      ? { ...e, call: { ...e.call, id: ids.indexOf(e.call.id) + 1, capability: used.indexOf(e.call.capability) } }
      : e,
  );
  return { ...script, elements, capabilities: used.map((i) => script.capabilities[i]!) };
}
