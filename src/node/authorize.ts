import type { Op } from '../../spec/vocabulary.ts';
import type { AuthFailure, Capability } from '../auth/authorize.ts';
import type { Reply, Request } from '../service/messages.ts';
import type { Exchange } from './exchange.ts';

/** Any of these ops lets a capability ask for the verb. */
export const OPS_OF: Readonly<Record<Request['verb'], readonly Op[]>> = {
  send: ['send'],
  recv: ['recv'],
  ack: ['ack'],
  nack: ['nack'],
  extend: ['extend'],
  stats: ['recv', 'stats', 'admin'],
  reprocess: ['admin'],
  purge: ['admin'],
  dlq_list: ['admin'],
  topics: ['stats', 'view', 'admin'],
  peek: ['view'],
  show: ['view'],
  redrive: ['admin'],
  redrive_show: ['admin'],
  redrive_cancel: ['admin'],
};

/** The same of a look at the process itself, which is no verb. */
export const NODE_OPS: readonly Op[] = ['stats', 'view', 'admin'];

/** The op that a verb is counted and told of as. */
export const opOf = ({ verb }: Request): Op => OPS_OF[verb][0] as Op;

/** Why a capability that was valid has ended: its own end, or that of a verifier's word, which may be given again. */
export const endOf = (failure: AuthFailure): 'cap_auth' | 'verifier' =>
  failure === 'unverified' ? 'verifier' : 'cap_auth';

/** What no verdict on the capability itself is. */
const OUTCOME_OF_FAILURE: Readonly<Partial<Record<AuthFailure, Reply['outcome']>>> = {
  unavailable: 'verifier',
  crowded: 'auth_flood',
};

/** What whoever nobody stands behind is answered. */
export const unknownCaller = (failure: AuthFailure): Reply => ({ outcome: OUTCOME_OF_FAILURE[failure] ?? 'cap_auth' });

const MAY_NOT: Reply = { outcome: 'cap_scope' };
const MAY_NOT_ACK: Reply = { outcome: 'cap_scope', message: 'acks: the capability does not allow ack' };

/** Whether the capability has an op that the request takes: null, or what it is answered. It is told, too. */
export function authorizeOps(exchange: Exchange, capability: Capability, ops: readonly Op[]): Reply | null {
  for (const op of ops) if (capability.allowsOp(op)) return null;
  exchange.denied(ops[0] as Op, 'op');
  return MAY_NOT;
}

/** What is authorized of a request. */
interface Authorized {
  readonly verb: Request['verb'];
  readonly acks?: readonly unknown[];
}

/** The same for all that a request asks for: acks that ride along are acks (LE8). */
export function authorize(exchange: Exchange, capability: Capability, { verb, acks = [] }: Authorized): Reply | null {
  const refused = authorizeOps(exchange, capability, OPS_OF[verb]);
  if (refused !== null || acks.length === 0) return refused;
  return authorizeOps(exchange, capability, OPS_OF.ack) === null ? null : MAY_NOT_ACK;
}
