// A page with React, as a host would write it. Node.js renders it, and a browser continues it.
import type { AuthClient } from 'nestjs-refresh-token/client';
import { AuthProvider, useAuth, useUser } from 'nestjs-refresh-token/react';
import {
  type ComponentType,
  createElement as h,
  Fragment,
  type ReactNode,
  StrictMode,
  Suspense,
  useLayoutEffect,
  useState,
} from 'react';

/** What a test looks at. */
export const seen = {
  /** What the page has shown, one entry for each commit. */
  shown: [] as string[],
  /** The different states in one commit of the readers, for each commit. */
  states: [] as string[][],
};

export interface AppProps {
  client: AuthClient;
  isStrict?: boolean;
  /** A part of the page whose code may arrive late. */
  late?: ComponentType;
}

export function App({ client, isStrict, late }: AppProps): ReactNode {
  const page = [h(Account, { key: 1 }), h(Readers, { key: 2 })];
  const section = late && h(Suspense, { fallback: '…' }, h('section', null, h(late)));
  return h(isStrict ? StrictMode : Fragment, null, h(AuthProvider, { client }, page, section));
}

function Account(): ReactNode {
  const { status, user, isRefreshing, error } = useAuth();
  useLayoutEffect(() => void seen.shown.push(`${status} ${user?.id ?? '-'}`));
  return h(
    'main',
    null,
    h('p', { id: 'status' }, status),
    h('p', { id: 'user' }, user?.id ?? '-'),
    h('p', { id: 'activity' }, isRefreshing ? 'refreshing' : 'idle'),
    h('p', { id: 'error' }, error?.code ?? '-'),
    h(Greeting),
  );
}

export function Greeting(): ReactNode {
  const user = useUser();
  return h('b', null, user ? `Hello ${user.id}` : 'Hello stranger');
}

const READERS = 30;
export let showReaders: (visible: boolean) => void = () => {};

function Readers(): ReactNode {
  const [visible, setVisible] = useState(false);
  showReaders = setVisible;
  useLayoutEffect(() => {
    const texts = [...document.querySelectorAll('i')].map((one) => one.textContent);
    if (texts.length > 0) seen.states.push([...new Set(texts)]);
  });
  return visible ? Array.from({ length: READERS }, (_, index) => h(Reader, { key: index })) : null;
}

/** Slow to render, so that React takes breaks between them in a transition. */
function Reader(): ReactNode {
  const { status } = useAuth();
  for (const end = performance.now() + 10; performance.now() < end;);
  return h('i', null, status);
}
