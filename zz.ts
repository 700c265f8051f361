import { FOUND_BY_SCHEDULE } from './test/sim/planted/bugs.ts';
import { foundBy } from './test/sim/planted/find.ts';
for (const { bug, schedule, rule } of FOUND_BY_SCHEDULE) console.log(bug.name, await foundBy(bug, schedule), rule);
