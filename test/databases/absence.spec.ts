import { DataSource, type DataSourceOptions } from 'typeorm';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { type AuthApp, type AuthContext, createAuthApp, createAuthContext } from '../support/auth-app.js';
import { databaseNamed, type TestDatabase } from '../support/databases.js';
import { type AuthBody, refresh, send } from '../support/http.js';

type Extra = Record<string, unknown>;

interface Reading {
  title: string;
  /** Options of the driver. */
  extra: Extra;
  /** Whether a list of sessions looks right nevertheless. */
  listed?: boolean;
}

/** Hands each value of these columns to the function. */
function pgTypes(oids: readonly number[], parse: (value: string) => unknown): Extra {
  const getTypeParser = (oid: number, format?: 'text') =>
    oids.includes(oid) ? parse : pg.types.getTypeParser(oid, format);
  return { types: { getTypeParser } };
}

/** Hands the text of each column of such a name to the function. */
function typeCast(name: RegExp, parse: (value: string) => unknown): Extra {
  return {
    typeCast(field: { name: string; string(): string | null }, next: () => unknown) {
      if (!name.test(field.name)) return next();
      const value = field.string();
      return value === null ? null : parse(value);
    },
  };
}

/** A connection whose answers pass through the function. */
function pgAnswers(change: (result: pg.QueryResult) => unknown): Extra {
  class ChangedClient extends pg.Client {
    override query(...parameters: unknown[]): never {
      const answer = (super.query as (...parameters: unknown[]) => Promise<pg.QueryResult> | undefined)(...parameters);
      return answer?.then((result) => (SESSIONS.test(textOf(parameters[0])) ? change(result) : result)) as never;
    }
  }
  return { Client: ChangedClient };
}

/** Statements that read whole sessions. */
const SESSIONS = /AS "tokenHash"/;

const textOf = (query: unknown) => (typeof query === 'string' ? query : (query as { text: string }).text);

const upperCase = (value: string) => value.toUpperCase();
const withoutHyphens = (value: string) => value.replaceAll('-', '');
const bytes = (value: string) => Buffer.from(withoutHyphens(value), 'hex');
const lowerCaseNames = (row: object) =>
  Object.fromEntries(Object.entries(row).map(([name, value]) => [name.toLowerCase(), value]));

const textAsBytes = ({ tokenHash, ...row }: { tokenHash: string }) => ({ ...row, tokenHash: Buffer.from(tokenHash) });

const UUID = 2950;
const BIGINT = 20;

const UNAVAILABLE = { code: 'temporarily_unavailable' };

const UNREADABLE: Record<'postgres' | 'mariadb', Reading[]> = {
  postgres: [
    { title: 'ids in upper case', extra: pgTypes([UUID], upperCase) },
    { title: 'ids without hyphens', extra: pgTypes([UUID], withoutHyphens) },
    { title: 'ids as bytes', extra: pgTypes([UUID], bytes) },
    { title: 'text as bytes', extra: pgAnswers((result) => ({ ...result, rows: result.rows.map(textAsBytes) })) },
    { title: 'rows as lists', extra: pgAnswers((result) => ({ ...result, rows: result.rows.map(Object.values) })) },
    {
      title: 'columns in lower case',
      extra: pgAnswers((result) => ({ ...result, rows: result.rows.map(lowerCaseNames) })),
    },
    { title: 'only the rows, as a list', extra: pgAnswers((result) => result.rows) },
    { title: 'nothing', extra: pgAnswers(() => undefined) },
    {
      title: 'the row of another session',
      listed: true,
      extra: pgAnswers((result) => ({
        ...result,
        rows: result.rows.map((row: object) => ({ ...row, id: '11111111-1111-4111-8111-111111111111' })),
      })),
    },
  ],
  mariadb: [
    { title: 'ids in upper case', extra: typeCast(/^id$/, upperCase) },
    { title: 'ids without hyphens', extra: typeCast(/^id$/, withoutHyphens) },
    { title: 'ids as bytes', extra: typeCast(/^id$/, bytes) },
    { title: 'ids with spaces at the end', extra: typeCast(/^id$/, (value) => `${value}    `) },
    { title: 'text as bytes', extra: typeCast(/Hash$/, (value) => Buffer.from(value)) },
    { title: 'numbers as dates', extra: typeCast(/At$/, (value) => new Date(Number(value))) },
  ],
};

/** Not even the time of the database can be read. */
const REFUSED_AT_START: Reading[] = [
  { title: 'numbers as words', extra: pgTypes([BIGINT], () => 'many') },
  { title: 'numbers with a fraction', extra: pgTypes([BIGINT], (value) => Number(value) + 0.5) },
  { title: 'numbers as NULL', extra: pgTypes([BIGINT], () => null) },
];

const READABLE: Record<'postgres' | 'mariadb', Reading[]> = {
  postgres: [
    { title: 'numbers as bigint', extra: pgTypes([BIGINT], BigInt) },
    { title: 'numbers as numbers', extra: pgTypes([BIGINT], Number) },
    { title: 'numbers as objects', extra: pgTypes([BIGINT], (value) => ({ toString: () => value })) },
  ],
  mariadb: [
    { title: 'big numbers as text', extra: { supportBigNumbers: true, bigNumberStrings: true } },
    { title: 'numbers as bigint', extra: typeCast(/At$|generation/i, BigInt) },
    { title: 'dates as text', extra: { dateStrings: true } },
  ],
};

