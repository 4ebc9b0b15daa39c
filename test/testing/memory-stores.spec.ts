import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { AuthTestingModule, signedIn, TestClock } from 'nestjs-refresh-token/testing';
import { RefreshToken } from 'nestjs-refresh-token/typeorm';
import { Test } from '@nestjs/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { CheckedQuery } from '../../src/auth/audit/auth-event-query.js';
import { AuthEventStore, type NewAuthEvent } from '../../src/auth/audit/auth-event.store.js';
import { eventId } from '../../src/auth/audit/event-id.js';
import { UsedDpopProofStore } from '../../src/auth/binding/dpop/used-dpop-proof.store.js';
import { RefusedRows } from '../../src/auth/common/database/refused-rows.js';
import { REVOKED_FLOOR } from '../../src/auth/session/access-floor.js';
import { DeadSessions } from '../../src/auth/session/dead-sessions.js';
import { RefreshTokenStore } from '../../src/auth/session/refresh-token.store.js';
import { SessionErasure } from '../../src/auth/session/session-erasure.js';
import { AuthModuleRegistry } from '../../src/auth/modules/auth-module-registry.js';
import { MemorySessions } from '../../src/integrations/testing/memory/memory-sessions.js';
import { type AuthContext, createAuthContext } from '../support/auth-app.js';
import { databaseNamed } from '../support/databases.js';

/** What the stores of a module offer, whether they have a table or are in memory. */
interface Stores {
  sessions: RefreshTokenStore;
  dead: DeadSessions;
  erasure: SessionErasure;
  events: AuthEventStore;
  proofs: UsedDpopProofStore;
}

/** Both have the time of this machine, because the tables have the time of their database. */
class RealTime extends TestClock {
  override now = () => Date.now();
}

let table: Stores;
let memory: Stores;
let context: AuthContext;
let template: RefreshToken;
let forget: () => Promise<void>;

beforeAll(async () => {
  const options = { audit: { store: true }, purge: { interval: '0s' } };
  const clock = new RealTime();
  context = await createAuthContext(await databaseNamed('sqljs').create(), { clock, options });
  const module = await Test.createTestingModule({
    imports: [AuthTestingModule.forRoot({ clock, ...options })],
  }).compile();
  await module.init();
  const { sessionId } = await signedIn(module, 'template');
  const storesOf = (app: AuthContext['module']): Stores => {
    const [{ service }] = app.get(AuthModuleRegistry, { strict: false }).all;
    return {
      sessions: service(RefreshTokenStore),
      dead: service(DeadSessions),
      erasure: service(SessionErasure),
      events: service(AuthEventStore),
      proofs: service(UsedDpopProofStore),
    };
  };
  [table, memory] = [storesOf(context.module), storesOf(module)];
  template = (await memory.sessions.find(sessionId))!;
  const rows = module.get(MemorySessions, { strict: false });
  forget = async () => {
    await context.dataSource.getRepository(RefreshToken).clear();
    for (const { id } of rows.where()) rows.remove(id);
  };
});
afterAll(() => context.close());

const T = 1_800_000_000_000;
const user = fc.constantFrom('alice', 'bob', "o'hara", 'Alice');
const time = fc.constantFrom(T, T + 1_000, T + 2_000, T + 3_000);
const which = fc.nat({ max: 5 });

/** One call, and what can be compared of its answer. `ids` are those of all sessions so far, in order. */
type Step = (stores: Stores, ids: readonly string[]) => Promise<unknown>;

const at = (ids: readonly string[], index: number) => ids[index % ids.length] ?? randomUUID();
const byId = (rows: readonly { id: string }[]) => rows.map(({ id }) => id).sort();

/** Changes of the version are random, and floors have the time of the database. */
function comparable(row: RefreshToken | undefined) {
  if (!row) return undefined;
  const { floorRaisedAt, accessFloor, ...rest } = row;
  const floor = accessFloor === REVOKED_FLOOR ? 'revoked' : accessFloor > 1_000_000_000 ? 'raised' : accessFloor;
  return { ...rest, listsVersion: undefined, floor, isRaised: floorRaisedAt !== null };
}

/** A write that depends on the row as it was read; sometimes it was read before another write. */
const onRow =
  (index: number, isStale: boolean, write: (store: RefreshTokenStore, row: RefreshToken) => Promise<unknown>): Step =>
  async ({ sessions }, ids) => {
    const row = await sessions.find(at(ids, index));
    if (!row) return 'none';
    if (isStale) await sessions.repeat(row, { ...row, lastUsedAt: row.lastUsedAt + 1 });
    return write(sessions, row);
  };

