import { type AuthUser, Clock } from 'nestjs-refresh-token';
import type { OnTooManySessions } from '../../src/auth/session/session-options.js';
import { beforeAll, describe, expect, it } from 'vitest';
import type { AuthApp } from '../support/auth-app.js';
import { login, refresh } from '../support/http.js';
import { caughtUp, newUser, onServers, verdict } from '../support/instances.js';

const LIMIT = 3;
const SIGN_INS = 10;
const ROUNDS = LIMIT + 2;

onServers(`${SIGN_INS} sign-ins of one user at once, at two instances, with room for ${LIMIT}`, (instances) => {
  describe.for(['refuse', 'end_oldest', 'end_longest_idle'] satisfies OnTooManySessions[])(
    'with %s',
    (onTooManySessions) => {
      let apps: AuthApp[];
      beforeAll(async () => {
        apps = [];
        for (let started = 0; started < 2; started++) {
          const app = await instances.listen({
            clock: new Clock(),
            // With a single connection each, a request that holds one and waits for a second would wait for ever.
            dataSource: { poolSize: 1 },
            options: { refreshToken: { maxSessionsPerUser: LIMIT, onTooManySessions } },
          });
          // As in a real host, the user provider takes a connection too.
          const { loadUser } = app.users;
          app.users.loadUser = async (id) => {
            await app.dataSource.query('SELECT 1');
            return loadUser(id);
          };
          apps.push(app);
        }
      });

      const signIn = (turn: number, { id }: AuthUser) =>
        login(apps[turn % 2].url, { username: id, password: `${id}-password`, transport: 'body' });

      it.for(Array.from({ length: ROUNDS }, (_, round) => round))(
        'leaves that many alive (round %i)',
        async (before) => {
          const user = newUser(apps);
          // The user may have some sessions already, as many as there is room for, or none.
          const first = [];
          for (let begun = 0; begun < before % (LIMIT + 1); begun++) first.push(await signIn(begun, user));
          const room = LIMIT - first.length;

          const answers = await Promise.all(Array.from({ length: SIGN_INS }, (_, turn) => signIn(turn, user)));
          const admitted = [...first, ...answers].filter(({ status }) => status === 200);
          const refused = answers.filter(({ status }) => status !== 200);
          expect(await apps[0].service.list(user.id)).toHaveLength(LIMIT);

          if (onTooManySessions === 'refuse') {
            expect(refused).toHaveLength(SIGN_INS - room);
            for (const answer of refused)
              expect(answer).toMatchObject({ status: 403, body: { error: 'session_limit' } });
          } else {
            expect(refused).toEqual([]);
          }
          await caughtUp(...apps);
          const accepted = admitted.filter(({ body }) => verdict(apps[0], body.access_token) === 'accepted');
          expect(accepted).toHaveLength(LIMIT);
          expect(admitted.filter(({ body }) => verdict(apps[1], body.access_token) === 'accepted')).toEqual(accepted);
          for (const { body } of accepted) {
            expect(await refresh(apps[1].url, body.refresh_token)).toMatchObject({ status: 200 });
          }
        },
      );
    },
  );
});
