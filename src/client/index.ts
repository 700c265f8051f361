/** What `import 'svc-mailbox'` gives in Node: the same as anywhere, with hashes in native code, and a `fetch` for Unix sockets. */
import { type MailboxOptions, Mailbox as Portable } from './mailbox.ts';
import { nodeCrypto } from './node-crypto.ts';

export * from './common.ts';
export { type NodeFetchOptions, nodeFetch } from './node.ts';
export type { MailboxOptions };

export class Mailbox extends Portable {
  constructor(options: MailboxOptions) {
    super({ crypto: nodeCrypto, ...options });
  }
}