const steps: fc.Arbitrary<Step>[] = [
  fc.tuple(which, fc.boolean(), time, fc.boolean()).map(([index, isStale, now, isAdopted]) =>
    onRow(index, isStale, (store, row) =>
      store.rotate(row, {
        ...row,
        generation: row.generation + 1,
        accessFloor: row.accessFloor + (isAdopted ? 5 : 0),
        lastUsedAt: now,
        given: 'x'.repeat(16),
        // These are no columns of a rotation.
        ...({ createdAt: 1, userId: 'mallory' } as object),
      }),
    ),
  ),
  fc
    .tuple(which, fc.boolean(), time)
    .map(([index, isStale, now]) =>
      onRow(index, isStale, (store, row) => store.repeat(row, { ...row, authTime: now, userAgent: 'again' })),
    ),
  fc
    .tuple(which, fc.boolean())
    .map(([index, isStale]) => onRow(index, isStale, (store, row) => store.revokeUnchanged(row, T, 'reuse_detected'))),
  fc
    .tuple(which, time)
    .map(([index, windowStartedAt]) =>
      onRow(index, false, (store, row) =>
        store.postponeWindow(row.id, { ...row, windowGeneration: 7, windowStartedAt }),
      ),
    ),
  fc.tuple(which, time).map(
    ([index, now]): Step =>
      ({ sessions }, ids) =>
        sessions.revoke(at(ids, index), now, 'logout'),
  ),
  fc.tuple(user, fc.option(which), time).map(
    ([userId, except, now]): Step =>
      ({ sessions }, ids) =>
        sessions.revokeAllOfUser(userId, now, 'logout_all', except === null ? undefined : at(ids, except)),
  ),
  fc.tuple(user, which, time).map(
    ([userId, index, now]): Step =>
      ({ sessions }, ids) =>
        sessions.forgetCredentials(at(ids, index), userId, now),
  ),
  user.map(
    (userId): Step =>
      ({ sessions }) =>
        sessions.raiseFloorsOfUser(userId),
  ),
  user.map((userId): Step => async ({ sessions }) => {
    const floors = await sessions.floorsOfUser(userId, 60_000);
    return byId(floors.map(({ sessionId: id }) => ({ id })));
  }),
  fc.tuple(which, fc.nat({ max: 4 })).map(
    ([index, size]): Step =>
      ({ sessions }, ids) =>
        sessions.lastOfPage(index === 0 ? undefined : at(ids, index), size + 1, at(ids, 4)),
  ),
  fc
    .tuple(which, which, time, time, time)
    .map(([from, to, lastUsedAt, createdAt, now]): Step => async ({ sessions }, ids) => {
      const page = { after: from === 0 ? undefined : at(ids, from), last: at(ids, to) };
      const count = await sessions.revokePage(page, { lastUsedAt, createdAt }, now, 'revoked_all');
      return [count, byId((await sessions.floorsOfPage(page, now)).map(({ sessionId: id }) => ({ id })))];
    }),
  fc.constant<Step>(async ({ sessions }) => {
    const now = Date.now();
    const seconds = await sessions.raisedSeconds(now - 60_000);
    const all = await sessions.raisedBetween(now - 60_000, now + 60_000, undefined, 100);
    const rest = all[0] ? await sessions.raisedBetween(all[0].raisedAt, now + 60_000, all[0].sessionId, 100) : [];
    const counts = seconds.map(({ content }) => Number(content.split(' ')[0]));
    return [counts.reduce((sum, one) => sum + one, 0), byId(all.map(({ sessionId: id }) => ({ id }))), rest.length];
  }),
  user.map(
    (userId): Step =>
      async ({ sessions }) =>
        byId(await sessions.findOfUser(userId)),
  ),
  fc.tuple(user, which).map(
    ([userId, size]): Step =>
      async ({ sessions }) =>
        (await sessions.findSomeOfUser(userId, size)).length,
  ),
  fc.tuple(time, time).map(
    ([now, idle]): Step =>
      ({ sessions }) =>
        sessions.countLive(now, idle),
  ),
  fc.tuple(time, time, time).map(([expiresAt, lastUsedAt, revokedAt]): Step => async ({ dead }) => {
    const before = { expiresAt, lastUsedAt, revokedAt };
    const found: string[] = [];
    for await (const part of dead.find(before)) found.push(...part);
    return [found.sort(), await dead.remove(found, before, 100, new RefusedRows())];
  }),
  user.map((userId): Step => async ({ erasure }) => {
    const found = await erasure.find(userId, 100);
    return [found.length, await erasure.erase(found, 100)];
  }),
];

