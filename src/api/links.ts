/** From one answer to the next request: OpenAPI links, by the answer they begin at. */
export interface Link {
  readonly operationId: string;
  readonly description: string;
  readonly parameters?: Readonly<Record<string, string>>;
  readonly requestBody?: unknown;
}

const ASKED_TOPIC = '$request.body#/topic';
const FIRST = '$response.body#/messages/0/msg_id';
const RECEIPT = '$response.body#/messages/0/receipt';
const LEASE = { msg_id: FIRST, receipt: RECEIPT };
const QUERIED_TOPIC = '$request.query.topic';
const DEAD = ['$response.body#/dead_letters/0/msg_id'];

const receive = (topic: string): Record<string, Link> => ({
  receive: { operationId: 'recv', description: 'Lease what was sent', requestBody: { topic } },
  stream: {
    operationId: 'recvStream',
    description: 'Lease what was sent, as it comes',
    requestBody: { topic, max_messages: 1, wait_ms: 1 },
  },
  count: { operationId: 'stats', description: 'What is in the topic now', parameters: { topic } },
});

export const LINKS = {
  send: {
    ...receive(ASKED_TOPIC),
    again: { operationId: 'send', description: 'The same again: a duplicate', requestBody: '$request.body' },
  },
  sendBatch: receive('$request.body#/messages/0/topic'),
  recv: {
    ack: {
      operationId: 'ack',
      description: 'Done with the first message',
      parameters: { msg_id: FIRST },
      requestBody: { receipt: RECEIPT },
    },
    nack: {
      operationId: 'nack',
      description: 'Give the first message up: it goes to the dead letters',
      parameters: { msg_id: FIRST },
      requestBody: { receipt: RECEIPT, dead_letter: true },
    },
    extend: {
      operationId: 'extend',
      description: 'Keep the first message for longer',
      parameters: { msg_id: FIRST },
      requestBody: { receipt: RECEIPT },
    },
    ackBatch: { operationId: 'ackBatch', description: 'Done with several', requestBody: { acks: [LEASE] } },
    nackBatch: { operationId: 'nackBatch', description: 'Give several back', requestBody: { nacks: [LEASE] } },
    next: {
      operationId: 'recv',
      description: 'Done, and the next ones, in one request',
      requestBody: { topic: ASKED_TOPIC, acks: [LEASE] },
    },
    deadLetters: {
      operationId: 'listDeadLetters',
      description: 'What of this topic was given up',
      parameters: { topic: ASKED_TOPIC },
    },
  },
  deadLetters: {
    next: {
      operationId: 'listDeadLetters',
      description: 'The next page',
      parameters: { topic: QUERIED_TOPIC, cursor: '$response.body#/next' },
    },
    reprocess: {
      operationId: 'reprocess',
      description: 'Put the first one back',
      requestBody: { topic: QUERIED_TOPIC, msg_ids: DEAD },
    },
    purge: {
      operationId: 'purge',
      description: 'Delete the first one for good',
      requestBody: { topic: QUERIED_TOPIC, msg_ids: DEAD },
    },
  },
  reprocess: receive(ASKED_TOPIC),
  redrive: {
    progress: {
      operationId: 'redrive',
      description: 'How far it is',
      parameters: { redrive_id: '$response.body#/id' },
    },
    cancel: {
      operationId: 'cancelRedrive',
      description: 'Cancel it',
      parameters: { redrive_id: '$response.body#/id' },
    },
  },
  topics: {
    next: {
      operationId: 'topics',
      description: 'The next page',
      parameters: { cursor: '$response.body#/next' },
    },
    messages: {
      operationId: 'messages',
      description: 'What is in the first topic',
      parameters: { topic: '$response.body#/topics/0/topic' },
    },
  },
  messages: {
    next: {
      operationId: 'messages',
      description: 'The next page',
      parameters: { topic: QUERIED_TOPIC, cursor: '$response.body#/next' },
    },
    message: {
      operationId: 'message',
      description: 'What happened to the first one',
      parameters: { msg_id: FIRST },
    },
  },
} as const satisfies Record<string, Readonly<Record<string, Link>>>;
