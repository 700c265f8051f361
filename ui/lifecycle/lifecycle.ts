/** Where the states stand in the picture, and how its arrows run: the machine of `spec`, which a test compares this with. */
export const WIDTH = 98;
export const HEIGHT = 30;

/** Middles of the states. */
export const PLACE: Readonly<Record<string, readonly [number, number]>> = {
  queued: [80, 60],
  leased: [250, 60],
  acked: [430, 60],
  redelivered: [250, 160],
  dead_lettered: [430, 160],
  purged: [430, 235],
};

interface Arrow {
  readonly from: string;
  readonly to: string;
  readonly events: readonly string[];
  readonly path: string;
  /** Middle of its label, and how that is anchored. */
  readonly label: readonly [number, number, 'start' | 'middle' | 'end'];
}

const arrow = (from: string, to: string, events: string, path: string, label: Arrow['label']): Arrow => ({
  ...{ from, to, path, label },
  events: events.split(' '),
});

export const ARROWS: readonly Arrow[] = [
  arrow('absent', 'queued', 'send', 'M 1 60 L 31 60', [1, 40, 'start']),
  arrow('queued', 'leased', 'recv', 'M 129 54 L 201 54', [165, 48, 'middle']),
  arrow('leased', 'queued', 'release', 'M 201 66 L 129 66', [165, 80, 'middle']),
  arrow('leased', 'acked', 'ack', 'M 299 60 L 381 60', [340, 54, 'middle']),
  arrow('leased', 'leased', 'extend', 'M 228 45 C 222 18, 278 18, 272 45', [250, 18, 'middle']),
  arrow('leased', 'redelivered', 'nack release expire', 'M 258 75 L 258 145', [264, 134, 'start']),
  arrow('redelivered', 'leased', 'recv', 'M 240 145 L 240 75', [234, 113, 'end']),
  arrow('leased', 'dead_lettered', 'nack release expire', 'M 290 75 L 396 145', [332, 90, 'start']),
  arrow('redelivered', 'dead_lettered', 'expire', 'M 299 160 L 381 160', [340, 154, 'middle']),
  arrow('queued', 'dead_lettered', 'expire', 'M 56 75 C 56 222, 300 222, 388 172', [200, 206, 'middle']),
  arrow('dead_lettered', 'queued', 'reprocess', 'M 400 175 C 330 262, 40 262, 40 75', [232, 236, 'middle']),
  arrow('dead_lettered', 'purged', 'purge', 'M 430 175 L 430 220', [436, 202, 'start']),
];
