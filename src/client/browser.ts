/** What `import 'svc-mailbox'` gives where there is no Node: `fetch`, and nothing else. */
export * from './common.ts';
export { Mailbox, type MailboxOptions } from './mailbox.ts';
