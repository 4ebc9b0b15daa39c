import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pgliteDataSourceOptions } from 'nestjs-refresh-token/pglite';
import { DataSource } from 'typeorm';
import { describe, expect, onTestFinished, test } from 'vitest';
import { temporaryFolder } from '../support/folders.js';
import { mountsAvailable } from '../support/mounts.js';
import { copyStartedPglite } from '../support/pglite-template.js';
import { SmallDisk } from '../support/small-disk.js';

/** Mebibytes: a database takes 39, and another 18 must be free. */
const DISK = 80;

const open = (dataDir: string) => new DataSource(pgliteDataSourceOptions({ dataDir })).initialize();
const refused = (code: string) => expect.objectContaining({ code }) as unknown;

/** An open database in a folder of this parent. */
async function opened(parent: string): Promise<{ folder: string; dataSource: DataSource }> {
  const folder = join(parent, 'database');
  await copyStartedPglite(folder);
  const dataSource = await open(folder);
  onTestFinished(async () => {
    if (dataSource.isInitialized) await dataSource.destroy();
  });
  await dataSource.query('CREATE TABLE kept (id integer)');
  await dataSource.query('INSERT INTO kept VALUES (1)');
  return { folder, dataSource };
}

async function keptIn(folder: string): Promise<unknown> {
  const dataSource = await open(folder);
  try {
    return await dataSource.query('SELECT * FROM kept');
  } finally {
    await dataSource.destroy();
  }
}

describe.skipIf(!mountsAvailable)('a database on a disk that is full', { timeout: 240_000 }, () => {
  test('refuses all queries until there is space, and then goes on', async () => {
    const disk = new SmallDisk(DISK);
    const { dataSource, folder } = await opened(disk.folder);
    disk.fill();
    // The next file of the log does not fit. The engine would loop forever.
    await expect(dataSource.query('SELECT pg_switch_wal()')).rejects.toEqual(refused('pglite_disk_full'));
    await expect(dataSource.query('INSERT INTO kept VALUES (2)')).rejects.toEqual(refused('pglite_disk_full'));
    disk.free();
    await dataSource.query('SELECT pg_switch_wal()');
    await dataSource.query('INSERT INTO kept VALUES (3)');
    disk.fill();
    await dataSource.destroy();
    disk.free();
    expect(await keptIn(folder)).toEqual([{ id: 1 }, { id: 3 }]);
  });

  test('rolls back a transaction that met the end of the disk', async () => {
    const disk = new SmallDisk(DISK);
    const { dataSource } = await opened(disk.folder);
    const halfDone = dataSource.transaction(async (manager) => {
      await manager.query('INSERT INTO kept VALUES (2)');
      disk.fill();
      await manager.query('INSERT INTO kept VALUES (3)');
    });
    await expect(halfDone).rejects.toEqual(refused('pglite_disk_full'));
    disk.free();
    expect(await dataSource.query('SELECT * FROM kept')).toEqual([{ id: 1 }]);
  });

  test('is not opened', async () => {
    const disk = new SmallDisk(DISK);
    const folder = join(disk.folder, 'database');
    await copyStartedPglite(folder);
    disk.fill();
    await expect(open(folder)).rejects.toEqual(refused('pglite_disk_full'));
    expect(readdirSync(folder).filter((name) => name.startsWith('pglite'))).toEqual([]);
  });

  test('is not opened on a disk that nobody may write to', async () => {
    const disk = new SmallDisk(DISK);
    const folder = join(disk.folder, 'database');
    await copyStartedPglite(folder);
    disk.remount('ro');
    await expect(open(folder)).rejects.toEqual(refused('pglite_read_only'));
    disk.remount('rw');
    await (await open(folder)).destroy();
  });
});

describe('a folder that is removed while the database is open', { timeout: 240_000 }, () => {
  test('ends all queries, and a new folder is left alone', async () => {
    const { dataSource, folder } = await opened(temporaryFolder());
    rmSync(folder, { recursive: true });
    await expect(dataSource.query('SELECT 1')).rejects.toEqual(refused('pglite_lost'));
    mkdirSync(folder);
    await expect(dataSource.query('INSERT INTO kept VALUES (2)')).rejects.toEqual(refused('pglite_lost'));
    await dataSource.destroy();
    expect(readdirSync(folder)).toEqual([]);
  });

  test('goes on if the same folder comes back', async () => {
    const { dataSource, folder } = await opened(temporaryFolder());
    renameSync(folder, `${folder}-away`);
    await expect(dataSource.query('SELECT 1')).rejects.toEqual(refused('pglite_lost'));
    renameSync(`${folder}-away`, folder);
    expect(await dataSource.query('SELECT * FROM kept')).toEqual([{ id: 1 }]);
  });

  test('does not write into a backup that is restored in its place', async () => {
    const { dataSource, folder } = await opened(temporaryFolder());
    rmSync(folder, { recursive: true });
    await copyStartedPglite(folder);
    const control = () => readFileSync(join(folder, 'global/pg_control'));
    const restored = control();
    await expect(dataSource.query('CHECKPOINT')).rejects.toEqual(refused('pglite_lost'));
    await dataSource.destroy();
    expect(control()).toEqual(restored);
    await (await open(folder)).destroy();
  });
});

describe('a path that holds no database', { timeout: 240_000 }, () => {
  test('a file is no folder', async () => {
    const path = join(temporaryFolder(), 'file');
    writeFileSync(path, '');
    await expect(open(path)).rejects.toEqual(refused('pglite_data_dir'));
    await expect(open(join(path, 'below'))).rejects.toEqual(refused('pglite_data_dir'));
  });

  test.each([
    ['of another version of PostgreSQL', 'PG_VERSION', '14\n'],
    ['without its control file', 'global/pg_control', undefined],
    ['with a damaged control file', 'global/pg_control', 'x'.repeat(8_192)],
  ])('a database %s is refused, and stays as it is', async (_, file, content) => {
    const folder = temporaryFolder();
    await copyStartedPglite(folder);
    const path = join(folder, file);
    if (content === undefined) rmSync(path);
    else writeFileSync(path, content);
    await expect(open(folder)).rejects.toEqual(refused('pglite_unreadable'));
    expect(existsSync(path) ? readFileSync(path, 'utf8') : undefined).toBe(content);
    expect(readdirSync(folder).filter((name) => name.startsWith('pglite'))).toEqual([]);
  });
});
