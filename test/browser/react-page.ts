// The page around `react-app.ts`, for browsers. It is bundled by `reactHost`.
import { type AuthClient, createAuthClient } from 'nestjs-refresh-token/client';
import { createElement as h, lazy, startTransition } from 'react';
import { createRoot, hydrateRoot, type Root } from 'react-dom/client';
import { App, Greeting, seen, showReaders } from './react-app.js';

declare global {
  var react: typeof forTests;
}

/** A client that counts what is subscribed to it. */
function counted(original: AuthClient) {
  const listeners = { ofState: 0, ofChanges: 0 };
  const count =
    <Listener>(kind: keyof typeof listeners, subscribe: (listener: Listener) => () => void) =>
    (listener: Listener) => {
      const stop = subscribe(listener);
      listeners[kind]++;
      return () => {
        listeners[kind]--;
        stop();
      };
    };
  const client = Object.create(original, {
    subscribe: { value: count('ofState', original.subscribe) },
    onChange: { value: count('ofChanges', original.onChange) },
  }) as AuthClient;
  return { client, listeners };
}

const original = createAuthClient();
const { client, listeners } = counted(original);
globalThis.client = client;
globalThis.changes = [];
original.onChange(({ type }) => void changes.push(type));

let arrive = () => {};
const Late = lazy(
  () => new Promise<{ default: typeof Greeting }>((resolve) => (arrive = () => resolve({ default: Greeting }))),
);

const query = new URLSearchParams(location.search);
let root: Root;

const forTests = {
  ...seen,
  listeners,
  mount() {
    const element = document.getElementById('root')!;
    const app = h(App, { client, isStrict: query.has('strict'), late: query.has('late') ? Late : undefined });
    if (element.hasChildNodes()) root = hydrateRoot(element, app);
    else (root = createRoot(element)).render(app);
  },
  unmount: () => root.unmount(),
  /** Ends the wait for the code of the late part. */
  arrive: () => arrive(),
  showReaders: (visible: boolean) => startTransition(() => showReaders(visible)),
};
globalThis.react = forTests;
if (!query.has('idle')) forTests.mount();
