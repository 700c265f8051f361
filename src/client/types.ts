import type { HashedEnvelope } from '../integrity/verify.ts';

/** What goes over the wire, as its client sees it (`docs/protocol.md`). */
export interface Envelope extends HashedEnvelope {
  readonly msg_id: string;
  readonly corr_id: string;
  readonly shard: number;
  /** 1 for the first delivery. */
  readonly attempt: number;
  readonly receipt: string;
  readonly deadline_in_ms: number;
  readonly epoch: number;
}

export interface SendBody {
  readonly topic: string;
  readonly idem_key: string;
  readonly payload_b64: string;
  readonly attrs?: Readonly<Record<string, string>>;
  readonly payload_hash?: string;
  readonly delay_ms?: number;
  readonly ttl_ms?: number;
}
export interface Sent {
  readonly msg_id: string;
  readonly duplicate: boolean;
  readonly payload_hash: string;
  readonly hash_chain: string;
}
export interface RecvBody {
  readonly topic: string;
  readonly visibility_ms?: number;
  readonly max_messages?: number;
  readonly max_bytes?: number;
  readonly wait_ms?: number;
  readonly acks?: readonly { readonly msg_id: string; readonly receipt: string }[];
}
export interface StreamBody {
  readonly topic: string;
  readonly visibility_ms?: number;
  /** Most messages unsettled at once. */
  readonly credit?: number;
  /** Most payload bytes unsettled at once. */
  readonly max_bytes?: number;
  /** Ends after so many messages, else never. */
  readonly max_messages?: number;
  /** Ends when nothing came for so long, else never. */
  readonly wait_ms?: number;
}
export interface Lease {
  readonly msg_id: string;
  readonly receipt: string;
}
export interface NackBody {
  readonly receipt: string;
  readonly reason?: string;
  readonly retry_after_ms?: number;
  readonly dead_letter?: boolean;
}
/** Why one item of several was refused. */
export interface ItemError {
  readonly code: string;
  readonly message: string;
  readonly reason?: string;
  /** Of a duplicate: the message it repeats. */
  readonly msg_id?: string;
}
export type SendResult = { readonly msg_id: string; readonly duplicate: boolean } | ItemError;
export type NackResult = { readonly msg_id: string; readonly ok: true; readonly state: string } | ItemError;
export const isItemError = (result: object): result is ItemError => 'code' in result;

/** A message to send in frames: its payload goes as it is. */
export interface FrameMessage extends Omit<SendBody, 'payload_b64'> {
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
export type AckResult =
  | { readonly msg_id: string; readonly ok: true }
  | { readonly msg_id: string; readonly code: string; readonly message: string };
export interface Received {
  readonly messages: readonly Envelope[];
  readonly ack_results?: readonly AckResult[];
}
