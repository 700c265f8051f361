import { useEffect } from 'preact/hooks';
import { Capabilities } from './capabilities.tsx';
import { Dead } from './dead.tsx';
import { Message } from './message.tsx';
import { NodePage } from './node.tsx';
import { go, route, to } from './route.ts';
import { Send } from './send.tsx';
import { held, isConnected } from './session.ts';
import { Topic } from './topic.tsx';
import { Topics } from './topics.tsx';

const PAGES = [
  { page: 'topics', label: 'Topics', key: 't' },
  { page: 'send', label: 'Send', key: 's' },
  { page: 'node', label: 'Node', key: 'n' },
  { page: 'capabilities', label: 'Capabilities', key: 'c' },
] as const;

/** Messages and dead letters are those of a topic. */
const sectionOf = (page: string): string => (page === 'messages' || page === 'dead' ? 'topics' : page);

export function App() {
  useEffect(() => {
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, []);
  const { page, name } = route.value;
  useEffect(() => {
    document.title = name === '' ? 'Mailbox' : `${name.slice(0, 40)} · Mailbox`;
  }, [name]);
  return (
    <>
      <header>
        <button type="button" class="skip" onClick={skip}>
          to the page
        </button>
        <a class="brand" href={to('topics')}>
          Mailbox
        </a>
        <nav aria-label="Pages">
          {PAGES.map(({ page: one, label, key }) => (
            <a
              key={one}
              href={to(one)}
              aria-current={one === sectionOf(page) ? 'page' : undefined}
              aria-keyshortcuts={key}
            >
              {label}
              {one === 'capabilities' && held.value.length > 0 ? ` (${held.value.length})` : ''} <kbd>{key}</kbd>
            </a>
          ))}
        </nav>
      </header>
      <main id="main" tabIndex={-1}>
        <Page key={`${page}/${name}`} />
      </main>
      <footer class="note">
        <kbd>/</kbd> finds, <kbd>j</kbd> and <kbd>k</kbd> go through a list, <kbd>Enter</kbd> opens. Every page has an
        address of its own.
      </footer>
    </>
  );
}

function Page() {
  const { page, name } = route.value;
  // Readiness is for everybody; what else was asked for comes once there is a capability.
  if (page === 'node') return <NodePage />;
  if (!isConnected.value || page === 'capabilities') return <Capabilities />;
  if (page === 'send') return <Send />;
  if (page === 'messages' && name !== '') return <Message />;
  if (page === 'dead' && name !== '') return <Dead />;
  return page === 'topics' && name !== '' ? <Topic /> : <Topics />;
}

/** The hash says where the page is: a jump inside must not change it. */
const skip = (): void => document.getElementById('main')?.focus();

function onKey(event: KeyboardEvent): void {
  const { target } = event;
  if (target instanceof HTMLElement && target.matches('input:not([type=checkbox]), textarea, select')) {
    if (event.key === 'Escape') target.blur();
    return;
  }
  if (event.metaKey || event.ctrlKey || event.altKey) return;
  const page = PAGES.find(({ key }) => key === event.key);
  if (page !== undefined) go(to(page.page));
  else if (event.key === '/') document.getElementById('find')?.focus();
  else if (event.key === 'j' || event.key === 'k') walk(event.key === 'j' ? 1 : -1);
  else return;
  event.preventDefault();
}

/** The next link or step of a list, or the one before. */
function walk(by: 1 | -1): void {
  const rows = [...document.querySelectorAll<HTMLElement>('main a.row, main button.step')];
  const at = rows.indexOf(document.activeElement as HTMLElement);
  const next = at < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.min(Math.max(at + by, 0), rows.length - 1);
  rows[next]?.focus();
}