const newSession = fc.record({ userId: user, createdAt: time, lastUsedAt: time, expiresAt: time });
const history = fc.array(fc.oneof({ weight: 3, arbitrary: fc.oneof(...steps) }, { weight: 1, arbitrary: newSession }), {
  minLength: 5,
  maxLength: 25,
});

test('the sessions in memory are as those in the table, whatever happens to them', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(newSession, { minLength: 2, maxLength: 6 }), history, async (first, then) => {
      await forget();
      const ids: string[] = [];
      for (const [index, event] of [...first, ...then].entries()) {
        if (typeof event === 'function') {
          expect(await event(memory, ids)).toEqual(await event(table, ids));
        } else {
          const session = { ...template, ...event, id: randomUUID() };
          const place = (stores: Stores) =>
            stores.sessions.insertInPlaceOf(session, 'session_limit', (others) =>
              others.sort((one, other) => (one.id < other.id ? -1 : 1)).slice(0, index % 2),
            );
          expect(byId(await place(memory))).toEqual(byId(await place(table)));
          ids.push(session.id);
          ids.sort();
        }
        for (const id of ids) {
          expect(comparable(await memory.sessions.find(id))).toEqual(comparable(await table.sessions.find(id)));
        }
      }
    }),
    { numRuns: 30 },
  );
});

const optional = <T>(values: fc.Arbitrary<T>) => fc.option(values, { nil: undefined });

test('the events in memory are found and erased as those in the table', async () => {
  const sessions = [randomUUID(), randomUUID()];
  const events = fc
    .sample(
      fc.record({
        type: fc.constantFrom('signed_in', 'refreshed', 'sign_in_failed'),
        at: time,
        sessionId: fc.constantFrom(null, ...sessions),
        userId: fc.constantFrom(null, 'alice', 'Alice'),
        outcome: fc.constantFrom('success', 'denied'),
        ip: fc.constantFrom(null, '192.0.2.1'),
        account: fc.constantFrom(null, 'hash-1', 'hash-2'),
        actor: fc.constantFrom(null, 'admin'),
      }),
      80,
    )
    .map((event) => {
      const empty = { clientId: null, reason: null, generation: null, count: null, country: null };
      return { ...empty, userAgent: null, accountName: null, ...event, id: eventId(event.at) } as NewAuthEvent;
    });
  for (const { events: store } of [memory, table]) {
    await store.insert(events);
    await store.insert(events.slice(0, 3));
  }
  const query = fc.record({
    userId: optional(fc.constantFrom('alice', 'Alice', 'nobody')),
    sessionId: optional(fc.constantFrom(...sessions)),
    types: optional(fc.constantFrom(['refreshed'], ['signed_in', 'refreshed'])),
    ip: optional(fc.constant('192.0.2.1')),
    outcome: optional(fc.constant('denied')),
    accounts: optional(fc.constantFrom([], ['hash-1'], ['hash-1', 'hash-2'])),
    actor: optional(fc.constant('admin')),
    since: optional(time),
    until: optional(time),
    before: optional(fc.constantFrom(...events.map(({ id }) => id))),
    limit: fc.constantFrom(1, 5, 100),
    withoutRecentRefreshes: fc.boolean(),
  });
  const plain = async (found: Promise<object[]>) => (await found).map((one) => ({ ...one }));
  await fc.assert(
    fc.asyncProperty(query, async (given) => {
      const asked: CheckedQuery = given;
      expect(await plain(memory.events.find(asked, T + 1_000))).toEqual(
        await plain(table.events.find(asked, T + 1_000)),
      );
      expect(await memory.events.oldest(given.since ?? T, given.before, 7)).toEqual(
        await table.events.oldest(given.since ?? T, given.before, 7),
      );
    }),
    { numRuns: 150 },
  );
  const erase = async ({ events: store }: Stores) => {
    const found = [
      await store.ofUser('alice', 100),
      await store.withoutUser(sessions.slice(0, 1), 100),
      await store.ofAccounts(['hash-1'], 100),
    ].map(byId);
    return [found, await store.remove([...new Set(found.flat())], new RefusedRows())];
  };
  expect(await erase(memory)).toEqual(await erase(table));
});

test('a proof counts once in memory as in the table', async () => {
  const story = async ({ proofs }: Stores) => [
    await proofs.claim('one', 60_000),
    await proofs.claim('one', 60_000),
    await proofs.keptUntil('two'),
    await proofs.keep('two', 60_000).then(() => proofs.claim('two', 1)),
    await proofs.claim('three', -1),
    await proofs.removeExpired(),
    await proofs.claim('three', 60_000),
    await proofs.claim('one', 60_000),
  ];
  expect(await story(memory)).toEqual(await story(table));
});
