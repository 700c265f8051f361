import { expect, it } from 'vitest';
import { LossSuspected, lossIn } from '../../src/cluster/promises.ts';
import { createLog } from '../../src/observe/log.ts';
import { LoggingObserver } from '../../src/observe/node-observer.ts';
import { EngineRefusal } from '../../src/postgres/refusal.ts';

it('a parked shard: why it cannot be read is said in our words; of any other error the kind and the place alone (O3, I2)', () => {
  const lines: Record<string, unknown>[] = [];
  const log = createLog('info', 'json', (line) => lines.push(JSON.parse(line)));
  const nothing = {} as never;
  const observer = new LoggingObserver({
    log,
    metrics: nothing,
    look: () => {},
    onAppended: () => {},
    onFailed: () => {},
  });
  const before = { system: 'a', timeline: 1, isReplicated: false };
  const loss = lossIn(3, before, { ...before, timeline: 2 }) as string;
  observer.parked(3, 1_000, new LossSuspected(loss));
  observer.parked(3, 2_000, new EngineRefusal('PostgreSQL at db:5432: nobody listens there (ECONNREFUSED)'));
  observer.parked(3, 4_000, new Error('apply: secret words'));
  observer.parked(3, 8_000, 'secret words');
  expect(lines.map(({ reason, error, retry_after_ms }) => [reason, error, retry_after_ms])).toEqual([
    [expect.stringMatching(/^log 3: .* mailbox cluster accept-loss 3$/), 'LossSuspected', 1_000],
    ['PostgreSQL at db:5432: nobody listens there (ECONNREFUSED)', 'EngineRefusal', 2_000],
    ['it fell again and again', 'Error', 4_000],
    ['it fell again and again', 'string', 8_000],
  ]);
  expect(JSON.stringify(lines)).not.toContain('secret');
});
