import { type Command, Option } from 'commander';
import { CAP_FORMATS, type CapFormat } from '../../spec/vocabulary.ts';
import { parseCaveat, scopeOf } from '../auth/caveats.ts';
import { KEY_AGE_MAX_MS } from '../auth/keyring.ts';
import { readKeyringFile } from '../auth/keyring-file.ts';
import { parseToken } from '../auth/macaroon.ts';
import { mint, attenuate as narrow } from '../auth/mint.ts';
import { durationMs } from '../config/values.ts';
import { clientOf, connecting, EXIT, examples, print, printJson, textOf, UsageError } from './shared.ts';

interface CaveatOptions {
  readonly topic?: string;
  readonly topicPrefix?: string;
  readonly op?: string;
  readonly expires?: string;
  readonly notBefore?: string;
  readonly quotaOps?: string;
  readonly quotaBytes?: string;
  readonly role?: string;
}

const withCaveats = (command: Command): Command =>
  command
    .option('--topic <topic>', 'this topic only')
    .option('--topic-prefix <prefix>', 'topics that begin so')
    .option('--op <ops>', 'send,recv,ack,nack,extend,stats, or admin alone')
    .option('--expires <duration>', 'from now, like 1h')
    .option('--not-before <duration>', 'from now')
    .option('--quota-ops <n/seconds>', 'operations in a window, like 1000/1')
    .option('--quota-bytes <n/seconds>', 'payload bytes in a window')
    .option('--role <role>', 'producer, consumer or admin');

function caveatsOf(options: CaveatOptions): string[] {
  const at = (name: string, text: string): number => {
    const ms = durationMs(text);
    if (ms === null) throw new UsageError(`${name}: a duration, like 1h`);
    return Math.floor((Date.now() + ms) / 1000);
  };
  const { topic, topicPrefix, op, expires, notBefore, quotaOps, quotaBytes, role } = options;
  const lines = [
    topic && `topic = ${topic}`,
    topicPrefix && `topic prefix ${topicPrefix}`,
    op && `op = ${op}`,
    expires && `expires = ${at('expires', expires)}`,
    notBefore && `not_before = ${at('not-before', notBefore)}`,
    quotaOps && `quota_ops = ${quotaOps}`,
    quotaBytes && `quota_bytes = ${quotaBytes}`,
    role && `role = ${role}`,
  ].filter((line): line is string => typeof line === 'string');
  for (const line of lines) {
    if (parseCaveat(line) === null) throw new UsageError(`${line}: not a caveat (see docs/protocol.md: Capabilities)`);
  }
  return lines;
}

/** What was asked for cannot be made: that is for whoever asked to put right. */
function asked<T>(make: () => T): T {
  try {
    return make();
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

export function addCap(program: Command): void {
  const cap = program.command('cap').description('capabilities');
  const minting = withCaveats(cap.command('mint').description('make a capability'));
  minting
    .requiredOption('--keyring <file>', 'keyring to sign with')
    .addOption(new Option('--format <version>', 'format version').choices([...CAP_FORMATS]).default('v1'))
    .option('--json', 'print JSON');
  examples(
    minting,
    'mailbox cap mint --keyring keyring.json --topic orders --op send --expires 1h --quota-ops 1000/1',
    'mailbox cap mint --keyring keyring.json --topic mailbox.admin --op admin --expires 1h --quota-ops 10/1',
  );
  minting.action((options: CaveatOptions & { keyring: string; format: CapFormat; json?: true }) => {
    const caveats = caveatsOf(options);
    const scope = scopeOf(caveats);
    if (typeof scope === 'string') throw new UsageError(`capability: ${scope}`);
    const keyring = readKeyringFile(options.keyring);
    const { token, nonce } = asked(() => mint(keyring, caveats, options.format));
    const { id, createdMs } = keyring.newest;
    if (scope.expiresS * 1000 > createdMs + KEY_AGE_MAX_MS) {
      const end = new Date(createdMs + KEY_AGE_MAX_MS).toISOString();
      process.stderr.write(`mint: key ${id} ends ${end}, and this capability with it\n`);
    }
    if (options.json) printJson({ capability: token, nonce, caveats });
    else print(token);
  });

  const attenuate = withCaveats(cap.command('attenuate <token>').description('narrow a capability; needs no server'));
  examples(attenuate, 'mailbox cap attenuate "$MAILBOX_CAP" --op recv,ack --expires 5m').action(
    (token: string, options: CaveatOptions) => {
      const caveats = caveatsOf(options);
      if (caveats.length === 0) throw new UsageError('attenuate: name at least one caveat');
      const from = textOf(token);
      print(asked(() => narrow(from, caveats)));
    },
  );

  const inspect = cap
    .command('inspect <token>')
    .description('show what a capability says (its signature is not checked)');
  inspect.option('--json', 'print JSON').action((token: string, { json }: { json?: true }) => {
    const parsed = parseToken(textOf(token));
    if (parsed === null) {
      process.stderr.write('inspect: not a capability of this service\n');
      process.exitCode = EXIT.failed;
      return;
    }
    const { format, keyId, nonce, caveats } = parsed;
    const scope = scopeOf(caveats);
    if (json) return printJson({ format, key_id: keyId, nonce, caveats, usable: typeof scope !== 'string' });
    print(
      [
        `format ${format}`,
        `key ${keyId}`,
        `nonce ${nonce}`,
        ...caveats,
        ...(typeof scope === 'string' ? [`unusable: ${scope}`] : []),
      ].join('\n'),
    );
  });

  const revoke = connecting(cap.command('revoke [nonce]').description('revoke a capability and all made from it'));
  revoke
    .option('--key-id <id>', 'revoke everything a root key signed')
    .option('--reason <text>', 'for the log', 'revoked');
  examples(revoke, 'mailbox cap revoke 01J8ZC4V2N6Q9R0S3T5W7X8Y1A --reason leaked').action(
    async (nonce: string | undefined, options: { keyId?: string; reason: string; url?: string; cap?: string }) => {
      const { keyId, reason } = options;
      if ((nonce === undefined) === (keyId === undefined)) throw new UsageError('revoke: a nonce, or --key-id');
      await clientOf(options).revoke({ ...(nonce ? { nonce } : {}), ...(keyId ? { key_id: keyId } : {}), reason });
      print('revoked');
    },
  );
}
