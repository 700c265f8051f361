/**
 * Batches of 32 messages of 1 KiB through the whole cycle, in JSON and in frames, in alternating rounds against one server in memory.
 * Ratios are medians over the rounds of ratios to the JSON round beside them; the processor time of the server a message is told beside
 * the rate, for it says the same on a machine that is busy with something else.
 */

import type { Acking, BatchFormat } from './frames-formats.ts';
import type { BatchDone, BatchJob } from './frames-load.ts';
import { answer, ask, start } from './http.ts';
import type { Ready, Work } from './http-server.ts';
import { median } from './measure.ts';

const FORMATS: readonly BatchFormat[] = ['json', 'frames-1', 'frames-2'];
const ACKINGS: readonly Acking[] = ['riding', 'batch'];
const US_PER_MS = 1000;

export interface BatchFigures {
  readonly format: BatchFormat;
  readonly acking: Acking;
  readonly messagesPerSecond: number;
  readonly cpuUs: number;
  /** How many times the rate of JSON, and how many times JSON's processor time a message this takes. */
  readonly rateOfJson: number;
  readonly cpuOfJson: number;
  /** Share of its core that the server used. */
  readonly busy: number;
}

export async function benchFrames({ rounds = 7, lanes = 64, batches = 6, batch = 32, payloadBytes = 1024 } = {}) {
  const load = start('./frames-load.js', [], 1);
  const server = start('./http-server.js', ['direct'], 0);
  const seen: { format: BatchFormat; acking: Acking; rate: number; cpuUs: number; busy: number }[] = [];
  try {
    const ready = await answer<Ready>(server);
    for (let round = -1; round < rounds; round++) {
      for (const acking of ACKINGS) {
        for (const format of FORMATS) {
          const name = `${acking}.${format}.${round + 1}`;
          const job: BatchJob = { ...ready, format, acking, lanes, batches, batch, payloadBytes, name };
          await ask(server, 'begin');
          const done = await ask<BatchDone>(load, job);
          const { cpuMs } = await ask<Work>(server, 'end');
          if (round < 0) continue;
          const cpuUs = (cpuMs * US_PER_MS) / done.messages;
          const busy = cpuMs / US_PER_MS / done.seconds;
          seen.push({ format, acking, rate: done.messages / done.seconds, cpuUs, busy });
        }
      }
    }
  } finally {
    server.kill();
    load.kill();
  }
  const of = (format: BatchFormat, acking: Acking) => seen.filter((s) => s.format === format && s.acking === acking);
  return ACKINGS.flatMap((acking) =>
    FORMATS.map((format): BatchFigures => {
      const [ours, json] = [of(format, acking), of('json', acking)];
      return {
        format,
        acking,
        messagesPerSecond: median(ours.map(({ rate }) => rate)),
        cpuUs: median(ours.map(({ cpuUs }) => cpuUs)),
        rateOfJson: median(ours.map(({ rate }, i) => rate / (json[i]?.rate as number))),
        cpuOfJson: median(ours.map(({ cpuUs }, i) => cpuUs / (json[i]?.cpuUs as number))),
        busy: median(ours.map(({ busy }) => busy)),
      };
    }),
  );
}
