import { BEANSTALKD, BEANSTALKD_MEMORY } from './beanstalkd.ts';
import { MAILBOX, MAILBOX_FRAMES, MAILBOX_MEMORY, MAILBOX_MEMORY_FRAMES } from './mailbox.ts';
import type { Peer } from './peer.ts';
import { PG_BOSS } from './pg-boss.ts';
import { POSTGRES } from './postgres.ts';
import { RABBITMQ } from './rabbitmq.ts';
import { REDIS, REDIS_MEMORY } from './redis.ts';

/** Each is compared with those of ours that keep their word as well as it does. */
export const OURS: readonly Peer[] = [MAILBOX, MAILBOX_FRAMES, MAILBOX_MEMORY, MAILBOX_MEMORY_FRAMES];
export const PEERS: readonly Peer[] = [RABBITMQ, REDIS, POSTGRES, BEANSTALKD, PG_BOSS, REDIS_MEMORY, BEANSTALKD_MEMORY];

export const keyOf = ({ name, durable }: Peer): string => `${name}/${durable === null ? 'memory' : 'durable'}`;
export const peerOf = (key: string): Peer => [...OURS, ...PEERS].find((peer) => keyOf(peer) === key) as Peer;
