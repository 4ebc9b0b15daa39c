import { build } from 'esbuild';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { createAuthClient, type SessionStore, type StoredSession } from 'nestjs-refresh-token/client';
import { afterEach, beforeAll, describe, expect, inject, onTestFinished, test } from 'vitest';
import { ALICE, controllers } from '../support/clients.js';
import { listening, MINUTE } from '../support/listening.js';
import { root } from '../support/root.js';

interface Device {
  locked: boolean;
  items: Map<
    string,
    { value?: string; password?: string; options?: { keychainAccessible: number }; accessible?: string }
  >;
}

/** The stores of the page, with the platform modules of test/docs/modules. */
async function storesOfPage(folder: string) {
  const page = await readFile(join(root, 'docs/guides/client-stores.md'), 'utf8');
  await mkdir(join(folder, 'src'), { recursive: true });
  const names: string[] = [];
  for (const [, name, code] of page.matchAll(/^```ts\n\/\/ src\/(\S+)\.ts\n([^]*?)^```/gm)) {
    await writeFile(join(folder, 'src', `${name}.ts`), code);
    names.push(name);
  }
  const modules = join(root, 'test/docs/modules');
  const exported = names.filter((name) => name !== 'page-store').map((name) => `export * from './src/${name}.js';`);
  await writeFile(
    join(folder, 'all.ts'),
    `${exported.join('\n')}
    export { device as expoDevice } from 'expo-secure-store';
    export { device as keychainDevice } from 'react-native-keychain';
    export { device as electronDevice } from 'electron';
    export { become, AppState } from 'react-native';
    export const openPage = async () => (await import('./src/page-store.js')).pageStore;`,
  );
  const outfile = join(folder, 'all.mjs');
  await build({
    entryPoints: [join(folder, 'all.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    nodePaths: [modules],
  });
  return (await import(pathToFileURL(outfile).href)) as {
    expoStore: SessionStore;
    keychainStore: SessionStore;
    keepSessions(page: string): void;
    openPage(): Promise<SessionStore>;
    fileStore(path: string): SessionStore;
    expoDevice: Device;
    keychainDevice: Device;
    electronDevice: { encrypts: boolean; backend: string; page: string };
  };
}

const SESSION: StoredSession = {
  refreshToken: `nrt_${'x'.repeat(140)}`,
  keys: ['k'.repeat(22)],
  uses: ['u'.repeat(22)],
};

describe('the stores of the documentation', () => {
  const app = listening('express', { controllers });
  const folder = join(inject('scratch'), 'client-stores');
  let stores: Awaited<ReturnType<typeof storesOfPage>>;
  beforeAll(async () => {
    stores = await storesOfPage(folder);
    stores.keepSessions(stores.electronDevice.page);
  });
  afterEach(() => {
    stores.expoDevice.locked = stores.keychainDevice.locked = false;
    Object.assign(stores.electronDevice, {
      encrypts: true,
      backend: 'gnome_libsecret',
      page: 'file:///app/index.html',
    });
  });

  const kinds = [
    { kind: 'Expo', open: async () => stores.expoStore },
    { kind: 'React Native', open: async () => stores.keychainStore },
    { kind: 'Electron', open: () => stores.openPage() },
    { kind: 'Node.js', open: async () => stores.fileStore(join(folder, 'session.json')) },
  ];

  test.each(kinds)('of $kind keep a session over restarts, and forget it at the sign-out', async ({ open }) => {
    const store = await open();
    const start = () => {
      const client = createAuthClient({ baseUrl: app.url, store });
      onTestFinished(() => client.close());
      return client;
    };
    expect(await store.load()).toBeNull();
    await start().login(ALICE);
    const kept = JSON.stringify(await store.load());
    expect(kept.length).toBeLessThan(1_000);
    app.clock.advance(16 * MINUTE);
    const again = start();
    expect((await again.fetch('/orders')).status).toBe(200);
    expect(JSON.stringify(await store.load())).not.toBe(kept);
    await again.logout();
    expect(await store.load()).toBeNull();
    await store.clear();
  });

  test('of a device that is locked fail, and keep what they have', async () => {
    const { expoStore, expoDevice, keychainStore, keychainDevice } = stores;
    for (const [store, device] of [
      [expoStore, expoDevice],
      [keychainStore, keychainDevice],
    ] as const) {
      await store.save(SESSION);
      device.locked = true;
      const client = createAuthClient({ baseUrl: app.url, store });
      await client.user().catch(() => undefined);
      client.close();
      expect(device.items.size).toBe(1);
      device.locked = false;
      expect(await store.load()).toEqual(SESSION);
      await store.clear();
    }
  });

  test('of phones stay on the device, and can be read in the background', async () => {
    await stores.expoStore.save(SESSION);
    await stores.keychainStore.save(SESSION);
    expect([...stores.expoDevice.items.values()].map(({ options }) => options)).toEqual([{ keychainAccessible: 1 }]);
    expect([...stores.keychainDevice.items.values()].map(({ accessible }) => accessible)).toEqual([
      'AccessibleAfterFirstUnlockThisDeviceOnly',
    ]);
    await stores.expoStore.clear();
    await stores.keychainStore.clear();
  });

  test('of Electron answer no other page, and write nothing where the system cannot encrypt', async () => {
    const store = await stores.openPage();
    await store.save(SESSION);
    stores.electronDevice.page = 'https://evil.example/';
    await expect(store.load()).rejects.toThrow('may not read');
    stores.electronDevice.page = 'file:///app/index.html';
    stores.electronDevice.backend = 'basic_text';
    await expect(store.save(SESSION)).rejects.toThrow('no key ring');
    stores.electronDevice.backend = 'gnome_libsecret';
    expect(await store.load()).toEqual(SESSION);
    await store.clear();
  });

  describe('of Node.js', () => {
    const path = join(folder, 'shared.json');

    test('can be read by their user alone', async () => {
      const store = stores.fileStore(path);
      await store.save(SESSION);
      expect((await stat(path)).mode & 0o777).toBe(0o600);
      await store.clear();
    });

    test('fail where the file cannot be read, and do not take it for a sign-out', async () => {
      await writeFile(path, '{"refreshToken":"nr');
      await expect(stores.fileStore(path).load()).rejects.toThrow(SyntaxError);
    });

    test('let one process in at a time', async () => {
      let inside = 0;
      let most = 0;
      const once = () =>
        stores.fileStore(path).lock!(async () => {
          most = Math.max(most, ++inside);
          await stores.fileStore(path).save(SESSION);
          inside--;
        });
      await Promise.all(Array.from({ length: 20 }, once));
      expect(most).toBe(1);
    });

    test('take the lock of a process that was killed', async () => {
      const { utimes } = await import('node:fs/promises');
      await writeFile(`${path}.lock`, '');
      await utimes(`${path}.lock`, 0, 0);
      expect(await stores.fileStore(path).lock!(async () => 'in')).toBe('in');
      await expect(stat(`${path}.lock`)).rejects.toMatchObject({ code: 'ENOENT' });
    });
  });
});
