/** What the package gives everywhere. */
export { attenuate } from './attenuate.ts';
export { MailboxClient } from './client.ts';
export type { Consumer, Handler } from './consumer.ts';
export type { ClientCrypto } from './crypto.ts';
export {
  CapabilityError,
  DuplicateError,
  type ErrorCode,
  IdemMismatchError,
  IntegrityError,
  InternalError,
  LeaseLostError,
  MailboxError,
  NotFoundError,
  type OwnCode,
  RequestError,
  SaturatedError,
  ScopeError,
  TimeoutError,
  UnavailableError,
  UnreachableError,
  type Wait,
} from './error.ts';
export type { ConsumeOptions, Trouble } from './intake.ts';
export type { BrokenField } from './integrity.ts';
export { type GiveBack, type Message, Reject, RetryLater } from './message.ts';
export type { MessageLoop } from './message-loop.ts';
export type { OutgoingMessage, Producer, ProducerOptions } from './producer.ts';
export type { Accepted } from './send-buffer.ts';
export type { CapabilitySource, ClientOptions } from './transport.ts';
export * from './types.ts';
