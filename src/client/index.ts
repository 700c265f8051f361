/** What `import 'svc-mailbox'` gives. */
export { type ClientOptions, MailboxClient } from './client.ts';
export { MailboxError, type Wait } from './error.ts';
export { type NodeFetchOptions, nodeFetch } from './node.ts';
export * from './types.ts';
