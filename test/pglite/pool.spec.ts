import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { QueryResult } from '../../src/pglite/pool-client.js';
import { PglitePool } from '../../src/pglite/pool.js';
import { sharedFolder } from '../support/folders.js';

const folder = sharedFolder();
const pool = new PglitePool(undefined, {});
const single = (result: QueryResult | QueryResult[]) => result as QueryResult;

/** In a checkout of its own. */
async function query(text: string): Promise<unknown[]> {
  const client = await pool.connect();
  return client
    .query(text)
    .then((result) => single(result).rows)
    .finally(client.release);
}

beforeAll(() => query('CREATE TABLE accounts (id integer, balance integer)'));
afterAll(() => pool.end());

describe('as a pg pool', () => {
  test('a query is a text or an object, answered by a promise or a callback', async () => {
    const client = await pool.connect();
    const text = 'SELECT $1::int AS number';
    const answered = (query: (callback: (error: Error | null, answer?: unknown) => void) => void) =>
      new Promise<unknown>((resolve, reject) => query((error, answer) => (error ? reject(error) : resolve(answer))));

    const answer = {
      command: 'SELECT',
      rowCount: 1,
      rows: [{ number: 5 }],
      fields: [{ name: 'number', dataTypeID: 23 }],
    };
    expect(await client.query(text, [5])).toEqual(answer);
    expect(await client.query({ text, values: [5] })).toEqual(answer);
    expect(await client.query({ name: 'five', text, values: [5] })).toEqual(answer);
    expect(await client.query({ name: 'five', text }, [5])).toEqual(answer);
    expect(await answered((callback) => client.query(text, [5], callback))).toEqual(answer);
    expect(await answered((callback) => client.query({ text, values: [5] }, callback))).toEqual(answer);
    expect(await answered((callback) => client.query('SELECT 5 AS number', callback))).toEqual(answer);
    await expect(answered((callback) => client.query('SELECT 1/0', callback))).rejects.toMatchObject({ code: '22012' });
    client.release();
  });

  test('queries of one client run in their order, without waiting for one another', async () => {
    const client = await pool.connect();
    const results = await Promise.all([
      client.query('BEGIN'),
      client.query('INSERT INTO accounts VALUES ($1, $2)', [1, 1]),
      client.query('SELECT balance FROM accounts'),
      client.query('ROLLBACK'),
      client.query('SELECT balance FROM accounts'),
    ]);
    client.release();
    expect(results.map((result) => [single(result).command, single(result).rows.length])).toEqual([
      ['BEGIN', 0],
      ['INSERT', 0],
      ['SELECT', 1],
      ['ROLLBACK', 0],
      ['SELECT', 0],
    ]);
  });

  test('one caller at a time, in their order', async () => {
    const order: number[] = [];
    const holder = await pool.connect();
    const waiting = [1, 2, 3].map(async (number) => {
      const client = await pool.connect();
      order.push(number);
      client.release();
    });
    await holder.query('SELECT 1');
    expect(order).toEqual([]);
    holder.release();
    await Promise.all(waiting);
    expect(order).toEqual([1, 2, 3]);
  });

  test.each([
    ['open', 'SELECT 1'],
    ['failed', 'SELECT 1/0'],
  ])('a transaction that is %s at the release is rolled back before the next checkout', async (_, statement) => {
    const careless = await pool.connect();
    const next = pool.connect();
    const underWay = ['BEGIN', 'INSERT INTO accounts VALUES (1, 1)', statement].map((text) => careless.query(text));
    careless.release();
    await Promise.allSettled(underWay);

    const client = await next;
    expect(single(await client.query('SELECT * FROM accounts')).rows).toEqual([]);
    client.release();
  });

  test('after its release a client does nothing', async () => {
    const client = await pool.connect();
    client.release();
    await expect(client.query('SELECT 1')).rejects.toMatchObject({ code: 'pglite_released' });
    expect(() => client.release()).toThrow(expect.objectContaining({ code: 'pglite_released' }));
    expect(await query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  test('a stream is refused', async () => {
    const client = await pool.connect();
    const stream = { text: 'SELECT 1', submit: () => undefined };
    await expect(client.query(stream)).rejects.toMatchObject({ code: 'pglite_unsupported' });
    client.release();
  });

  test('an error carries no parameters', async () => {
    const client = await pool.connect();
    const error = await client.query('SELECT $1::int', ['secret']).catch((thrown: Error) => thrown);
    client.release();
    expect(error).toMatchObject({ name: 'error', code: '22P02', severity: 'ERROR' });
    expect(Object.keys(error)).not.toContain('params');
  });

  test('listeners outlive a checkout until they are removed', async () => {
    const heard: string[] = [];
    const listener = ({ message }: { message: string }) => heard.push(message);
    const client = await pool.connect();
    client.on('notice', listener);
    client.release();
    await query(`DO $$ BEGIN RAISE NOTICE 'first'; END $$`);
    client.removeListener('notice', listener);
    await query(`DO $$ BEGIN RAISE NOTICE 'second'; END $$`);
    expect(heard).toEqual(['first']);
  });
});

describe('the end of the pool', () => {
  const closed = expect.objectContaining({ code: 'pglite_closed' });

  test('sends away who waits, and waits for the holder', async () => {
    const own = new PglitePool(folder, {});
    const holder = await own.connect();
    const waiting = own.connect();
    const rejected = expect(waiting).rejects.toEqual(closed);
    const ended = own.end();
    await rejected;
    await expect(own.connect()).rejects.toEqual(closed);
    expect(single(await holder.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    holder.release();
    await ended;
    await expect(own.connect()).rejects.toEqual(closed);
    await own.end();
  });

  test('comes when a rollback fails, as the next caller would be in a transaction of someone else', async () => {
    const own = new PglitePool(folder, {});
    const client = await own.connect();
    await client.query('BEGIN');
    const broken = new Error('out of order');
    client['database'].session.exec = () => Promise.reject(broken);
    const waiting = own.connect();
    const failed = once(own, 'error');
    client.release();
    await expect(waiting).rejects.toEqual(closed);
    expect(await failed).toEqual([broken]);
    await expect(own.connect()).rejects.toEqual(closed);
    await own.end();
  });
});