for (const name of ['postgres', 'mariadb'] as const) {
  const { available, create } = databaseNamed(name);
  describe.skipIf(!available)(`a driver of the host on ${name}`, () => {
    let database: TestDatabase;
    let issuer: AuthContext;
    beforeAll(async () => {
      database = await create();
      issuer = await createAuthContext(database);
    });
    afterAll(async () => {
      await issuer?.close();
      await database?.drop();
    });

    /** An instance of the same service that has this driver, and that began before there were rows to read. */
    async function instanceWith(extra: Extra): Promise<AuthApp> {
      await issuer.dataSource.query('DELETE FROM refresh_tokens');
      const app = await createAuthApp('express', database, { dataSource: { extra } as Partial<DataSourceOptions> });
      onTestFinished(() => app.close());
      return app;
    }

    const refreshAt = ({ url }: AuthApp, token: string) =>
      send<AuthBody>('POST', `${url}/auth/refresh`, { body: { refresh_token: token } });

    it.each(UNREADABLE[name])('that answers with $title logs nobody out', async ({ extra, listed }) => {
      const app = await instanceWith(extra);
      const { refreshToken, sessionId } = await issuer.service.issue(
        { id: 'user-alice', roles: [] },
        { transport: 'body' },
      );
      const answer = await refreshAt(app, refreshToken);
      expect([answer.status, answer.body.error]).toEqual([503, 'temporarily_unavailable']);
      expect(answer.headers.get('retry-after')).toBeTruthy();
      if (!listed) await expect(app.service.list('user-alice')).rejects.toMatchObject(UNAVAILABLE);
      await expect(app.service.revoke(sessionId, 'logout')).rejects.toMatchObject(UNAVAILABLE);
      // The token has not been consumed.
      await expect(issuer.service.refresh(refreshToken)).resolves.toMatchObject({ sessionId });
    });

    it.each(name === 'postgres' ? REFUSED_AT_START : [])(
      'that answers with $title is refused at the start',
      async ({ extra }) => {
        await expect(instanceWith(extra)).rejects.toThrow(/^The answer of the database cannot be read: "measured"/);
      },
    );

    it.each(READABLE[name])('that answers with $title works', async ({ extra }) => {
      const app = await instanceWith(extra);
      const { refreshToken } = await issuer.service.issue({ id: 'user-alice', roles: [] }, { transport: 'body' });
      const answer = await refreshAt(app, refreshToken);
      expect(answer.status).toBe(200);
      expect((await refreshAt(app, answer.body.refresh_token)).status).toBe(200);
    });
  });
}

/** A role that is subject to row-level security, and the URL with which it connects. */
async function startAsRole(): Promise<{ app: () => Promise<AuthApp>; operator: DataSource }> {
  const database = await databaseNamed('postgres').create();
  onTestFinished(() => database.drop());
  await (await createAuthContext(database)).close();
  const operator = await new DataSource(database.options([], [])).initialize();
  const name = `role_${operator.driver.database}`;
  onTestFinished(async () => {
    await operator.query(`DROP OWNED BY ${name}`);
    await operator.query(`DROP ROLE ${name}`);
    await operator.destroy();
  });
  await operator.query(`CREATE ROLE ${name}`);
  await operator.query(`GRANT ALL ON ALL TABLES IN SCHEMA public TO ${name}`);
  const app = async () => {
    const dataSource = { migrations: [], logging: false, extra: { options: `-c role=${name}` } } as object;
    const started = await createAuthApp('express', database, { dataSource });
    onTestFinished(() => started.close());
    started.app.useLogger(false);
    return started;
  };
  return { app, operator };
}

describe('row-level security that hides rows', () => {
  it('logs nobody out, and ends with it', async () => {
    const { app, operator } = await startAsRole();
    const { url, service } = await app();
    const { refreshToken, sessionId } = await service.issue({ id: 'user-alice', roles: [] }, { transport: 'body' });
    await operator.query('ALTER TABLE refresh_tokens ENABLE ROW LEVEL SECURITY');
    const answer = await refresh(url, refreshToken);
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1']);
    await expect(service.list('user-alice')).rejects.toMatchObject(UNAVAILABLE);
    await expect(service.revokeAllOfUser('user-alice', 'logout_all')).rejects.toMatchObject(UNAVAILABLE);
    await operator.query('ALTER TABLE refresh_tokens DISABLE ROW LEVEL SECURITY');
    expect(await service.refresh(refreshToken)).toMatchObject({ sessionId });
  });

  it('is refused at the start', async () => {
    const { app, operator } = await startAsRole();
    await operator.query('ALTER TABLE session_locks ENABLE ROW LEVEL SECURITY');
    await expect(app()).rejects.toMatchObject({
      code: 'invalid_configuration',
      message: expect.stringMatching(/"session_locks" \(row-level security\).*BYPASSRLS/),
    });
  });
});

describe('a trigger that keeps rows out', () => {
  it.for([{}, { refreshToken: { maxSessionsPerUser: 5 } }])('is no sign-in', async (options) => {
    const database = await databaseNamed('postgres').create();
    onTestFinished(() => database.drop());
    const { service, dataSource, close } = await createAuthContext(database, { options });
    onTestFinished(close);
    await dataSource.query(
      'CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$',
    );
    await dataSource.query(
      'CREATE TRIGGER nothing BEFORE INSERT ON refresh_tokens FOR EACH ROW EXECUTE FUNCTION nothing()',
    );
    await expect(service.issue({ id: 'user-alice', roles: [] })).rejects.toMatchObject(UNAVAILABLE);
  });
});
