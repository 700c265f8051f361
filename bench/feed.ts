/** What a reader at the head of the feed costs the hot routes: CPU time of the server a request, with and without one, alternating. */
import { get } from 'node:http';
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

interface FeedReading {
  readonly stop: () => void;
  readonly lines: () => number;
}

/** Takes what it is told as fast as that comes. */
function follow({ port, viewer }: Ready): Promise<FeedReading> {
  const headers = { authorization: `Bearer ${viewer}` };
  return new Promise((resolve, reject) => {
    const asked = get({ port, path: '/v1/feed?prefix=bench.&after=now', headers }, (response) => {
      let lines = 0;
      response.on('data', (chunk: Buffer) => {
        for (const byte of chunk) if (byte === 10) lines++;
        if (lines > 0) resolve({ stop: () => asked.destroy(), lines: () => lines });
      });
      response.on('error', () => {});
    });
    asked.on('error', reject);
  });
}

export async function benchFeed(
  kind: ServerKind,
  { rounds = 7, lanes = 64, messages = 200 } = {},
): Promise<FeedResult> {
  const load = start('./http-load.js', [], 1);
  const server = start('./http-server.js', [kind], 0);
  const ready = await answer<Ready>(server);
  const us: { with: number[]; without: number[] } = { with: [], without: [] };
  let [facts, seconds] = [0, 0];
  try {
    for (let round = -1; round < rounds; round++) {
      for (const which of round % 2 === 0 ? (['with', 'without'] as const) : (['without', 'with'] as const)) {
        const reader = which === 'with' ? await follow(ready) : null;
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
        facts += reader?.lines() ?? 0;
        seconds += reader === null ? 0 : done.seconds;
        reader?.stop();
        if (round >= 0) us[which].push((1000 * cpuMs) / done.requests);
      }
    }
  } finally {
    for (const child of [server, load]) child.kill();
  }
  return { kind, withoutUs: median(us.without), withUs: median(us.with), factsPerSecond: facts / seconds };
}
