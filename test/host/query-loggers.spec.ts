import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { format, inspect, stripVTControlCharacters } from 'node:util';
import {
  AbstractLogger,
  type EntitySubscriberInterface,
  FileLogger,
  type LogLevel,
  type LogMessage,
  type QueryRunner,
  type Logger as TypeOrmLogger,
} from 'typeorm';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { type AuthContext, createAuthContext } from '../support/auth-app.js';
import { databases, type TestDatabase } from '../support/databases.js';
import { eventually } from '../support/eventually.js';

/** Its id is a value of most statements. */
const ALICE = { id: 'alice-7f3a9c', roles: [] };

const USERS = Array.from({ length: 20 }, (_, index) => ({ id: `user-${index}`, roles: [] }));

const servers = databases.filter(({ name }) => name !== 'sqljs');

for (const { name, available, create } of servers) {
  describe.skipIf(!available)(`what loggers, subscribers and patches get of a query, on ${name}`, () => {
    let database: TestDatabase;
    beforeAll(async () => {
      database = await create();
    });
    afterAll(() => database?.drop());

    const start = async (dataSource: object): Promise<AuthContext> => {
      // Each query is slow.
      const slow = { logging: 'all', maxQueryExecutionTime: 1e-6, poolSize: 2 };
      const context = await createAuthContext(database, {
        dataSource: { ...slow, ...dataSource } as object,
        options: { revocation: { delay: '10m' } },
      });
      onTestFinished(() => context.close());
      for (const user of [ALICE, ...USERS]) context.users.users.set(user.id, user);
      return context;
    };

    test('a logger may treat the query as a string in every respect', async () => {
      const logger = new StringLogger();
      await wholeLife(await start({ logger }));
      expectTextAlone(logger.lines.join('\n'));
    });

    test('a row that the database refuses is in no log', async () => {
      const logger = new InterpolatingLogger('all');
      const context = await start({ logger });
      const { dataSource, service } = context;
      await dataSource.query('DELETE FROM refresh_tokens');
      await dataSource.query('ALTER TABLE refresh_tokens ADD host_column integer NOT NULL');
      await expect(service.issue(ALICE)).rejects.toThrow();
      await dataSource.query('ALTER TABLE refresh_tokens DROP COLUMN host_column');
      expect(logger.errors).not.toEqual([]);
      expect(inspect(logger.errors, { depth: 9 })).not.toContain(ALICE.id);
    });

    // It has one connection to a database of its own, and takes all that a pool of PostgreSQL takes.
    if (name === 'pglite') return;

    test.for(['advanced-console', 'simple-console', 'formatted-console', 'debug'])(
      'the logger %s shows the text, and no value',
      async (logger) => {
        const lines: string[] = [];
        const write = (...parts: unknown[]) => void lines.push(format(...parts));
        for (const method of ['log', 'info', 'warn', 'error'] as const)
          vi.spyOn(console, method).mockImplementation(write);
        onTestFinished(() => void vi.restoreAllMocks());
        await wholeLife(await start({ logger }));
        // It writes if DEBUG is set in the environment.
        if (logger !== 'debug') expectTextAlone(lines.join('\n'));
      },
    );

    test('the logger file writes the text, and no value', async () => {
      const folder = await mkdtemp(join(tmpdir(), 'query-log-'));
      onTestFinished(() => rm(folder, { recursive: true }));
      const logPath = join(folder, 'orm.log');
      await wholeLife(await start({ logger: new FileLogger('all', { logPath }) }));
      await eventually(async () => expectTextAlone(await readFile(logPath, 'utf8')));
    });

    test('a logger may write the parameters into the text', async () => {
      const logger = new InterpolatingLogger('all');
      await wholeLife(await start({ logger }));
      expectTextAlone(logger.lines.join('\n'));
      expect(logger.lines.join('\n')).toContain('[hidden]');
    });

    test('a subscriber may treat the query as a string', async () => {
      const lines: string[] = [];
      const use = ({ query, parameters }: { query: string; parameters?: unknown }) =>
        void lines.push(...stringForms(query), inspect(parameters, { depth: 9 }), JSON.stringify(parameters) ?? '');
      const subscriber: EntitySubscriberInterface = { beforeQuery: use, afterQuery: use };
      const context = await start({ logging: false });
      context.dataSource.subscribers.push(subscriber);
      await wholeLife(context);
      expectTextAlone(lines.join('\n'));
    });

    test.for<[string, (text: string, parameters?: unknown[]) => [string, unknown[]?]]>([
      ['reads the text', (text, parameters) => [text.toLowerCase() === '' ? '' : text, parameters]],
      ['copies the parameters', (text, parameters) => [text, parameters && [...parameters]]],
      ['adds a comment in front', (text, parameters) => [`/* traced */ ${text}`, parameters]],
      ['adds a comment at the end', (text, parameters) => [`${text} /* traceparent='00-1' */`, parameters]],
    ])('a patch of queryRunner.query that %s changes nothing', async ([, patch]) => {
      const context = await start({ logging: false });
      const { dataSource } = context;
      const createQueryRunner = dataSource.createQueryRunner.bind(dataSource);
      dataSource.createQueryRunner = (mode) => {
        const runner = createQueryRunner(mode);
        const query = runner.query.bind(runner) as (...args: unknown[]) => Promise<never>;
        runner.query = ((text: string, parameters: unknown[] | undefined, structured: boolean) =>
          query(...patch(text, parameters), structured)) as unknown as QueryRunner['query'];
        return runner;
      };
      await wholeLife(context);
    });

    test('concurrent statements keep their own values, and those of the host are as they were', async () => {
      const { service, dataSource } = await start({ logging: false });
      const issued = await Promise.all(USERS.map((user) => service.issue(user)));
      const listed = await Promise.all(USERS.map(({ id }) => service.list(id)));
      expect(listed.map(([session]) => session.id)).toEqual(issued.map(({ sessionId }) => sessionId));
      const parameter = name === 'mariadb' ? '?' : '$1';
      const count = `SELECT COUNT(*) AS count FROM refresh_tokens WHERE user_id = ${parameter}`;
      expect(Number((await dataSource.query(count, ['user-3']))[0].count)).toBe(1);
    });
  });
}

