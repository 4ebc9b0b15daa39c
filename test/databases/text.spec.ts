import { describe, expect, it } from 'vitest';
import { onEveryDatabase } from '../support/every-database.js';

const texts: { kind: string; text: string }[] = [
  { kind: 'quotes and comments', text: `O'Brien's "PC" \`x\`; -- DROP TABLE refresh_tokens /* */ \\` },
  { kind: 'placeholders', text: ':id $1 ? ?? :userId %s ${id}' },
  { kind: 'emoji', text: '👩‍👩‍👧‍👦 Küche 🇺🇦 日本語' },
  { kind: 'spaces at both ends', text: '  x  ' },
  { kind: 'nothing', text: '' },
  { kind: '255 characters', text: 'x'.repeat(255) },
  { kind: '255 characters of three bytes', text: '€'.repeat(255) },
  { kind: '255 characters of four bytes', text: '😀'.repeat(255) },
];

/** User ids that this or that collation takes for the same. */
const pairs: [string, string][] = [
  ['alice', 'Alice'],
  ['alice', 'alice '],
  ['alice', ' alice'],
  ['jose', 'josé'],
  ['jos\u00e9', 'jose\u0301'],
  ['strasse', 'straße'],
  ['😀', '😁'],
  ['1', '１'],
  ['a', 'a\u200b'],
  ['x'.repeat(254) + 'y', 'x'.repeat(254) + 'Y'],
];

describe('text', () => {
  onEveryDatabase({}, (host) => {
    it.for(texts)('is stored unchanged: $kind', async ({ text }) => {
      const { service, users } = host();
      const user = { id: `${text.slice(0, 200)}#`, roles: [] };
      users.loadUser = async (id) => (id === user.id ? user : null);
      const client = { userAgent: text };
      const { refreshToken, sessionId } = await service.issue(user, { deviceName: text, clientId: text }, client);
      await service.refresh(refreshToken, client);
      const [session] = await service.list(user.id);
      expect(session).toMatchObject({ id: sessionId, deviceName: text, clientId: text, userAgent: text });
      expect(await service.revokeAllOfUser(user.id, text.slice(0, 64))).toBe(1);
    });

    it.for(pairs)('the user %j is not the user %j', async ([one, other]) => {
      const { service, users } = host();
      users.loadUser = async (id) => ({ id, roles: [] });
      const own = await service.issue({ id: one, roles: [] });
      const foreign = await service.issue({ id: other, roles: [] });
      const idsOf = async (user: string) => (await service.list(user)).map(({ id }) => id);

      expect(await idsOf(one)).toEqual([own.sessionId]);
      expect(await service.revoke(foreign.sessionId, 'ended_by_user', { userId: one })).toBe(false);
      expect(await service.revokeAllOfUser(one, 'logout_all')).toBe(1);
      expect(await idsOf(one)).toEqual([]);
      expect(await idsOf(other)).toEqual([foreign.sessionId]);
      expect(await service.revokeAllOfUser(other, 'logout_all')).toBe(1);
    });
  });
});
