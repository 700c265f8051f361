import { useEffect, useState } from 'preact/hooks';
import type { Redrive, RedriveBody } from '../../src/client/types.ts';
import { waitAfter } from './live.ts';
import { Trouble, useAct } from './parts.tsx';
import { replace, route, to } from './route.ts';
import { type Scope, scopeText } from './scope.ts';
import { Field } from './send.tsx';
import { asking } from './session.ts';
import { countText, numberText } from './text.ts';

const EVERY_MS = 500;

const rateOf = (text: string): number | null => (/^[1-9][0-9]{0,4}$/.test(text.trim()) ? Number(text) : null);

function bodyOf({ topic, reason, ids }: Scope, rate: string, limit: string): RedriveBody {
  return {
    topic,
    ...(ids.length > 0 ? { msg_ids: ids.slice(0, 1000) } : {}),
    ...(ids.length === 0 && reason !== null ? { reason } : {}),
    ...(rateOf(rate) === null ? {} : { rate_per_s: rateOf(rate) as number }),
    ...(/^[1-9][0-9]{0,6}$/.test(limit.trim()) ? { limit: Number(limit) } : {}),
  };
}

/** Puts dead letters back: tried first, which says how many, then as a task that goes on by itself. */
export function RedrivePanel({ scope }: { scope: Scope }) {
  const { query } = route.value;
  const [rate, setRate] = useState('100');
  const [limit, setLimit] = useState('');
  const [tried, setTried] = useState<{ key: string; id: string; report: Redrive | null } | null>(null);
  const act = useAct();
  const body = bodyOf(scope, rate, limit);
  // A count is good for what was asked, and for nothing else.
  const key = JSON.stringify(body);
  const isTried = tried?.key === key;
  const report = isTried ? tried.report : null;
  const running = query.get('redrive');
  const start = (dry_run: boolean): void =>
    act.run(async () => {
      // A dry run changes nothing, so it needs no rate.
      const { rate_per_s: _, ...atOnce } = body;
      const begun = await asking(['admin'], scope.topic, (client) =>
        client.startRedrive(dry_run ? { ...atOnce, dry_run } : body),
      );
      if (dry_run) setTried({ key, id: begun.id, report: begun.state === 'running' ? null : begun });
      else {
        setTried(null);
        replace(to('dead', scope.topic, { reason: scope.reason, redrive: begun.id }));
      }
      return null;
    });
  return (
    <section class="panel" aria-labelledby="redrive">
      <h2 id="redrive">Put back</h2>
      <p>Which: {scopeText(scope)}.</p>
      <div class="pair">
        <Field label="how many a second" id="rate" value={rate} onInput={setRate} />
        <Field label="at most, all if empty" id="limit" value={limit} onInput={setLimit} />
      </div>
      <p class="bar">
        <button type="button" disabled={act.isBusy} onClick={() => start(true)}>
          Count what it would put back
        </button>
        <button
          type="button"
          class="main"
          disabled={act.isBusy || report === null || report.moved === 0}
          onClick={() => start(false)}
        >
          Put {report === null ? '' : numberText(report.moved)} back
        </button>
      </p>
      {isTried && tried.report === null && (
        <Watch topic={scope.topic} id={tried.id} told={(last) => setTried({ ...tried, report: last })} />
      )}
      {report !== null && (
        <p role="status">
          It would put back {numberText(report.moved)}, and leave {numberText(report.skipped + report.failed)}
          <Why report={report} />.
        </p>
      )}
      {act.told}
      {running !== null && <Watch key={running} topic={scope.topic} id={running} />}
    </section>
  );
}

const Why = ({ report }: { report: Redrive }) => {
  const reasons = Object.entries(report.reasons);
  return reasons.length === 0 ? null : (
    <> ({reasons.map(([why, count]) => `${numberText(count)} ${why.replaceAll('_', ' ')}`).join(', ')})</>
  );
};

/** A redrive as it goes on, until it is over. */
function Watch({ topic, id, told }: { topic: string; id: string; told?: (report: Redrive) => void }) {
  const [report, set] = useState<Redrive | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [isCancelling, setCancelling] = useState(false);
  // It is watched from its beginning to its end, once.
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let isOver = false;
    let failures = 0;
    const later = (ms: number | null): void => {
      if (ms !== null && !isOver) timer = setTimeout(look, ms);
    };
    const look = (): void => {
      asking(['admin'], topic, (client) => client.redrive(id)).then(
        (now) => {
          if (isOver) return;
          failures = 0;
          set(now);
          setError(null);
          if (now.state === 'running') later(EVERY_MS);
          else told?.(now);
        },
        (failed: unknown) => {
          setError(failed);
          later(waitAfter(failed, ++failures, EVERY_MS));
        },
      );
    };
    look();
    return () => {
      isOver = true;
      clearTimeout(timer);
    };
  }, [id]);
  const cancel = (): void => {
    setCancelling(true);
    asking(['admin'], topic, (client) => client.cancelRedrive(id)).then(set, (failed: unknown) => {
      setError(failed);
      setCancelling(false);
    });
  };
  if (report === null) return error === null ? <p class="note">Asking…</p> : <Trouble error={error} />;
  const { state, moved, skipped, failed, dry_run } = report;
  return (
    <div class="task" role="status">
      <Trouble error={error} />
      <p>
        <strong>{dry_run ? `count: ${state}` : state}</strong>: {numberText(moved)} put back, {numberText(skipped)}{' '}
        left, {countText(failed, 'failure')}
        <Why report={report} />
        {report.ended_by !== null && `; ended by ${report.ended_by}`}
      </p>
      {state === 'running' && (
        <p class="bar">
          <progress aria-label="redrive" />
          <button type="button" disabled={isCancelling} onClick={cancel}>
            Cancel: what is back stays back
          </button>
        </p>
      )}
    </div>
  );
}
