import type { Command } from 'commander';
import { addCheck } from './sim/check.ts';
import { addDiff } from './sim/diff.ts';
import { addFuzz } from './sim/fuzz.ts';
import { addHash } from './sim/hash.ts';
import { addList } from './sim/list.ts';
import { addReplay } from './sim/replay.ts';
import { addRun } from './sim/run.ts';
import { addSchema } from './sim/schema.ts';
import { addShrink } from './sim/shrink.ts';

export function addSim(program: Command): void {
  const sim = program.command('sim').description('the simulator: fault schedules against the shipped code');
  for (const add of [addRun, addFuzz, addReplay, addShrink, addDiff, addHash, addList, addCheck, addSchema]) add(sim);
}
