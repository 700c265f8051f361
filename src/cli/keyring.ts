import { type Command, Option } from 'commander';
import { freshKey, KEY_AGE_MAX_MS, Keyring } from '../auth/keyring.ts';
import { readKeyringFile, writeKeyringFile } from '../auth/keyring-file.ts';
import { visible } from '../platform/visible.ts';
import { examples, ms, print, printJson } from './shared.ts';

const DAY_MS = 86_400_000;

/** What to do about a key in this state. */
const HINT: Readonly<Record<string, string>> = {
  aging: ': rotate before it is 30 days old',
  overdue: ': rotate now, sends are refused',
  overlap: ': verifies what it signed until it is 30 days old',
  over: ': verifies nothing any more',
};

export function addKeyring(program: Command): void {
  const keyring = program.command('keyring').description('root keys of capabilities');
  const init = keyring.command('init <file>').description('make a keyring with one fresh key, mode 0600');
  examples(init, 'mailbox keyring init keyring.json').action((file: string) => {
    writeKeyringFile(file, new Keyring([freshKey('k1', Date.now())]), true);
    print(`${visible(file)}: key k1`);
  });
  const rotate = keyring.command('rotate <file>').description('add a fresh key; drop those past the overlap');
  rotate.addOption(
    new Option('--keep <duration>', 'keep keys younger than this, at most 30d')
      .argParser(ms('--keep', 0, KEY_AGE_MAX_MS))
      .default(KEY_AGE_MAX_MS, `${KEY_AGE_MAX_MS / DAY_MS}d`),
  );
  examples(rotate, 'mailbox keyring rotate keyring.json --keep 30d').action((file: string, { keep }) => {
    const rotated = readKeyringFile(file).rotated(Date.now(), keep as number);
    writeKeyringFile(file, rotated, false);
    print(
      `${visible(file)}: keys ${rotated.keys.map((key) => key.id).join(', ')}; capabilities are minted with ${rotated.newest.id}`,
    );
  });
  const list = keyring.command('list <file>').description('ids and ages, no key').option('--json', 'print JSON');
  list.action((file: string, { json }: { json?: true }) => {
    const ring = readKeyringFile(file);
    const keys = ring.keys.map((key) => ({
      id: key.id,
      created: new Date(key.createdMs).toISOString(),
      age_days: Math.floor((Date.now() - key.createdMs) / DAY_MS),
      state: key === ring.newest ? ring.age(Date.now()) : Date.now() < ring.endsMs(key) ? 'overlap' : 'over',
    }));
    if (json) return printJson(keys);
    for (const { id, created, age_days, state } of keys) {
      print(`${id}  ${created}  ${age_days} days old  ${state}${HINT[state] ?? ''}`);
    }
  });
}
