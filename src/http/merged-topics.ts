import { type Answer, done } from './reply.ts';

/** A page of topics as a node answers it. */
interface Page {
  readonly topics: readonly { readonly topic: string }[];
  readonly next: string | null;
  readonly down_shards?: readonly number[];
}

const CURSOR_HEAD = 't.';

/**
 * The pages of several nodes as one, by name: no further than the node that came least far, so that none is passed by. Shards that nobody
 * answered for are named, as they are where a node has none besides itself.
 */
export class MergedTopics {
  private readonly limit: number;
  private readonly finish: (answer: Answer) => void;
  private readonly pages: Page[] = [];
  private refused: Answer | null = null;
  private unavailable: Answer | null = null;
  private left: number;

  constructor(limit: number, nodes: number, finish: (answer: Answer) => void) {
    this.limit = limit;
    this.left = nodes;
    this.finish = finish;
  }

  add(answer: Answer): void {
    if (answer.status === 200) {
      const page = pageIn(answer.body.toString());
      if (page !== null) this.pages.push(page);
      // Whoever is not there to answer answers for no shard; what is refused to the asker is refused.
    } else if (answer.status === 503) this.unavailable ??= answer;
    else this.refused ??= answer;
    if (--this.left > 0) return;
    // Where nobody answered there is no page either.
    const instead = this.refused ?? (this.pages.length === 0 ? this.unavailable : null);
    this.finish(instead ?? this.merged());
  }

  private merged(): Answer {
    const { pages, limit } = this;
    const ends = pages.flatMap(({ next }) => (next === null ? [] : [next.slice(CURSOR_HEAD.length)]));
    const end = ends.length === 0 ? null : ends.reduce((least, name) => (name < least ? name : least));
    const rows = pages
      .flatMap(({ topics }) => topics)
      .filter(({ topic }) => end === null || topic <= end)
      .sort((a, b) => (a.topic < b.topic ? -1 : Number(a.topic > b.topic)));
    const topics = rows.filter(({ topic }, i) => topic !== rows[i - 1]?.topic).slice(0, limit);
    const last = topics.length < limit || topics.length === rows.length ? end : (topics.at(-1)?.topic ?? end);
    const down = downAtAll(pages);
    return done(
      JSON.stringify({
        topics,
        next: last === null ? null : CURSOR_HEAD + last,
        ...(down.length === 0 ? {} : { down_shards: down }),
      }),
    );
  }
}

/** Those that each of them lacks. */
const downAtAll = ([first, ...others]: readonly Page[]): readonly number[] =>
  (first?.down_shards ?? []).filter((shard) => others.every(({ down_shards = [] }) => down_shards.includes(shard)));

/** Null for what no node of ours answers. */
function pageIn(body: string): Page | null {
  try {
    const page = JSON.parse(body) as Page;
    const { topics, next, down_shards: down = [] } = page;
    const isPage =
      topics.every(({ topic }) => typeof topic === 'string') &&
      (next === null || next.startsWith(CURSOR_HEAD)) &&
      down.every(Number.isInteger);
    return isPage ? page : null;
  } catch {
    return null;
  }
}
