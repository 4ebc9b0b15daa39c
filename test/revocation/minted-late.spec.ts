import type { AuthUser, IssuedTokens } from 'nestjs-refresh-token';
import { beforeAll, expect, it } from 'vitest';
import type { AuthContext } from '../support/auth-app.js';
import { ACCESS_TTL, ageFloors, caughtUp, type Instances, newUser, onServers, verdict } from '../support/instances.js';
import { lockSessions } from '../support/row-lock.js';

/** Milliseconds; the user provider may take five seconds. */
const SLOW = 4_000;

interface SlowRequest {
  request: string;
  begin(here: AuthContext, user: AuthUser): Promise<() => Promise<IssuedTokens>>;
}

/** What asks for the user, and mints an access token without writing to the row after that. */
const slowRequests: SlowRequest[] = [
  {
    request: 'a sign-in',
    begin:
      async ({ service }, user) =>
      () =>
        service.issue(user),
  },
  {
    request: 'a retried refresh',
    async begin({ service }, user) {
      const { refreshToken } = await service.issue(user);
      await service.refresh(refreshToken, {}, {}, USE);
      return () => service.refresh(refreshToken, {}, {}, USE);
    },
  },
];
const USE = { idempotencyKey: 'uQ3nT0kq9o2dJc5w' };

interface Change {
  change: string;
  make(elsewhere: AuthContext, user: AuthUser): Promise<unknown>;
}

const changes: Change[] = [
  { change: 'all sessions end', make: ({ service }, { id }) => service.revokeAllOfUser(id, 'ended_by_admin') },
  { change: 'the permissions change', make: ({ service }, { id }) => service.permissionsChanged(id) },
];

/**
 * An access token may be minted some time after the floor that refuses it was raised. It then expires so much later, and the
 * floor has to outlast it.
 */
onServers('an access token that is minted after its floor was raised', define, { concurrent: true });

function define(instances: Instances): void {
  let here: AuthContext;
  let elsewhere: AuthContext;
  beforeAll(async () => {
    here = await instances.start();
    elsewhere = await instances.start();
  });

  /** The verdicts, second by second, from when the first floors may have been forgotten. */
  async function verdictsUntilExpiry(accessToken: string, from: number): Promise<Set<string>> {
    const verdicts = new Set<string>();
    let passing = from;
    for (let second = 0; second <= 10; second++) {
      for (const { clock } of [here, elsewhere]) clock.advance(passing);
      await ageFloors(here, passing);
      await caughtUp(here, elsewhere);
      for (const instance of [here, elsewhere]) verdicts.add(verdict(instance, accessToken));
      passing = 1_000;
    }
    return verdicts;
  }

  const cases = slowRequests.flatMap((slow) => changes.map((change) => ({ ...slow, ...change })));
  it.sequential.for(cases)(
    'by $request that waits for the user while $change, is never accepted',
    async ({ begin, make }) => {
      const user = newUser([here, elsewhere]);
      const request = await begin(here, user);

      const { users } = here;
      const { loadUser } = users;
      users.loadUser = async (id) => {
        users.loadUser = loadUser;
        const found = await loadUser(id);
        await make(elsewhere, user);
        for (const { clock } of [here, elsewhere]) clock.advance(SLOW);
        await ageFloors(here, SLOW);
        return found;
      };
      const { accessToken } = await request();
      await caughtUp(here, elsewhere);
      for (const instance of [here, elsewhere]) expect(verdict(instance, accessToken)).not.toBe('accepted');

      expect(await verdictsUntilExpiry(accessToken, ACCESS_TTL - SLOW)).not.toContain('accepted');
    },
  );

  it.sequential('by a repeat, which is written, is minted for a user who was loaded after the change', async () => {
    const user = newUser([here, elsewhere]);
    const { refreshToken } = await here.service.issue(user);
    await here.service.refresh(refreshToken, {}, {}, USE);
    const { users } = here;
    const { loadUser } = users;
    const promoted = { ...user, roles: ['admin'] };
    users.loadUser = async (id) => {
      const found = await loadUser(id);
      // Loaded before the change, and answered after it.
      users.loadUser = async () => promoted;
      await elsewhere.service.permissionsChanged(user.id);
      return found;
    };
    const { accessToken } = await here.service.refresh(refreshToken);
    users.loadUser = loadUser;
    expect(rolesIn(accessToken)).toEqual(['admin']);
    await caughtUp(here, elsewhere);
    for (const instance of [here, elsewhere]) expect(verdict(instance, accessToken)).toBe('accepted');
  });

  it.sequential('by a refresh while the end of all sessions waits for another row, is never accepted', async () => {
    const user = newUser([here, elsewhere]);
    const sessions = [await here.service.issue(user), await here.service.issue(user)];
    // The order in which the statement comes to the rows.
    const order = instances.kind.name === 'postgres' ? 'ctid' : 'id';
    const [locked] = await here.dataSource.query(
      `SELECT id FROM refresh_tokens WHERE user_id = '${user.id}' ORDER BY ${order}`,
    );
    const session = sessions.find(({ sessionId }) => sessionId !== locked.id)!;

    const lock = await lockSessions(instances.database, [locked.id]);
    const ended = here.service.revokeAllOfUser(user.id, 'logout_all');
    await lock.awaited();
    // Less than what the library takes for a late commit.
    const waited = 2_000;
    await new Promise((resolve) => setTimeout(resolve, waited));
    for (const { clock } of [here, elsewhere]) clock.advance(waited);
    const { accessToken } = await here.service.refresh(session.refreshToken);
    await lock.release();
    await ended;

    await caughtUp(here, elsewhere);
    for (const instance of [here, elsewhere]) expect(verdict(instance, accessToken)).toBe('token_revoked');
    expect(await verdictsUntilExpiry(accessToken, ACCESS_TTL - waited)).not.toContain('accepted');
  });
}

function rolesIn(accessToken: string): unknown {
  return (JSON.parse(Buffer.from(accessToken.split('.')[1], 'base64url').toString()) as { roles: unknown }).roles;
}
