import { limitsOf } from '../config/limits.ts';
import type { Settings } from '../config/settings.ts';
import { ConfigError } from '../config/values.ts';
import { FolderError } from '../journal/folder.ts';
import type { MailboxNode } from '../node/node.ts';
import type { Log } from '../observe/log.ts';
import type { TimeSource } from '../ports/clock.ts';
import { type Claim, isClaim, type JournalBackend, type Unclaimed } from '../ports/journal.ts';
import { ServiceClock } from '../service/service-clock.ts';
import { TraceFile } from '../trace/file.ts';
import type { OpenedStore } from './store.ts';

/** The clock goes on where that of the last process was. */
export function continued(time: TimeSource, journal: JournalBackend, log: Log): ServiceClock {
  const { clocks } = journal.contents;
  const clock = new ServiceClock(time, clocks);
  if (clocks !== null) log.info('clock.continued', { down_ms: clock.downMs });
  return clock;
}

/** Takes over what the journal knew: served is nothing before that is durable. @throws FolderError */
export async function opened(node: MailboxNode, settings: Settings): Promise<void> {
  const durable = await new Promise<boolean>((resolve) => node.open(resolve));
  if (!durable)
    throw new FolderError(
      `${settings.engine === null ? `data: ${settings.data}` : 'engine'}: the first write to the journal failed`,
    );
}

/** A trace to a new file, which begins with the messages that are there; null when none is asked for. @throws ConfigError */
export function traceOf(
  {
    trace: path,
    settings,
    log,
  }: { readonly trace?: string | undefined; readonly settings: Settings; readonly log: Log },
  store: OpenedStore,
  claims: readonly (Claim | Unclaimed)[],
): TraceFile | null {
  if (path === undefined) return null;
  const onEnd = (reason: string): void => log.warn('trace.ended', { reason });
  const shards = claims.filter(isClaim).map(({ state }) => state);
  try {
    return new TraceFile(path, { producer: 'server', commit: null, limits: limitsOf(settings), shards, onEnd });
  } catch (cause) {
    void store.close();
    const { code, message } = cause as NodeJS.ErrnoException;
    throw new ConfigError(`--trace ${path}: ${code === 'EEXIST' ? 'exists; name a new file' : message}`);
  }
}

/** On a full disk the first append waits for room: that too ends when the process is told to. @throws the reason of `ended` */
export function unlessEnded<T>(work: Promise<T>, ended: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(ended.reason);
    if (ended.aborted) stop();
    ended.addEventListener('abort', stop, { once: true });
    work.then(resolve, reject).finally(() => ended.removeEventListener('abort', stop));
  });
}
