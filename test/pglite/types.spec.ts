import { pgliteDataSourceOptions } from 'nestjs-refresh-token/pglite';
import { Column, DataSource, Entity, PrimaryGeneratedColumn } from 'typeorm';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { databaseNamed, type TestDatabase } from '../support/databases.js';

@Entity('things')
class Thing {
  @PrimaryGeneratedColumn('uuid')
  id: string;

  @Column('bigint')
  big: string;

  @Column('int')
  small: number;

  @Column('numeric', { precision: 20, scale: 4 })
  exact: string;

  @Column('boolean')
  yes: boolean;

  @Column('bytea')
  bytes: Buffer;

  @Column('text', { nullable: true })
  text: string | null;

  @Column('varchar', { array: true })
  words: string[];

  @Column('enum', { enum: ['red', 'dark "green"'], array: true })
  colours: string[];

  @Column('jsonb')
  json: object;

  @Column('date')
  day: string;

  @Column('timestamp')
  local: Date;

  @Column({ type: 'timestamptz', precision: 3 })
  instant: Date;
}

let postgres: TestDatabase;
let server: DataSource;
let embedded: DataSource;

beforeAll(async () => {
  // Not UTC, where a Date that is read in the wrong zone would look right.
  vi.stubEnv('TZ', 'America/New_York');
  postgres = await databaseNamed('postgres').create();
  // PGlite keeps its clock in UTC, and gen_random_uuid() is what pgliteDataSourceOptions has TypeORM use.
  const likePglite = { uuidExtension: 'pgcrypto', extra: { options: '-c timezone=UTC' } } as const;
  server = new DataSource(postgres.options([Thing], [], { synchronize: true, ...likePglite }));
  embedded = new DataSource({ ...pgliteDataSourceOptions(), entities: [Thing], synchronize: true });
  await Promise.all([server.initialize(), embedded.initialize()]);
});

afterAll(async () => {
  await Promise.all([server.destroy(), embedded.destroy()]);
  await postgres.drop();
  vi.unstubAllEnvs();
});

/** The same query on both; the answers, or the errors. */
async function onBoth(text: string, parameters?: unknown[]): Promise<[unknown, unknown]> {
  const outcome = (dataSource: DataSource) =>
    dataSource
      .query<unknown>(text, parameters)
      .catch((error: { code: string; message: string; driverError: Error }) => ({
        code: error.code,
        message: error.message,
        name: error.driverError.name,
        properties: Object.keys(error.driverError).sort(),
      }));
  return Promise.all([outcome(server), outcome(embedded)]);
}

describe('a value comes back as from pg', () => {
  test.each([
    `1::int2, -2::int4 AS b, 9007199254740993::int8 AS c, 26::oid AS d, 1.50::numeric AS e`,
    `1.5::float4 AS a, 'NaN'::float8 AS b, '-Infinity'::float8 AS c, 'NaN'::numeric AS d`,
    `true AS a, false AS b, NULL::boolean AS c, NULL AS d`,
    `'\\x00ff10'::bytea AS a, ''::bytea AS b`,
    `'{"a":[1,null]}'::json AS a, '[1.0]'::jsonb AS b, 'null'::jsonb AS c, '"x"'::json AS d`,
    `gen_random_uuid() IS NOT NULL AS a, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid AS b`,
    `'x'::text AS a, 'y'::varchar AS b, 'z'::char(3) AS c, 'n'::name AS d, 'c'::"char" AS e`,
    `'2024-02-29'::date AS a, 'infinity'::date AS b, '0044-03-15 BC'::date AS c, '12345-01-01'::date AS d`,
    `'2024-07-01 12:34:56.789999'::timestamp AS a, '-infinity'::timestamp AS b, '0001-01-01 BC'::timestamp AS c`,
    `'2024-07-01 12:34:56.7'::timestamptz AS a, '2024-12-01 12:34:56+05:30'::timestamptz AS b`,
    `'0001-01-01 BC'::timestamptz AS a, '0099-01-01'::timestamptz AS b, '12345-01-01'::timestamptz AS c`,
    `'12:34:56.789'::time AS a, '12:34:56+02'::timetz AS b, '10.0.0.1/8'::inet AS c, '[1,5)'::int4range AS d`,
    `ARRAY['a,b', 'c"d', 'e\\f', '', NULL, 'NULL', '{x}', ' s '] AS a, '{}'::text[] AS b, ARRAY[['x'],[NULL]] AS c`,
    `ARRAY[1,NULL]::int4[] AS a, ARRAY[[1],[2]]::int8[] AS b, ARRAY[1.5]::float8[] AS c, ARRAY[1.50]::numeric[] AS d`,
    `ARRAY[true,false] AS a, ARRAY['\\x00ff'::bytea] AS b, ARRAY['{"a":1}'::jsonb, 'null'] AS c`,
    `ARRAY['2024-01-01'::date, NULL] AS a, ARRAY['2024-01-01 10:00'::timestamptz] AS b`,
    `ARRAY['a'::name] AS a, '1 2'::int2vector AS b, ARRAY['a'::"char"] AS c, ARRAY[B'101'] AS d`,
    `enum_range(NULL::things_colours_enum) AS a, ARRAY['a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid] AS b`,
    `1 AS twice, 2 AS twice`,
  ])('SELECT %s', async (columns) => {
    const [expected, actual] = await onBoth(`SELECT ${columns}`);
    expect(actual).toStrictEqual(expected);
    const [expectedPrepared, actualPrepared] = await onBoth(`SELECT ${columns}, $1::int AS parameter`, [1]);
    expect(actualPrepared).toStrictEqual(expectedPrepared);
  });
});

