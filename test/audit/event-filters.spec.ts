import { AuthEventBus, AuthEventLog, type AuthEventQuery } from 'nestjs-refresh-token';
import { beforeAll, describe, expect, it } from 'vitest';
import { onEveryDatabase } from '../support/every-database.js';

const options = { audit: { store: true, flushInterval: '10ms' } };
const MINUTE = 60_000;
/** The time in the id of an event has 48 bits. */
const LATEST = 2 ** 48 - 1;
const SESSION = '0b9f0a52-6e4c-4c5e-9d0f-3f1f0c1a2b3d';

describe('the events of all users', () => {
  onEveryDatabase({ options }, (host) => {
    let start: number;
    let log: AuthEventLog;
    beforeAll(() => {
      const { clock, module } = host();
      start = clock.now();
      log = module.get(AuthEventLog);
      const events = module.get(AuthEventBus);
      const at = (minute: number, event: Parameters<AuthEventBus['publish']>[0]) => {
        clock.time = start + minute * MINUTE;
        events.publish(event);
      };
      at(0, { type: 'signed_in', userId: 'user-alice', sessionId: SESSION, ip: '192.0.2.1' });
      at(1, { type: 'sign_in_failed', ip: '192.0.2.9', account: 'a'.repeat(22) });
      at(2, { type: 'sign_in_failed', ip: '2001:db8::1', account: 'b'.repeat(22) });
      at(3, { type: 'refreshed', userId: 'user-alice', sessionId: SESSION, ip: '192.0.2.1' });
      at(4, { type: 'reuse_detected', alert: true, userId: 'user-alice', sessionId: SESSION, ip: '192.0.2.9' });
      at(5, { type: 'revoked', userId: 'user-bob', actor: 'user-admin', count: 2 });
      at(6, { type: 'signed_in', userId: 'USER-BOB', ip: '192.0.2.1', alert: true });
    });

    /** The minutes of the events. */
    const found = async (query: AuthEventQuery) => (await log.find(query)).map(({ at }) => (at - start) / MINUTE);
    const minute = (number: number) => start + number * MINUTE;

    it.each<[AuthEventQuery | (() => AuthEventQuery), number[]]>([
      [{}, [6, 5, 4, 3, 2, 1, 0]],
      [{ type: 'sign_in_failed' }, [2, 1]],
      [{ type: ['reuse_detected', 'revoked', 'purged'] }, [5, 4]],
      [{ type: 'purged' }, []],
      [{ ip: '192.0.2.9' }, [4, 1]],
      [{ ip: '::ffff:192.0.2.9' }, [4, 1]],
      [{ ip: '2001:DB8:0:0:0:0:0:1' }, [2]],
      [{ ip: '[2001:db8::1]:443' }, [2]],
      [{ ip: '192.0.2.9', type: 'sign_in_failed' }, [1]],
      [{ outcome: 'revoked' }, [5, 4]],
      [{ outcome: 'alert' }, [6]],
      [{ userId: 'user-bob' }, [5]],
      [{ sessionId: SESSION.toUpperCase(), outcome: 'success' }, [3, 0]],
      [{ accountHash: 'b'.repeat(22) }, [2]],
      [{ account: 'alice' }, []],
      [{ account: 'alice', accountHash: 'b'.repeat(22) }, []],
      [{ actor: 'user-admin' }, [5]],
      [() => ({ since: minute(2), until: minute(5) }), [4, 3, 2]],
      [() => ({ since: new Date(minute(5)) }), [6, 5]],
      [() => ({ until: new Date(minute(1)) }), [0]],
      [() => ({ since: minute(5), until: minute(2) }), []],
      [() => ({ since: minute(6), until: LATEST }), [6]],
      [{ since: LATEST }, []],
      [{ since: LATEST + 1 }, []],
      [() => ({ since: minute(6), until: Number.MAX_SAFE_INTEGER }), [6]],
      [() => ({ since: minute(6), until: new Date(8_640_000_000_000_000) }), [6]],
      [() => ({ since: minute(1), type: ['signed_in', 'sign_in_failed'], limit: 2 }), [6, 2]],
      [{ withoutRecentRefreshes: true, userId: 'user-alice' }, [4, 0]],
      [{ type: undefined, ip: undefined, limit: undefined }, [6, 5, 4, 3, 2, 1, 0]],
    ])('%o', async (query, minutes) => {
      expect(await found(typeof query === 'function' ? query() : query)).toEqual(minutes);
    });

    it('come in pages, also with filters and an end', async () => {
      const query: AuthEventQuery = { type: ['signed_in', 'sign_in_failed'], until: minute(6), limit: 1 };
      const minutes: number[] = [];
      for (let before: string | undefined; ;) {
        const [event] = await log.find({ ...query, before });
        if (!event) break;
        minutes.push((event.at - start) / MINUTE);
        before = event.id;
      }
      expect(minutes).toEqual([2, 1, 0]);
    });

    it.each<[string, object]>([
      ['type', { type: '' }],
      ['type', { type: [] }],
      ['type', { type: ["signed_in' OR 1=1"] }],
      ['type', { type: { $ne: 1 } }],
      ['ip', { ip: 'localhost' }],
      ['ip', { ip: '192.0.2.0/24' }],
      ['ip', { ip: ['192.0.2.1'] }],
      ['outcome', { outcome: 'failure' }],
      ['userId', { userId: '' }],
      ['userId', { userId: null }],
      ['userId', { userId: 'a\0' }],
      ['sessionId', { sessionId: 'x' }],
      ['account', { account: 7 }],
      ['since', { since: 1_767_225_600 }],
      ['since', { since: '2026-01-01' }],
      ['until', { until: new Date('never') }],
      ['until', { until: Number.MAX_SAFE_INTEGER + 1 }],
      ['before', { before: 'x' }],
      ['limit', { limit: Number.NaN }],
      ['limit', { limit: '5' }],
      ['withoutRecentRefreshes', { withoutRecentRefreshes: 'false' }],
    ])('an invalid %s is refused, and named: %o', async (name, query) => {
      await expect(log.find(query)).rejects.toMatchObject({
        code: 'invalid_request',
        message: expect.stringContaining(`Not valid: ${name}.`),
      });
    });

    it.each([
      [
        '203.0.113.5',
        '203.0.113.5',
        '::ffff:203.0.113.5',
        '::FFFF:cb00:7105',
        '0:0:0:0:0:ffff:203.0.113.5',
        '[::ffff:203.0.113.5]:80',
      ],
      ['2001:db8::5', '2001:db8::5', '2001:DB8:0:0:0:0:0:5', '2001:0db8::0005', '[2001:db8::5]:443'],
    ])('an address is stored as %s, and found by each of its spellings', async (address, ...spellings) => {
      const events = host().module.get(AuthEventBus);
      for (const ip of spellings) events.publish({ type: 'signed_in', ip });
      for (const ip of spellings)
        expect((await log.find({ ip })).map((event) => event.ip)).toEqual(spellings.map(() => address));
    });

    it('a text that is no address is stored as it is, up to the length of the column', async () => {
      const ip = 'unix:'.padEnd(60, 'x');
      host().module.get(AuthEventBus).publish({ type: 'signed_in', userId: 'user-carol', ip });
      expect(await log.find({ userId: 'user-carol' })).toMatchObject([{ ip: ip.slice(0, 45) }]);
    });

    it('an unknown filter is refused, so a typing error does not find everything', async () => {
      const query = { usrId: 'user-alice' } as AuthEventQuery;
      await expect(log.find(query)).rejects.toMatchObject({ code: 'invalid_request' });
    });

    it('are not given to a caller of ofUser without a user', async () => {
      const nobody = undefined as unknown as string;
      await expect(log.ofUser(nobody)).rejects.toMatchObject({ code: 'invalid_request' });
      const tricked = { userId: 'user-bob' } as object;
      expect((await log.ofUser('user-alice', tricked)).every(({ userId }) => userId === 'user-alice')).toBe(true);
    });
  });
});
