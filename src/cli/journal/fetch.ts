import type { Command } from 'commander';
import { loadConfig } from '../../config/load.ts';
import { visible } from '../../platform/visible.ts';
import { EXIT, examples, print, printJson } from '../shared.ts';
import { UsageError } from '../usage.ts';
import { asUsage, many, type Options, onData } from './shared.ts';

interface FetchOptions extends Options {
  readonly leave?: true;
}

export function addFetch(journal: Command): void {
  const fetch = onData(
    journal
      .command('fetch')
      .description('bring payloads that are in a bucket (payload_store) into files of the data directory'),
  ).option(
    '--leave',
    'and keep them there from now on: no server may be serving, and the next one has no payload_store',
  );
  fetch.addHelpText(
    'after',
    '\nBefore a backup: it holds the files. Needs payload_store and payload_store_credentials, by --config or MAILBOX_*.\nExit: 0 all of them are there, 1 some are lost, 2 wrongly called.',
  );
  examples(fetch, 'mailbox journal fetch --config /etc/mailbox/mailbox.toml');
  fetch.action(async (options: FetchOptions) => {
    const { data, config } = options;
    const { settings } = loadConfig(data === undefined ? {} : { data }, process.env, config);
    const { objectPlaceOf } = await import('../../server/objects.ts');
    const place = objectPlaceOf(settings);
    if (place === undefined) throw new UsageError('payload_store: say where the payloads are');
    const found = await asUsage(async () => {
      const { checkFolder, holdFolder } = await import('../../journal/folder.ts');
      checkFolder(settings.data);
      const held = options.leave === true ? holdFolder(settings.data) : null;
      try {
        return await fetchAll(settings.data, place, options.leave === true);
      } finally {
        held?.release();
      }
    });
    if (found.lost.length > 0) process.exitCode = EXIT.failed;
    if (options.json) return printJson({ data: settings.data, ...found });
    for (const { hash, why } of found.lost) print(`lost       ${hash}: ${why}`);
    print(
      `${visible(settings.data)}: ${many(found.fetched, 'payload')} fetched, ${many(found.there, 'file')} there already`,
    );
    if (options.leave === true)
      print(
        found.lost.length > 0
          ? 'NOT LEFT: some are lost'
          : 'payloads are in files from now on: start without payload_store',
      );
  });
}

async function fetchAll(
  data: string,
  place: NonNullable<ReturnType<typeof import('../../server/objects.ts').objectPlaceOf>>,
  leaves: boolean,
) {
  const { FileStorage } = await import('../../journal/file-storage.ts');
  const { RECOVERING } = await import('../../journal/durable.ts');
  const { leavePlace, placeIn } = await import('../../journal/payload-place.ts');
  const { fetchPayloads } = await import('../../journal/fetch-payloads.ts');
  const { openObjects } = await import('../../objects/open.ts');
  const storage = new FileStorage(data);
  const known = placeIn(storage);
  if (known === null) throw new UsageError(`${data}: its payloads are in its own files`);
  if (known.url !== place.url) throw new UsageError(`payload_store: its payloads are in ${known.url}`);
  const found = await fetchPayloads(storage, RECOVERING, openObjects({ place, folder: known.folder }));
  if (leaves && found.lost.length === 0) leavePlace(storage);
  return found;
}