describe('a parameter arrives as from pg', () => {
  const winter = new Date('2024-01-01T03:04:05.678Z');
  const summer = new Date('2024-07-01T03:04:05.678Z');
  const ancient = new Date('-000044-03-15T00:00:00Z');

  test.each<[string, unknown[]]>([
    ['$1::timestamptz AS a, $2::timestamp AS b, $3::date AS c', [winter, winter, winter]],
    ['$1::timestamptz AS a, $2::timestamp AS b, $3::date AS c', [summer, summer, summer]],
    ['$1::timestamptz AS a, $2::text AS b', [ancient, ancient]],
    ['$1::text AS a, $2::text AS b', [winter, new Date(0)]],
    ['$1::bytea AS a, $2::text AS b', [Buffer.from([0, 255, 92]), Buffer.from('grün')]],
    ['$1::bytea AS a', [new Uint8Array([1, 2, 3]).subarray(1)]],
    ['$1::int8 AS a, $2::int8 AS b, $3::numeric AS c', [2n ** 62n, '12', 1e21]],
    ['$1::boolean AS a, $2::boolean AS b, $3::boolean AS c, $4::text AS d', [true, 0, 'yes', false]],
    ['$1::int AS a, $2::text AS b, $3::jsonb AS c', [undefined, null, undefined]],
    ['$1::jsonb AS a, $2::json AS b, $3::jsonb AS c', [{ a: [1, 'ü'] }, '"text"', JSON.stringify([1, 2])]],
    [
      '$1::text[] AS a, $2::int[] AS b',
      [
        ['a,b', 'c"d', 'e\\f', '', null, undefined, 'NULL'],
        [1, null, 3],
      ],
    ],
    [
      '$1::int[] AS a, $2::bytea[] AS b',
      [
        [
          [1, 2],
          [3, 4],
        ],
        [Buffer.from([0, 255]), new Uint8Array([7])],
      ],
    ],
    ['$1::timestamptz[] AS a, $2::jsonb[] AS b, $3::boolean[] AS c', [[winter], [{ a: '"' }], [true, false]]],
    ['$1::text AS a, $2::float8 AS b', ["it's; -- \\ $1", -0.1]],
    ['* FROM unnest($1::text[]) AS a WHERE a = ANY($2)', [['x', 'y'], ['y']]],
  ])('SELECT %s', async (columns, parameters) => {
    const [expected, actual] = await onBoth(`SELECT ${columns}`, parameters);
    expect(expected).toEqual([expect.anything()]);
    expect(actual).toStrictEqual(expected);
  });
});

describe('an error is that of pg', () => {
  test.each<[string, unknown[]?]>([
    ['SELECT 1/0'],
    ['SELECT $1::int', ['x']],
    ['SELECT $1::boolean', ['maybe']],
    ['SELECT $1::timestamptz', [new Date(NaN)]],
    ['SELECT $1::uuid', ['secret']],
    ['SELECT * FROM nowhere'],
    ['SELECT $1, $2', ['one']],
    ['SELEC 1'],
    ['INSERT INTO things (id) VALUES ($1)', ['a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11']],
  ])('%s', async (text, parameters) => {
    const [expected, actual] = await onBoth(text, parameters);
    expect(expected).toMatchObject({ code: expect.stringMatching(/^[0-9A-Z]{5}$/) as string });
    expect(actual).toStrictEqual(expected);
  });
});

test('statements answer TypeORM as from pg', async () => {
  for (const text of [
    'CREATE TABLE answers (id integer PRIMARY KEY, word text)',
    `INSERT INTO answers VALUES (1, 'a'), (2, 'b') RETURNING id`,
    `INSERT INTO answers VALUES (3, 'c')`,
    `UPDATE answers SET word = 'd' WHERE id < 3`,
    `UPDATE answers SET word = 'd' WHERE id < 3 RETURNING *`,
    'DELETE FROM answers WHERE id = 7',
    'DELETE FROM answers WHERE id = 1 RETURNING id',
    'SELECT 1 AS a; SELECT 2 AS b',
    '',
    'DROP TABLE answers',
  ]) {
    const [expected, actual] = await onBoth(text);
    expect(actual, text).toStrictEqual(expected);
  }
});

test('an entity comes back as from pg', async () => {
  const thing = {
    id: 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
    big: '9007199254740993',
    small: 7,
    exact: '1.5000',
    yes: true,
    bytes: Buffer.from([0, 255]),
    text: null,
    words: ['a', 'b,"c'],
    colours: ['dark "green"', 'red'],
    json: { nested: ['x'] },
    day: '2024-02-29',
    local: new Date('2024-07-01T22:00:00Z'),
    instant: new Date('2024-07-01T22:00:00.123Z'),
  };
  const outcomes = await Promise.all(
    [server, embedded].map(async (dataSource) => {
      const things = dataSource.getRepository(Thing);
      await things.insert({ ...thing });
      const inserted = await things.findOneByOrFail({ id: thing.id });
      const updated = await things.update({ small: 7, instant: thing.instant }, { text: 'set' });
      const generated = await things.save(things.create({ ...thing, id: undefined }));
      const deleted = await things.delete({ yes: true });
      return { inserted, updated, deleted, generated: generated.id.length };
    }),
  );
  expect(outcomes[1]).toStrictEqual(outcomes[0]);
  expect({ ...outcomes[1].inserted }).toStrictEqual(thing);
  expect(outcomes[1]).toMatchObject({ updated: { affected: 1 }, deleted: { affected: 2 }, generated: 36 });
});

test('the schema that TypeORM made is the schema that it wants', async () => {
  const { upQueries } = await embedded.driver.createSchemaBuilder().log();
  expect(upQueries).toEqual([]);
});
