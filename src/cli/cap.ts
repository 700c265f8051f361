import { type Command, Option } from 'commander';
import { CAP_FORMATS, type CapFormat, OPS } from '../../spec/vocabulary.ts';
import { OPS_BESIDE, parseCaveat, ROLES, scopeOf } from '../auth/caveats.ts';
import { KEY_AGE_MAX_MS } from '../auth/keyring.ts';
import { readKeyringFile } from '../auth/keyring-file.ts';
import { durationMs } from '../config/values.ts';
import { echoed } from '../platform/visible.ts';
import {
  type Connecting,
  clientOf,
  connecting,
  examples,
  print,
  printJson,
  say,
  textOf,
  UsageError,
} from './shared.ts';

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

const TOPIC = 'must be a lower-case letter or digit and up to 127 more of a-z 0-9 . _ : -';
const QUOTA = 'must be N/SECONDS, like 1000/1';
const DURATION = 'must be a duration, like 250ms 5s 1h 7d';
const OPS_IN_WORDS = `${OPS.filter((op) => OPS_BESIDE[op] === undefined).join(',')}, or view and stats, or admin alone`;
/** An option that becomes a caveat: how it is described, what it must be, and the line it makes, null when it can be none. */
interface CaveatOption {
  readonly flag: string;
  readonly of: keyof CaveatOptions;
  readonly value: string;
  readonly about: string;
  readonly must: string;
  readonly line: (value: string) => string | null;
}
const CAVEATS: readonly CaveatOption[] = [
  {
    ...{ flag: 'topic', of: 'topic', value: 'topic', about: 'this topic only', must: TOPIC },
    line: (it) => `topic = ${it}`,
  },
  {
    ...{ flag: 'topic-prefix', of: 'topicPrefix', value: 'prefix', about: 'topics that begin so', must: TOPIC },
    line: (it) => `topic prefix ${it}`,
  },
  {
    ...{ flag: 'op', of: 'op', value: 'ops', about: OPS_IN_WORDS },
    must: `must be ops of ${OPS.join(', ')}, each once, separated by commas; view with stats alone, admin alone`,
    line: (it) => `op = ${it}`,
  },
  {
    ...{ flag: 'expires', of: 'expires', value: 'duration', about: 'from now, like 1h', must: DURATION },
    line: (it) => timed('expires', it),
  },
  {
    ...{ flag: 'not-before', of: 'notBefore', value: 'duration', about: 'from now', must: DURATION },
    line: (it) => timed('not_before', it),
  },
  {
    ...{ flag: 'quota-ops', of: 'quotaOps', value: 'n/seconds', about: 'operations in a window, like 1000/1' },
    must: QUOTA,
    line: (it) => `quota_ops = ${it}`,
  },
  {
    ...{ flag: 'quota-bytes', of: 'quotaBytes', value: 'n/seconds', about: 'payload bytes in a window', must: QUOTA },
    line: (it) => `quota_bytes = ${it}`,
  },
  {
    ...{ flag: 'role', of: 'role', value: 'role', about: ROLES.join(', '), must: `must be one of ${ROLES.join(', ')}` },
    line: (it) => `role = ${it}`,
  },
];

function timed(kind: string, text: string): string | null {
  const ms = durationMs(text);
  return ms === null ? null : `${kind} = ${Math.floor((Date.now() + ms) / 1000)}`;
}

const withCaveats = (command: Command): Command => {
  for (const { flag, value, about } of CAVEATS) command.option(`--${flag} <${value}>`, about);
  return command;
};

/** @throws UsageError naming the option, what was given and what may be */
function caveatsOf(options: CaveatOptions): string[] {
  return CAVEATS.flatMap(({ flag, of, must, line }) => {
    const value = options[of];
    if (value === undefined) return [];
    const made = line(value);
    if (made === null || parseCaveat(made) === null) throw new UsageError(`--${flag} ${echoed(value)}: ${must}`);
    return [made];
  });
}

/** What was asked for cannot be made: that is for whoever asked to put right. */
function asked<T>(make: () => T): T {
  try {
    return make();
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

/** What makes and reads tokens, loaded only by the commands that do. */
const minting = () => import('../auth/mint.ts');
const tokens = () => import('../auth/macaroon.ts');

export function addCap(program: Command): void {
  const cap = program.command('cap').description('capabilities');
  const mintOf = withCaveats(cap.command('mint').description('make a capability'));
  mintOf
    .requiredOption('--keyring <file>', 'keyring to sign with')
    .addOption(new Option('--format <version>', 'format version').choices([...CAP_FORMATS]).default('v1'))
    .option('--json', 'print JSON');
  examples(
    mintOf,
    'mailbox cap mint --keyring keyring.json --topic orders --op send --expires 1h --quota-ops 1000/1',
    'mailbox cap mint --keyring keyring.json --topic-prefix orders. --op view --expires 8h --quota-ops 100/1',
    'mailbox cap mint --keyring keyring.json --topic mailbox.admin --op admin --expires 1h --quota-ops 10/1',
  );
  mintOf.action(async (options: CaveatOptions & { keyring: string; format: CapFormat; json?: true }) => {
    const caveats = caveatsOf(options);
    const scope = scopeOf(caveats);
    if (typeof scope === 'string')
      throw new UsageError(
        `capability: ${scope}; a capability needs --topic or --topic-prefix, --op, --expires and --quota-ops`,
      );
    const keyring = readKeyringFile(options.keyring);
    const { mint } = await minting();
    const { token, nonce } = asked(() => mint(keyring, caveats, options.format));
    const { id, createdMs } = keyring.newest;
    if (scope.expiresS * 1000 > createdMs + KEY_AGE_MAX_MS) {
      const end = new Date(createdMs + KEY_AGE_MAX_MS).toISOString();
      say(`mint: key ${id} ends ${end}, and this capability with it`);
    }
    if (options.json) printJson({ capability: token, nonce, caveats });
    else print(token);
  });

  const attenuate = withCaveats(cap.command('attenuate <token>').description('narrow a capability; needs no server'));
  examples(attenuate, 'mailbox cap attenuate "$MAILBOX_CAP" --op recv,ack --expires 5m').action(
    async (token: string, options: CaveatOptions) => {
      const caveats = caveatsOf(options);
      if (caveats.length === 0) throw new UsageError('attenuate: name at least one caveat: --help lists them');
      const given = textOf(token);
      const { parseToken } = await tokens();
      if (parseToken(given) === null)
        throw new UsageError('attenuate: the token is no capability of this service; is it whole?');
      const { attenuate: narrow } = await minting();
      print(asked(() => narrow(given, caveats)));
    },
  );

  const inspect = cap
    .command('inspect <token>')
    .description('show what a capability says (its signature is not checked)');
  inspect.option('--json', 'print JSON').action(async (token: string, { json }: { json?: true }) => {
    const { parseToken } = await tokens();
    const parsed = parseToken(textOf(token));
    if (parsed === null) throw new UsageError('inspect: not a capability of this service; is it whole?');
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
    async (nonce: string | undefined, options: Connecting & { keyId?: string; reason: string }) => {
      const { keyId, reason } = options;
      if ((nonce === undefined) === (keyId === undefined))
        throw new UsageError('revoke: a nonce, or --key-id: one of them');
      const which = { ...(nonce ? { nonce } : {}), ...(keyId ? { key_id: keyId } : {}) };
      const answer = await clientOf(options).revoke({ ...which, reason });
      if (options.json) printJson(answer);
      else print('revoked');
    },
  );
}