/** Statements that read, write, and fail. */
async function wholeLife({ service, dataSource, clock }: AuthContext): Promise<void> {
  const { refreshToken } = await service.issue(ALICE);
  const { refreshToken: next } = await service.refresh(refreshToken);
  expect(await service.list(ALICE.id)).toHaveLength(1);
  await dataSource.query('ALTER TABLE refresh_tokens RENAME TO elsewhere');
  await expect(service.issue(ALICE)).rejects.toThrow();
  await dataSource.query('ALTER TABLE elsewhere RENAME TO refresh_tokens');
  await service.refresh(next);
  expect(await service.revokeAllOfUser(ALICE.id, 'logout_all')).toBe(1);
  clock.advance(86_400_000 * 90);
  await service.purge();
}

function expectTextAlone(coloured: string): void {
  const output = stripVTControlCharacters(coloured);
  expect(output).toMatch(/insert\s+into/i);
  expect(output).toMatch(/delete\s+from/i);
  expect(output).not.toContain(ALICE.id);
}

function stringForms(query: string): string[] {
  expect(typeof query).toBe('string');
  expect(query === `${query}`).toBe(true);
  expect(query.length).toBe(Buffer.from(query).toString().length);
  expect([query.toLowerCase().startsWith('select'), /^select/i.test(query)]).toEqual(
    query.slice(0, 6).toUpperCase() === 'SELECT' ? [true, true] : [false, false],
  );
  return [
    query.toLowerCase(),
    query.replace(/\s+/g, ' ').trim(),
    `${query}`,
    query + '',
    JSON.stringify({ query }),
    inspect({ query }, { depth: 9, breakLength: Infinity }),
    query.split(' ').join(' '),
  ];
}

class StringLogger implements TypeOrmLogger {
  readonly lines: string[] = [];

  logQuery(query: string, parameters?: unknown[]): void {
    this.lines.push(...stringForms(query), JSON.stringify(parameters) ?? '', inspect(parameters, { depth: 9 }));
  }

  logQueryError(error: string | Error, query: string, parameters?: unknown[]): void {
    this.lines.push(inspect(error, { depth: 9 }), JSON.stringify(error));
    this.logQuery(query, parameters);
  }

  logQuerySlow(_: number, query: string, parameters?: unknown[]): void {
    this.logQuery(query, parameters);
  }

  logSchemaBuild(): void {}
  logMigration(): void {}
  log(): void {}
}

class InterpolatingLogger extends AbstractLogger {
  readonly lines: string[] = [];
  readonly errors: unknown[] = [];

  override logQueryError(error: string | Error, query: string, parameters?: unknown[], runner?: QueryRunner): void {
    this.errors.push(error);
    super.logQueryError(String(error), query, parameters, runner);
  }

  protected writeLog(_: LogLevel, logged: LogMessage | LogMessage[]): void {
    for (const { message, parameters } of [logged].flat() as LogMessage[]) {
      let index = 0;
      const text = String(message).replace(/\$\d+|\?/g, (placeholder) => {
        if (!parameters) return placeholder;
        const position = placeholder === '?' ? index++ : Number(placeholder.slice(1)) - 1;
        return `'${(parameters as unknown[])[position]!.toString()}'`;
      });
      this.lines.push(text);
    }
  }
}
