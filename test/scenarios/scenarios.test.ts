import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { due, nextDueMs } from '../../src/core/due.ts';
import type { MessageFact } from '../../src/core/facts.ts';
import { DEFAULT_LIMITS, type Limits } from '../../src/core/limits.ts';
import { replay } from '../../src/core/replay.ts';
import type { ShardState } from '../../src/core/state.ts';
import { Recorder, sendOf, shardOf } from '../support/shard.ts';

/**
 * Transcripts of the core: a line `> command` and under it what came of it. Messages are m1, m2 .. in the order of
 * their sends, receipts r1, r2 .. in the order of their leases. `UPDATE_SCENARIOS=1` writes the answers anew: read the
 * difference before you commit it.
 */
class Transcript {
  private recorder = new Recorder(shardOf());
  private limits: Limits = DEFAULT_LIMITS;
  private readonly names = new Map<string, string>();
  private receipts = 0;
  private atMs = 0;

  private get state(): ShardState {
    return this.recorder.state;
  }

  run(line: string): string[] {
    const [verb = '', ...rest] = line.split(/\s+/);
    const options = Object.fromEntries(
      rest.filter((word) => word.includes('=')).map((word) => word.split('=') as [string, string]),
    );
    const words = rest.filter((word) => !word.includes('='));
    const number = (name: string, otherwise: number): number =>
      options[name] === undefined ? otherwise : Number(options[name]);
    const nullable = (name: string): number | null => (options[name] === undefined ? null : Number(options[name]));
    const item = {
      atMs: this.atMs,
      msgId: this.idOf(words[0] ?? ''),
      receipt: options['receipt'] ?? `r${this.receipts}`,
    };
    const jitter = number('jitter', 0.5);
    switch (verb) {
      case 'limits':
        this.limits = {
          ...this.limits,
          ...Object.fromEntries(Object.entries(options).map(([k, v]) => [k, Number(v)])),
        };
        this.recorder = new Recorder(shardOf(this.limits));
        return [];
      case 'at':
        return this.passTo(Number(words[0]));
      case 'send': {
        const [topic = '', idemKey = '', payload = ''] = words;
        const ttlMs = number('ttl', Number.POSITIVE_INFINITY);
        return this.take(
          sendOf(this.atMs, topic, idemKey, {
            payloadHash: `b3:${payload}`,
            payload: Buffer.from(payload),
            delayMs: number('delay', 0),
            ttlMs,
          }),
        );
      }
      case 'recv': {
        const { atMs } = this;
        const bytesMax = number('bytes', Number.POSITIVE_INFINITY);
        const visibilityMs = number('visibility', this.limits.defaultVisibilityMs);
        const receipt = `r${this.receipts + 1}`;
        return this.take({
          name: 'recv',
          atMs,
          topic: words[0] ?? '',
          receipt,
          visibilityMs,
          bytesMax,
          inflightElsewhere: number('elsewhere', 0),
          tenantInflightElsewhere: number('tenant_elsewhere', 0),
        });
      }
      case 'ack':
        return this.take({ name: 'ack', ...item });
      case 'nack': {
        const deadLetter = words.includes('dead');
        return this.take({
          name: 'nack',
          ...item,
          jitter,
          reason: options['reason'] ?? null,
          retryAfterMs: nullable('retry'),
          deadLetter,
          damaged: false,
        });
      }
      case 'extend':
        return this.take({ name: 'extend', ...item, visibilityMs: nullable('visibility') });
      case 'release':
        return this.take({ name: 'release', ...item, jitter });
      case 'reprocess':
        return this.take({ name: 'reprocess', atMs: this.atMs, msgId: item.msgId });
      case 'purge':
        return this.take({ name: 'purge', atMs: this.atMs, msgId: item.msgId, reason: 'admin' });
      case 'restart':
        return this.restart(Number(words[0]));
      default:
        throw new Error(`unknown command: ${line}`);
    }
  }

  private idOf(name: string): string {
    return [...this.names].find(([, known]) => known === name)?.[0] ?? '01ARZ3NDEKTSV4RRFFQ69G5FAV';
  }

  /** Time passes up to `atMs`, stopping at everything that is due on the way. */
  private passTo(atMs: number): string[] {
    const lines: string[] = [];
    while (this.atMs < atMs) {
      this.atMs = Math.min(atMs, Math.max(this.atMs + 1, nextDueMs(this.state)));
      lines.push(...this.drain());
    }
    return lines;
  }

  private drain(): string[] {
    const lines: string[] = [];
    if (this.atMs > this.state.nowMs) this.recorder.run({ name: 'ack', atMs: this.atMs, msgId: '', receipt: '' });
    for (let command = due(this.state, 0.5); command !== null; command = due(this.state, 0.5)) {
      lines.push(`at ${this.atMs}: ${command.name} ${this.names.get(command.msgId)}`, ...this.take(command));
    }
    return lines;
  }

  private take(command: Parameters<Recorder['run']>[0]): string[] {
    const decision = this.recorder.run(command);
    for (const fact of decision.facts) {
      if (fact.name === 'sent') this.names.set(fact.msgId, `m${this.names.size + 1}`);
      if (fact.name === 'received') this.receipts++;
    }
    const about =
      decision.message === undefined || decision.facts.length > 0 ? '' : ` ${this.names.get(decision.message.msgId)}`;
    const settled = decision.settled === null || decision.facts.length > 0 ? '' : ` ${decision.settled}`;
    return [`${decision.outcome}${about}${settled}`, ...decision.facts.map((fact) => `  ${this.show(fact)}`)];
  }

  private show(fact: MessageFact): string {
    const shown: Record<string, unknown> = {};
    for (const [key, value] of Object.entries(fact)) {
      if (['name', 'msgId', 'atMs', 'payload', 'hashChain', 'attrs', 'corrId'].includes(key)) continue;
      if (value === null || value === Number.POSITIVE_INFINITY) continue;
      shown[key] = value;
    }
    const fields = Object.entries(shown).map(([key, value]) => `${key}=${String(value)}`);
    return [fact.name, this.names.get(fact.msgId), ...fields].join(' ');
  }

  private restart(nowMs: number): string[] {
    const { facts } = this.recorder;
    const state = replay(0, this.limits, facts);
    this.recorder = new Recorder(state);
    this.recorder.facts.push(...facts);
    this.recorder.fact({ name: 'recovered', atMs: nowMs });
    this.atMs = nowMs;
    return [...state.messages()].map((m) => {
      const timer = m.payload === null ? '' : ` timer=${m.timerAtMs - nowMs}`;
      return `  ${this.names.get(m.msgId)} ${m.state} attempt=${m.attempt} epoch=${m.epoch}${timer}`;
    });
  }
}

const files = readdirSync(import.meta.dirname).filter((name) => name.endsWith('.txt'));

describe('scenarios', () => {
  it.each(files)('scenario: %s', (file) => {
    const path = join(import.meta.dirname, file);
    const written = readFileSync(path, 'utf8');
    const transcript = new Transcript();
    const played = written
      .split('\n')
      .filter((line) => line === '' || line.startsWith('#') || line.startsWith('> '))
      .flatMap((line) =>
        line.startsWith('> ') ? [line, ...transcript.run(line.slice(2)).map((out) => `  ${out}`)] : [line],
      )
      .join('\n');
    if (process.env['UPDATE_SCENARIOS'] === '1') writeFileSync(path, played);
    else expect(played).toBe(written);
  });

  it('scenarios: there are some', () => {
    expect(files.length).toBeGreaterThanOrEqual(6);
  });
});
