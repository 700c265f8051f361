/** How many events a simulated world runs through in a second, checkers included. Medians of alternating rounds. */
import { readSchedule, shippedNames } from '../sim/files.ts';
import { runSchedule } from '../sim/run.ts';
import { median } from './measure.ts';

export interface SimFigures {
  readonly name: string;
  readonly events: number;
  readonly eventsPerSecond: number;
  /** Simulated time over real time. */
  readonly timesRealTime: number;
}

export function benchSim(rounds = 3): SimFigures[] {
  const schedules = shippedNames()
    .map((name) => readSchedule(name))
    .filter((schedule) => schedule.violates === null);
  const seen = schedules.map(() => ({ rates: [] as number[], times: [] as number[], events: 0 }));
  for (let round = -1; round < rounds; round++) {
    for (const [i, schedule] of schedules.entries()) {
      const startedMs = performance.now();
      const { steps, simulatedMs } = runSchedule(schedule);
      const ms = performance.now() - startedMs;
      if (round < 0) continue;
      seen[i]!.rates.push((steps / ms) * 1000);
      seen[i]!.times.push(simulatedMs / ms);
      seen[i]!.events = steps;
    }
  }
  return schedules.map(({ name }, i) => ({
    name,
    events: seen[i]!.events,
    eventsPerSecond: median(seen[i]!.rates),
    timesRealTime: median(seen[i]!.times),
  }));
}
