import { EventEmitter, once } from 'node:events';
import { pgliteDataSourceOptions } from 'nestjs-refresh-token/pglite';
import { Column, DataSource, Entity, PrimaryColumn } from 'typeorm';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { sharedFolder } from '../support/folders.js';

@Entity('accounts')
class Account {
  @PrimaryColumn('int')
  id: number;

  @Column('int')
  balance: number;
}

const folder = sharedFolder();
const entities = { entities: [Account], synchronize: true };
let dataSource: DataSource;

beforeAll(async () => {
  dataSource = await new DataSource({ ...pgliteDataSourceOptions(), ...entities }).initialize();
});
beforeEach(() => dataSource.getRepository(Account).clear());
afterAll(() => dataSource.destroy());

const accounts = () => dataSource.getRepository(Account);

test('many single statements at once', async () => {
  const ids = Array.from({ length: 50 }, (_, index) => index + 1);
  await Promise.all(ids.map((id) => accounts().insert({ id, balance: id })));
  const found = await Promise.all(ids.map((id) => accounts().findOneByOrFail({ id })));
  expect(found.map(({ balance }) => balance)).toEqual(ids);
});

test('transactions do not mix', async () => {
  await accounts().insert({ id: 1, balance: 0 });
  // Read, let others run, write: it adds up only where no other transaction comes between.
  const add = () =>
    dataSource.transaction(async (manager) => {
      const account = await manager.findOneByOrFail(Account, { id: 1 });
      await new Promise(setImmediate);
      await manager.update(Account, { id: 1 }, { balance: account.balance + 1 });
    });
  await Promise.all(Array.from({ length: 20 }, add));
  expect(await accounts().findOneByOrFail({ id: 1 })).toMatchObject({ balance: 20 });
});

test('a single statement does not get into the transaction of someone else', async () => {
  let outside: Promise<unknown> | undefined;
  await expect(
    dataSource.transaction(async (manager) => {
      await manager.insert(Account, { id: 1, balance: 1 });
      outside = accounts().insert({ id: 2, balance: 2 });
      await manager.insert(Account, { id: 3, balance: 3 });
      throw new Error('changed my mind');
    }),
  ).rejects.toThrow('changed my mind');
  await outside;
  expect(await accounts().find()).toEqual([{ id: 2, balance: 2 }]);
});

test('an error undoes the transaction, and the next one runs', async () => {
  const failing = dataSource.transaction(async (manager) => {
    await manager.insert(Account, { id: 1, balance: 1 });
    await manager.insert(Account, { id: 1, balance: 1 });
  });
  const next = dataSource.transaction((manager) => manager.insert(Account, { id: 2, balance: 2 }));
  await expect(failing).rejects.toMatchObject({ code: '23505', table: 'accounts', name: 'QueryFailedError' });
  await next;
  expect(await accounts().find()).toEqual([{ id: 2, balance: 2 }]);
});

test('nested transactions are savepoints', async () => {
  await dataSource.transaction(async (manager) => {
    await manager.insert(Account, { id: 1, balance: 1 });
    const nested = manager.transaction(async (inner) => {
      await inner.insert(Account, { id: 2, balance: 2 });
      throw new Error('only this one');
    });
    await expect(nested).rejects.toThrow('only this one');
  });
  expect(await accounts().find()).toEqual([{ id: 1, balance: 1 }]);
});

test('where one of several parallel writes of a transaction fails, none of them is kept', async () => {
  for (let round = 0; round < 20; round++) {
    const ids = [1, 1, 2, 3, 4, 5];
    const failing = dataSource.transaction((manager) =>
      Promise.all(ids.map((id) => manager.insert(Account, { id, balance: round }))),
    );
    const next = dataSource.transaction(async (manager) => {
      await new Promise(setImmediate);
      return manager.find(Account);
    });
    await expect(failing).rejects.toMatchObject({ code: '23505' });
    expect(await next).toEqual([]);
  }
  expect(await accounts().find()).toEqual([]);
});

test('a runner that is released in its transaction takes nothing with it', async () => {
  const runner = dataSource.createQueryRunner();
  await runner.startTransaction();
  await runner.manager.insert(Account, { id: 1, balance: 1 });
  await runner.release();
  await accounts().insert({ id: 2, balance: 2 });
  expect(await accounts().find()).toEqual([{ id: 2, balance: 2 }]);
});

test('a call past the transaction from inside it fails in time, and says why', async () => {
  const impatient = new DataSource({ ...pgliteDataSourceOptions({ dataDir: folder }), connectTimeoutMS: 50 });
  await impatient.initialize();
  const stuck = impatient.transaction(() => impatient.query('SELECT 1'));
  await expect(stuck).rejects.toMatchObject({ name: 'PgliteError', code: 'pglite_busy' });
  expect(await impatient.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  await impatient.destroy();
});

test('notices reach the log', async () => {
  const log = new EventEmitter();
  const noisy = new DataSource({
    ...pgliteDataSourceOptions({ dataDir: folder }),
    logNotifications: true,
    logger: {
      log: (_, message) => void log.emit('message', message),
      logQuery: () => undefined,
      logQueryError: () => undefined,
      logQuerySlow: () => undefined,
      logSchemaBuild: () => undefined,
      logMigration: () => undefined,
    },
  });
  await noisy.initialize();
  const logged = once(log, 'message');
  await noisy.query(`DO $$ BEGIN RAISE NOTICE 'hear me'; END $$`);
  expect(await logged).toEqual(['hear me']);
  await noisy.destroy();
});

test('what is written is there after closing and opening', async () => {
  const persistent = new DataSource({ ...pgliteDataSourceOptions({ dataDir: folder }), ...entities });
  await persistent.initialize();
  await persistent.getRepository(Account).insert({ id: 1, balance: 1 });
  await persistent.destroy();
  await persistent.initialize();
  expect(await persistent.getRepository(Account).find()).toEqual([{ id: 1, balance: 1 }]);
  await persistent.destroy();
});

test.each(['', 'idb://data', 'postgres://localhost'])('the dataDir %j is refused', (dataDir) => {
  expect(() => pgliteDataSourceOptions({ dataDir })).toThrow(expect.objectContaining({ code: 'pglite_data_dir' }));
});
