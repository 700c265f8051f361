import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TLA } from '../../model/models.ts';
import { spawnTlc } from '../../model/run-tlc.ts';
import { type Delivery, HISTORY_CONSTANTS, type HistoryHeader, type Op } from './format.ts';

/** The largest of TLC's integers. */
const NEVER = 2 ** 31 - 1;

/** The history cannot be given to TLC; what it says is for the caller. */
export class TlcHistoryError extends Error {}

/** A text is its number: TLA+ has no escapes for all of them. */
class Texts {
  private readonly numbers = new Map<string, number>([['', 0]]);

  of(text = ''): string {
    const number = this.numbers.get(text) ?? this.numbers.size;
    this.numbers.set(text, number);
    return `"${number === 0 ? '' : number}"`;
  }
}

const fitting = (value: number): number => Math.min(value, NEVER);

function opText(op: Op, fromMs: number, texts: Texts): string {
  const at = (ms: number | null): number => (ms === null ? NEVER : ms - fromMs);
  const handed = (one: Delivery): string =>
    `[msg |-> ${texts.of(one.msg_id)}, key |-> ${texts.of(one.idem_key)}, hash |-> ${texts.of(one.payload_hash)}, ` +
    `receipt |-> ${texts.of(one.receipt)}, epoch |-> ${fitting(one.epoch)}, attempt |-> ${fitting(one.attempt)}, ` +
    `deadline |-> ${fitting(one.deadline_in_ms)}]`;
  const fields = {
    ...{ begin: at(op.begin_ms), end: at(op.end_ms), verb: `"${op.verb}"`, result: `"${op.result}"` },
    ...{ by: texts.of(op.by), topic: texts.of(op.topic), key: texts.of(op.idem_key), hash: texts.of(op.payload_hash) },
    ...{ msg: texts.of(op.msg_id), receipt: texts.of(op.receipt), nonce: texts.of(op.nonce) },
    timed: op.timed === true ? 'TRUE' : 'FALSE',
    deadline: fitting(op.deadline_in_ms ?? 0),
    got: `<<${(op.got ?? []).map(handed).join(', ')}>>`,
    dead: `{${(op.dead ?? []).map((msgId) => texts.of(msgId)).join(', ')}}`,
  };
  return `[${Object.entries(fields)
    .map(([name, value]) => `${name} |-> ${value}`)
    .join(', ')}]`;
}

function moduleOf({ constants, true_clocks }: HistoryHeader, ops: readonly Op[]): string {
  const fromMs = ops.reduce((least, { begin_ms }) => Math.min(least, begin_ms), Number.POSITIVE_INFINITY);
  const lastMs = ops.reduce((most, { begin_ms, end_ms }) => Math.max(most, end_ms ?? begin_ms), 0);
  if (lastMs - fromMs >= NEVER) throw new TlcHistoryError('a history of more than 24 days: TLC counts to 2^31 ms');
  const texts = new Texts();
  return [
    ...['---- MODULE HistoryData ----', 'EXTENDS Integers', `Never == ${NEVER}`],
    `TrueClocks == ${true_clocks ? 'TRUE' : 'FALSE'}`,
    ...HISTORY_CONSTANTS.map((name) => `${name} == ${fitting(constants[name])}`),
    `Ops == <<\n${ops.map((op) => `  ${opText(op, fromMs, texts)}`).join(',\n')}\n>>`,
    ...['====', ''],
  ].join('\n');
}

/** The rules of `tla/History.tla` that this history breaks, as TLC finds. @throws TlcHistoryError, or Error with TLC's words */
export async function brokenByTlc(jar: string, header: HistoryHeader, ops: readonly Op[]): Promise<readonly string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'history-'));
  try {
    copyFileSync(join(TLA, 'History.tla'), join(folder, 'History.tla'));
    writeFileSync(join(folder, 'HistoryData.tla'), moduleOf(header, ops));
    writeFileSync(join(folder, 'History.cfg'), '\n');
    const output = await spawnTlc(jar, folder, ['-config', 'History.cfg', '-workers', '1'], 'History');
    if (!output.includes(`<<"judged", ${ops.length}>>`))
      throw new Error(`TLC did not come to its end:\n${output.split('\n').slice(0, 60).join('\n')}`);
    return [...output.matchAll(/^<<"broken", "(\w+)">>$/gm)].map(([, name]) => name as string);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
