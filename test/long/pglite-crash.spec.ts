import { existsSync, readdirSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pgliteDataSourceOptions } from 'nestjs-refresh-token/pglite';
import { DataSource } from 'typeorm';
import { expect, test } from 'vitest';
import { Child } from '../support/child-process.js';
import { temporaryFolder } from '../support/folders.js';
import { copyStartedPglite } from '../support/pglite-template.js';

const program = (name: string) => fileURLToPath(new URL(`../support/pglite-${name}.program.ts`, import.meta.url));
const open = (dataDir: string) => new DataSource(pgliteDataSourceOptions({ dataDir })).initialize();

test('what was committed survives kill -9, what was half written does not', async () => {
  const folder = temporaryFolder();
  await copyStartedPglite(folder);
  let committed = 0;

  for (let round = 1; round <= 3; round++) {
    const writer = new Child(program('write'), folder);
    // Not at a commit of its own: the kill falls wherever the writer is by then.
    const until = committed + 7 * round;
    while (committed < until) committed = await writer.receive<number>();
    await writer.kill();
    committed = (await writer.rest<number>()).at(-1) ?? committed;

    const dataSource = await open(folder);
    const pairs = await dataSource.query<{ number: number; halves: string[] }[]>(
      'SELECT number, array_agg(half ORDER BY half) AS halves FROM pairs GROUP BY number ORDER BY number',
    );
    await dataSource.destroy();

    // There can be one more: committed, and killed before it could answer.
    expect([committed, committed + 1]).toContain(pairs.length);
    expect(pairs.map(({ number }) => number)).toEqual(pairs.map((_, index) => index + 1));
    expect(pairs.every(({ halves }) => halves.join() === 'left,right')).toBe(true);
    committed = pairs.length;
  }
});

test.each(['base', 'PG_VERSION'])(
  'a first start that is killed as soon as there is %s does not spoil the folder',
  { timeout: 180_000 },
  async (file) => {
    const folder = temporaryFolder();
    const starter = new Child(program('open'), folder);
    while (!existsSync(join(folder, file))) await setImmediate();
    await starter.kill();

    const dataSource = await open(folder);
    await dataSource.query('CREATE TABLE kept (id integer)');
    await dataSource.destroy();
    expect(readdirSync(folder).filter((name) => name.startsWith('pglite'))).toEqual([]);

    const again = await open(folder);
    expect(await again.query('SELECT * FROM kept')).toEqual([]);
    await again.destroy();
  },
);
