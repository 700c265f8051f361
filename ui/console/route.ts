import { computed, signal } from '@preact/signals';

/** Where the page is: everything that can be looked at has an address after the `#`, which never leaves the browser. */
export interface Route {
  readonly page: string;
  /** A topic or a message. */
  readonly name: string;
  readonly query: URLSearchParams;
}

const hash = signal(location.hash);
addEventListener('hashchange', () => {
  hash.value = location.hash;
});

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
};

export const route = computed<Route>(() => {
  const [path = '', query = ''] = hash.value.replace(/^#\/?/, '').split('?', 2);
  const [page = '', name = ''] = path.split('/', 2);
  return { page: page === '' ? 'topics' : page, name: decoded(name), query: new URLSearchParams(query) };
});

/** The address of a page. Fields without a value are left out. */
export function to(page: string, name = '', query: Readonly<Record<string, string | null>> = {}): string {
  const given = Object.entries(query).filter((pair): pair is [string, string] => pair[1] !== null && pair[1] !== '');
  const tail = given.length === 0 ? '' : `?${new URLSearchParams(given)}`;
  return `#/${page}${name === '' ? '' : `/${encodeURIComponent(name)}`}${tail}`;
}

export const go = (address: string): void => {
  location.hash = address;
};
/** Another query of the same page, without a step in the history. */
export const replace = (address: string): void => {
  history.replaceState(null, '', address);
  hash.value = location.hash;
};
