import { cpSync, existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pgliteDataSourceOptions } from 'nestjs-refresh-token/pglite';
import { DataSource } from 'typeorm';
import { describe, expect, test } from 'vitest';
import { lockFolder } from '../../src/pglite/folder-lock.js';
import { thisProcess } from '../../src/pglite/process-identity.js';
import { Child } from '../support/child-process.js';
import { sharedFolder, temporaryFolder } from '../support/folders.js';

const program = (name: string) => fileURLToPath(new URL(`../support/pglite-${name}.program.ts`, import.meta.url));
const lockOf = (folder: string) => join(folder, 'pglite.lock');
const refused = expect.objectContaining({ name: 'PgliteError', code: 'pglite_locked' });

describe('a folder', () => {
  const folder = sharedFolder();

  test('is refused while another process has it open, and free when that process is killed', async () => {
    const holder = new Child(program('open'), folder);
    expect(await holder.receive()).toBe('open');

    const dataSource = new DataSource(pgliteDataSourceOptions({ dataDir: folder }));
    await expect(dataSource.initialize()).rejects.toEqual(refused);
    await expect(dataSource.initialize()).rejects.toThrow(`process ${holder.pid}`);

    await holder.kill();
    expect(existsSync(lockOf(folder))).toBe(true);
    await dataSource.initialize();
    await dataSource.destroy();
    // Nothing of ours is left in it.
    expect(readdirSync(folder).filter((name) => name.startsWith('pglite'))).toEqual([]);
  });

  test('is free when the other process closes it', async () => {
    const first = new Child(program('open'), folder);
    expect(await first.receive()).toBe('open');
    const second = new Child(program('open'), folder);
    expect(await second.receive()).toBe('pglite_locked');

    first.send('close');
    expect(await first.rest()).toEqual([]);
    const third = new Child(program('open'), folder);
    expect(await third.receive()).toBe('open');
    await third.kill();
  });

  test('cannot be opened twice in one process', async () => {
    const options = pgliteDataSourceOptions({ dataDir: folder });
    const first = await new DataSource(options).initialize();
    const second = new DataSource(options);
    await expect(second.initialize()).rejects.toEqual(refused);
    await first.destroy();
    await second.initialize();
    await second.destroy();
  });

  test('is free again when opening it failed', async () => {
    const spoilt = temporaryFolder();
    writeFileSync(join(spoilt, 'PG_VERSION'), '7');
    const dataSource = new DataSource(pgliteDataSourceOptions({ dataDir: spoilt }));
    await expect(dataSource.initialize()).rejects.toThrow();
    expect(existsSync(lockOf(spoilt))).toBe(false);
  });
});

describe('a stale lock', () => {
  const nonce = 'stale';

  test.each([
    ['of a pid that another process has now', JSON.stringify({ ...thisProcess(), started: 'long ago', nonce })],
    ['of a pid that no process has', JSON.stringify({ pid: 2 ** 30, started: null, nonce })],
    ['without a sense', '{"pid":'],
    ['without a pid', '{"pid":"1"}'],
    ['that is empty', ''],
  ])('%s is taken over', (_, content) => {
    const folder = temporaryFolder();
    writeFileSync(lockOf(folder), content);
    const lock = lockFolder(folder);
    expect(JSON.parse(readFileSync(lockOf(folder), 'utf8'))).toMatchObject(thisProcess());
    expect(() => lockFolder(folder)).toThrow(refused);
    lock.release();
    expect(readdirSync(folder)).toEqual([]);
  });

  test('is taken over although the process that took it over before was killed while doing so', () => {
    const folder = temporaryFolder();
    const stale = JSON.stringify({ pid: 2 ** 30, started: null, nonce });
    for (const suffix of ['', '.takeover', '.takeover.takeover']) writeFileSync(lockOf(folder) + suffix, stale);
    lockFolder(folder).release();
    expect(readdirSync(folder)).toEqual([]);
  });

  test('is not taken over while another process does', () => {
    const folder = temporaryFolder();
    writeFileSync(lockOf(folder), '');
    writeFileSync(`${lockOf(folder)}.takeover`, JSON.stringify({ ...thisProcess(), nonce }));
    expect(() => lockFolder(folder)).toThrow(refused);
  });

  test('goes to exactly one of those who race for it', async () => {
    const racers = Array.from({ length: 4 }, () => new Child(program('race')));
    for (const racer of racers) expect(await racer.receive()).toBe('ready');

    for (let round = 0; round < 250; round++) {
      const folder = temporaryFolder();
      // Every other time without a lock, which is the other half of the race.
      if (round % 2) writeFileSync(lockOf(folder), JSON.stringify({ pid: 2 ** 30, started: null, nonce }));
      for (const racer of racers) racer.send(folder);
      const outcomes = await Promise.all(racers.map((racer) => racer.receive()));
      expect(outcomes.sort()).toEqual(['pglite_locked', 'pglite_locked', 'pglite_locked', 'won']);
    }
  });
});

test('giving back a lock leaves the lock of another alone', () => {
  const folder = temporaryFolder();
  const lock = lockFolder(folder);
  const foreign = JSON.stringify({ ...thisProcess(), nonce: 'foreign' });
  writeFileSync(lockOf(folder), foreign);
  lock.release();
  expect(readFileSync(lockOf(folder), 'utf8')).toBe(foreign);
});

test('without the package it says what to install', async () => {
  const folder = temporaryFolder();
  const source = fileURLToPath(new URL('../../src/pglite', import.meta.url));
  cpSync(source, join(folder, 'pglite'), { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  // From a folder that has no node_modules above it, the package cannot be found.
  writeFileSync(
    join(folder, 'program.ts'),
    `import { PglitePool } from './pglite/pool.js';
     new PglitePool(undefined, {}).connect().catch((error) => process.send(error.code + ': ' + error.message));`,
  );
  const child = new Child(join(folder, 'program.ts'));
  expect(await child.receive()).toMatch(/^pglite_missing: .*npm install @electric-sql\/pglite/);
});
