import { argumentsOf } from '../arguments.ts';
import { passedIn, walkOfSend } from './walk.ts';

argumentsOf('npm run walk: the way of one send through the sources, file by file', {});

for (const profile of ['micronode', 'macronode'] as const) {
  const walk = await walkOfSend(profile);
  const passed = passedIn(walk);
  const leading = passed.filter(({ leadsOn }) => leadsOn).length;
  process.stdout.write(
    `${profile}: ${passed.length} files, ${leading} of them lead on; entered ${walk.length} times\n`,
  );
  for (const { file, times, functions, leadsOn } of passed)
    process.stdout.write(`${leadsOn ? '+' : ' '} ${String(times).padStart(3)} ${file}: ${functions.join(', ')}\n`);
}
