import type { Command } from 'commander';
import { visible } from '../../visible.ts';
import { EXIT, examples, print, printJson } from '../shared.ts';
import { many, type Options, onData, openData } from './shared.ts';

export function addVerify(journal: Command): void {
  const verify = onData(
    journal
      .command('verify')
      .description('is every frame in the chain, every fact lawful, every snapshot and payload what it says?'),
  );
  verify.addHelpText(
    'after',
    '\nExit: 0 intact, 1 damaged, 2 there is none, or it cannot be read. Can be run while serving.',
  );
  examples(verify, 'mailbox journal verify --data /var/lib/mailbox');
  verify.action(async (options: Options) => {
    const { data, source, recovering } = await openData(options);
    const { audit } = await import('../../journal/audit.ts');
    const { placed } = await import('../../journal/look.ts');
    const { integrity } = await import('../../integrity/hash-chain.ts');
    const found = audit(source, { hash: recovering.hash, integrity });
    const { segments, snapshots, payloadFiles, frames, first, last, facts, tornBytes, problems } = found;
    const isAbsent = last === 0 && problems.length === 0;
    const intact = !isAbsent && problems.length === 0;
    process.exitCode = intact ? EXIT.ok : isAbsent ? EXIT.usage : EXIT.failed;
    if (options.json) return printJson({ data, intact, ...found });
    for (const problem of problems) print(visible(placed(problem)));
    print(
      `files      ${many(segments, 'segment')}, ${many(snapshots, 'snapshot')}, ${many(payloadFiles, 'payload file')}`,
    );
    print(
      `frames     ${many(frames, 'frame')}${frames === 0 ? '' : `, ${first} to ${last}, each with the hash of the one before`}`,
    );
    print(`facts      ${many(facts, 'fact')} that the lifecycle decides too`);
    if (tornBytes > 0)
      print(`torn       ${many(tornBytes, 'byte')} of a write that was cut off; the next start puts them aside`);
    print(`verdict    ${intact ? 'intact' : isAbsent ? 'there is no journal' : 'NOT INTACT'}`);
  });
}
