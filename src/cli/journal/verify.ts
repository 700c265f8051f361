import type { Command } from 'commander';
import type { Audit } from '../../journal/audit.ts';
import { visible } from '../../platform/visible.ts';
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
    const { placed } = await import('../../journal/read-live.ts');
    const { integrity } = await import('../../integrity/hash-chain.ts');
    const found = audit(source, { hash: recovering.hash, integrity });
    const { segments, snapshots, payloadFiles, payloadsElsewhere, frames } = found;
    const { first, last, facts, tornBytes, problems, exists } = found;
    const intact = exists && problems.length === 0;
    process.exitCode = intact ? EXIT.ok : exists || problems.length > 0 ? EXIT.failed : EXIT.usage;
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
    if (payloadsElsewhere > 0)
      print(
        `payloads   those of ${many(payloadsElsewhere, 'message')} are in a bucket and were not looked at: \`mailbox journal fetch\``,
      );
    print(`verdict    ${verdictOf(found)}`);
  });
}

function verdictOf({ exists, problems, tornBytes }: Audit): string {
  if (!exists) return 'there is no journal';
  if (problems.length > 0) return 'NOT INTACT';
  return tornBytes > 0 ? 'intact up to a write that was cut off' : 'intact';
}
