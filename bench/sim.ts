/** How fast simulated worlds run, checkers included, and how fast a history is checked. Medians of rounds. */
import type { Call } from '../sim/call.ts';
import { HistoryChecker } from '../sim/checkers/history.ts';
import { readSchedule } from '../sim/files.ts';
import { swarmSchedule } from '../sim/fuzz/swarm.ts';
import { runSchedule, worldOf } from '../sim/run.ts';
import { DEFAULT_LIMITS } from '../src/core/limits.ts';
import type { Delivery, Reply } from '../src/service/messages.ts';
import { median } from './measure.ts';

export interface SimFigures {
  readonly name: string;
  readonly events: number;
  readonly eventsPerSecond: number;
  /** Simulated time over real time. */
  readonly timesRealTime: number;
}

const SWARM_SEEDS = 300;

/** The standard day whole, a busy schedule, and many small drawn ones as `sim fuzz` runs them. */
export function benchSim(rounds = 3): SimFigures[] {
  const runs: readonly [string, () => { steps: number; simulatedMs: number }[]][] = [
    ['standard-day', () => [runSchedule(readSchedule('standard-day'))]],
    ['everything-at-once', () => [runSchedule(readSchedule('everything-at-once'))]],
    [
      `swarm, ${SWARM_SEEDS} seeds`,
      () => Array.from({ length: SWARM_SEEDS }, (_, seed) => runSchedule(swarmSchedule(seed + 1))),
    ],
  ];
  return runs.map(([name, run]) => {
    const rates: number[] = [];
    const times: number[] = [];
    let events = 0;
    for (let round = 0; round < rounds; round++) {
      const startedMs = performance.now();
      const results = run();
      const ms = performance.now() - startedMs;
      events = results.reduce((sum, { steps }) => sum + steps, 0);
      rates.push((events / ms) * 1000);
      times.push(results.reduce((sum, { simulatedMs }) => sum + simulatedMs, 0) / ms);
    }
    return { name, events, eventsPerSecond: median(rates), timesRealTime: median(times) };
  });
}

const OPERATIONS = 1_000_000;
const PAYLOAD = new Uint8Array([1, 2, 3]);

/** Seconds to check a million operations: sends, receives and acks of a third of a million messages, some delivered twice. */
export function benchHistory(): { operations: number; seconds: number } {
  const history: [Call, Reply][] = [];
  const op = (ask: object, reply: Reply): void => {
    history.push([{ id: history.length + 1, atMs: history.length, ask } as unknown as Call, reply]);
  };
  for (let n = 0; history.length < OPERATIONS; n++) {
    const msgId = `01MCC5RM0${String(n).padStart(17, '0')}`;
    const idemKey = `k${n}`;
    op({ verb: 'send', topic: 'a', idemKey, payload: PAYLOAD }, { outcome: 'ok', msgId });
    const deliveries = n % 10 === 0 ? 2 : 1;
    for (let epoch = 1; epoch <= deliveries; epoch++) {
      const delivery = {
        msgId,
        topic: 'a',
        idemKey,
        payload: PAYLOAD,
        attempt: epoch,
        epoch,
        receipt: `${msgId}.${epoch}`,
      };
      const reply = { outcome: 'ok', deliveries: [delivery as unknown as Delivery] } as const;
      op({ verb: 'recv', topic: 'a', visibilityMs: 250, acks: [] }, reply);
    }
    op({ verb: 'ack', msgId, receipt: `${msgId}.${deliveries}` }, { outcome: 'ok' });
  }
  const checker = new HistoryChecker(DEFAULT_LIMITS, false);
  const startedMs = performance.now();
  for (const [call, reply] of history) {
    checker.called(call);
    checker.answered(call, reply, call.atMs + 1);
  }
  checker.finish(() => 'acked');
  const seconds = (performance.now() - startedMs) / 1000;
  if (checker.counts.lost > 0 || checker.counts.delivered < OPERATIONS / 4)
    throw new Error('bench: the history is not right');
  return { operations: history.length, seconds };
}

const HOUR_MS = 3_600_000;

/** Bytes of heap in use after each quarter of the standard day: flat is what they must be. */
export function benchSimMemory(): number[] {
  const schedule = readSchedule('standard-day');
  const { world, driver } = worldOf(schedule, schedule.seed);
  const used: number[] = [];
  const going = world.going(driver);
  for (let hour = 1; hour <= 24; hour++) {
    while (world.loop.nowMs < hour * HOUR_MS - 60_000 && !going.next().done);
    if (hour % 6 !== 0) continue;
    globalThis.gc?.();
    used.push(process.memoryUsage().heapUsed);
  }
  return used;
}
