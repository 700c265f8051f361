import type { AnswerOf, BodyOf, RequestOf, ResultOf } from '../api/types.ts';

/** What goes over the wire, as its client sees it (`docs/protocol.md`). */
export type SendBody = RequestOf<'send'>;
export type Sent = AnswerOf<'send'>;
export type SendResult = ResultOf<'sendBatch'>;

export type RecvBody = RequestOf<'recv'>;
export type Received = AnswerOf<'recv'>;
export type Envelope = Received['messages'][number];
/** What became of an ack that rode along, or was one of several. */
export type AckResult = NonNullable<Received['ack_results']>[number];
/** Without acks: their results would be no messages. */
export type StreamBody = Omit<RequestOf<'recvStream'>, 'acks'>;

export type Lease = BodyOf<'ack_item'>;
export type NackBody = RequestOf<'nack'>;
export type NackResult = ResultOf<'nackBatch'>;
/** Why one item of several was refused. */
export type ItemError = Extract<SendResult, { readonly code: unknown }>;
export const isItemError = (result: object): result is ItemError => 'code' in result;

/** An Ed25519 public key that signs envelopes (RFC 8037). */
export type PublicJwk = AnswerOf<'keys'>['keys'][number];

export type TopicStats = AnswerOf<'stats'>;
export type TopicsQuery = RequestOf<'topics'>;
export type Topics = AnswerOf<'topics'>;
export type MessagesQuery = RequestOf<'messages'>;
export type Messages = AnswerOf<'messages'>;
export type MessageView = Messages['messages'][number];
export type MessageQuery = RequestOf<'message'>;
/** A message and what happened to it. */
export type Shown = AnswerOf<'message'>;
export type Fact = Shown['timeline'][number];
export type FeedQuery = RequestOf<'feed'>;
export type NodeState = AnswerOf<'node'>;
export type DecisionQuery = RequestOf<'decisions'>;
export type DecisionLine = Exclude<AnswerOf<'decisions'>, { readonly code: unknown }>;
export type FeedLine = Exclude<AnswerOf<'feed'>, { readonly code: unknown }>;
export type RedriveBody = RequestOf<'startRedrive'>;
export type Redrive = AnswerOf<'redrive'>;
export type DeadLetterQuery = RequestOf<'listDeadLetters'>;
export type DeadLetters = AnswerOf<'listDeadLetters'>;
export type DeadLetter = DeadLetters['dead_letters'][number];
export type ReprocessBody = RequestOf<'reprocess'>;
export type Reprocessed = AnswerOf<'reprocess'>;
export type PurgeBody = RequestOf<'purge'>;
export type RevokeBody = RequestOf<'revoke'>;

/** A message to send in frames: its payload goes as it is. */
export interface FrameMessage extends BodyOf<'send_frame'> {
  readonly payload: Uint8Array;
}
/** An envelope that came in frames. */
export interface FrameEnvelope extends Omit<Envelope, 'payload_b64'> {
  readonly payload: Uint8Array;
}
export interface FramesReceived {
  readonly messages: readonly FrameEnvelope[];
  readonly ack_results: readonly AckResult[];
}
