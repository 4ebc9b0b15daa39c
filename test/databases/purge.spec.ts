import { RefreshToken } from 'nestjs-refresh-token/typeorm';
import { describe, expect, it } from 'vitest';
import type { AuthContext } from '../support/auth-app.js';
import { onEveryDatabase } from '../support/every-database.js';

const ALICE = { id: 'user-alice', roles: ['user'] };
const DAY = 86_400_000;
const HOUR = DAY / 24;
const options = {
  refreshToken: { ttl: '30d', idleTtl: '7d', grace: '10s' },
  purge: { interval: '0s', retention: '2d', batchSize: 3 },
};

/** How a session comes to its end; afterwards it is that time. */
const deaths: { end: string; die: (context: AuthContext, session: Session) => Promise<unknown> }[] = [
  { end: 'revoked', die: ({ service }, { sessionId }) => service.revoke(sessionId, 'logout') },
  { end: 'idle', die: async ({ clock }) => clock.advance(7 * DAY) },
  {
    end: 'past its absolute end',
    die: async ({ service, clock }, { refreshToken }) => {
      for (let day = 0; day < 30; day += 6) {
        clock.advance(6 * DAY);
        if (day < 24) ({ refreshToken } = await service.refresh(refreshToken));
      }
    },
  },
];

interface Session {
  sessionId: string;
  refreshToken: string;
}

describe('purge', () => {
  onEveryDatabase({ options }, (host) => {
    const exists = ({ sessionId }: Session) =>
      host().dataSource.getRepository(RefreshToken).existsBy({ id: sessionId });

    it.for(deaths)('a session that is $end stays for the retention, and goes right after', async ({ die }) => {
      const { service, clock } = host();
      const session = await service.issue(ALICE);
      await die(host(), session);
      clock.advance(2 * DAY - 1);
      await service.purge();
      expect(await exists(session)).toBe(true);
      clock.advance(1);
      expect(await service.purge()).toBe(1);
      expect(await exists(session)).toBe(false);
    });

    it('a session revoked for reuse still tells reuse from a forgery, the day before it goes', async () => {
      const { service, clock, events } = host();
      const session = await service.issue(ALICE);
      await service.revoke(session.sessionId, 'logout');
      const presentAgain = async () => {
        await expect(service.refresh(session.refreshToken)).rejects.toMatchObject({ code: 'invalid_grant' });
        return events.at(-1)!.reason;
      };
      clock.advance(DAY);
      await service.purge();
      expect(await presentAgain()).toBe('revoked');
      clock.advance(DAY);
      await service.purge();
      expect(await presentAgain()).toBe('unknown_session');
    });

    it('a session that lives is still caught at its reuse after a purge', async () => {
      const { service, clock, events } = host();
      const session = await service.issue(ALICE);
      await service.refresh(session.refreshToken);
      clock.advance(7 * DAY - HOUR);
      await service.purge();
      await expect(service.refresh(session.refreshToken)).rejects.toMatchObject({ code: 'invalid_grant' });
      expect(events.at(-1)).toMatchObject({ type: 'reuse_detected', sessionId: session.sessionId });
    });

    it('goes through more sessions than a batch has, and takes the dead alone', async () => {
      const { service, clock, events } = host();
      clock.advance(60 * DAY);
      await service.purge();
      const dead = await issue(20);
      await service.revokeAllOfUser(ALICE.id, 'logout_all');
      clock.advance(2 * DAY);
      const live = await issue(20);
      expect(await service.purge()).toBe(dead.length);
      expect(events.at(-1)).toMatchObject({ type: 'purged', count: dead.length });
      expect(await service.purge()).toBe(0);
      for (const session of dead) expect(await exists(session)).toBe(false);
      for (const { refreshToken } of live) await expect(service.refresh(refreshToken)).resolves.toBeDefined();
    });

    function issue(count: number): Promise<Session[]> {
      return Promise.all(Array.from({ length: count }, () => host().service.issue(ALICE)));
    }
  });
});
