/** What a reader at the head of the feed costs the hot routes: CPU time of the server a request, with and without one, alternating. */
import { answer, ask, start } from './http.ts';
import type { Done, Job } from './http-load.js';
import type { Ready, ServerKind, Work } from './http-server.ts';
import { median } from './measure.ts';

export interface FeedResult {
  readonly kind: ServerKind;
  readonly withoutUs: number;
  readonly withUs: number;
  readonly factsPerSecond: number;
}

export async function benchFeed(
  kind: ServerKind,
  { rounds = 7, lanes = 64, messages = 200 } = {},
): Promise<FeedResult> {
  const load = start('./http-load.js', [], 1);
  const server = start('./http-server.js', [kind], 0);
  const reader = start('./feed-reader.js', [], 1);
  const ready = await answer<Ready>(server);
  const us: { with: number[]; without: number[] } = { with: [], without: [] };
  let [facts, seconds] = [0, 0];
  try {
    for (let round = -1; round < rounds; round++) {
      for (const which of round % 2 === 0 ? (['with', 'without'] as const) : (['without', 'with'] as const)) {
        if (which === 'with') await ask<number>(reader, ready);
        await ask(server, 'begin');
        const phase = 'cycle' as const;
        const job: Job = {
          ...ready,
          phase,
          lanes,
          messages,
          payloadBytes: 256,
          name: `${which}.${round + 1}`,
          echo: false,
        };
        const done = await ask<Done>(load, job);
        const { cpuMs } = await ask<Work>(server, 'end');
        if (which === 'with') {
          facts += await ask<number>(reader, null);
          seconds += done.seconds;
        }
        if (round >= 0) us[which].push((1000 * cpuMs) / done.requests);
      }
    }
  } finally {
    for (const child of [server, load, reader]) child.kill();
  }
  return { kind, withoutUs: median(us.without), withUs: median(us.with), factsPerSecond: facts / seconds };
}
