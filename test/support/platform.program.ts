// Makes this process as poor as a platform, and runs the client in it: `platform.program.ts PLATFORM SETTING`.
import { pathToFileURL } from 'node:url';
import { OldReactNativeUrl, ReactNativeSearchParams, ReactNativeUrl } from './react-native-url.js';

type Globals = Record<string, unknown>;
const globals = globalThis as unknown as Globals;

function without(object: object, ...names: string[]): void {
  for (const name of names) {
    Reflect.deleteProperty(object, name);
    if (name in object) throw new Error(`${name} cannot be taken away.`);
  }
}

/** What is younger than ES2020. The syntax is the business of the application's bundler. */
function withoutYoungLanguage(): void {
  without(Promise, 'any', 'withResolvers');
  without(Array.prototype, 'at', 'findLast', 'toSorted');
  without(String.prototype, 'at', 'replaceAll');
  without(Object, 'hasOwn', 'groupBy');
  without(globals, 'AggregateError', 'WeakRef', 'FinalizationRegistry');
}

/** Its own `fetch` is whatwg-fetch over its own XMLHttpRequest, and its AbortController is abort-controller. */
async function becomeReactNative(Url: unknown): Promise<void> {
  withoutYoungLanguage();
  without(globals, 'fetch', 'Headers', 'Request', 'Response', 'FormData', 'AbortController', 'AbortSignal');
  const { AbortController, AbortSignal } = await import('abort-controller');
  const { default: XMLHttpRequest } = (await import('xmlhttprequest-ssl')) as Globals;
  Object.assign(globals, { AbortController, AbortSignal, XMLHttpRequest, window: globals, self: globals });
  await import('whatwg-fetch');
  without(globals, 'crypto', 'CryptoKey', 'SubtleCrypto', 'Crypto', 'structuredClone', 'TextEncoder', 'TextDecoder');
  without(globals, 'BroadcastChannel', 'MessageChannel', 'Event', 'EventTarget', 'CustomEvent', 'DOMException');
  without(globals, 'ReadableStream', 'WritableStream', 'TransformStream', 'atob', 'btoa');
  Object.defineProperty(globals, 'navigator', { value: { product: 'ReactNative' }, configurable: true });
  Object.assign(globals, { URL: Url, URLSearchParams: ReactNativeSearchParams });
}

const become: Record<string, () => void | Promise<void>> = {
  node: () => {},
  'react-native-0.72': () => becomeReactNative(OldReactNativeUrl),
  'react-native-0.85': () => becomeReactNative(ReactNativeUrl),
  // The page of an application on iOS. Its origin says nothing about the server.
  capacitor: () => void (globals.location = { href: 'capacitor://localhost/', origin: 'capacitor://localhost' }),
};

const [platform, given] = process.argv.slice(2);
const { bundle, story, ...setting } = JSON.parse(given) as { bundle: string; story: string };
const unhandled: string[] = [];
process.on('unhandledRejection', (error) => unhandled.push(String(error)));

const load = (path: string) =>
  import(pathToFileURL(path).href) as Promise<Record<string, (...given: unknown[]) => unknown>>;
const [{ createAuthClient }, { liveThrough, memoryStore }] = await Promise.all([load(bundle), load(story)]);
// Node.js itself needs some of what is taken away, the first time.
await Promise.all([fetch('data:,'), import('node:https')]);
await become[platform]();
try {
  const told = (await liveThrough(createAuthClient, { ...setting, store: memoryStore() })) as object;
  process.stdout.write(JSON.stringify({ ...told, unhandled }));
} catch (error) {
  process.stdout.write(JSON.stringify([String(error), String((error as Error).cause)]));
}
