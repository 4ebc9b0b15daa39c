import { setTimeout as sleep } from 'node:timers/promises';
import { describe, it } from 'vitest';
import { refresh } from '../support/http.js';
import { INVALID_GRANT, onTwoServers, type TwoServers } from '../support/two-servers.js';

/** Milliseconds. */
const GRACE = 500;
/** Long outside the window: a server that stood still for a moment measures from the beginning of that. */
const PAUSE = 4_000;

/** Who refreshes, one after the other, each outside the window of the one before; the last of them is the crossing. */
const cases: { order: string; steps: ('thief' | 'victim')[] }[] = [
  { order: 'the thief first', steps: ['thief', 'victim'] },
  { order: 'the victim first', steps: ['victim', 'thief'] },
  { order: 'the thief several times first', steps: ['thief', 'thief', 'thief', 'victim'] },
  { order: 'the victim several times first', steps: ['victim', 'victim', 'victim', 'thief'] },
];

describe('a stolen token, outside the window', () => {
  onTwoServers({ REFRESH_GRACE: `${GRACE}ms` }, define, { concurrent: true });

  function define(service: TwoServers): void {
    it.for(cases)('$order: the first crossing ends the session', async ({ steps }, { expect }) => {
      const [session, otherDevice] = await service.issue(2);
      const held = { thief: session.refreshToken, victim: session.refreshToken };
      const crossing = steps.length - 1;

      for (const [turn, who] of steps.entries()) {
        const answer = await refresh(service.url(turn), held[who]);
        if (turn === crossing) expect(answer).toMatchObject(INVALID_GRANT);
        else expect(answer.status).toBe(200);
        held[who] = answer.body.refresh_token ?? held[who];
        if (turn < crossing) await sleep(PAUSE);
      }

      for (const token of Object.values(held)) {
        for (const turn of [0, 1]) expect(await refresh(service.url(turn), token)).toMatchObject(INVALID_GRANT);
      }
      expect(await refresh(service.url(0), otherDevice.refreshToken)).toMatchObject({ status: 200 });
    });

    it('thief and victim who go on in turns: the second is refused, and then both always', async ({ expect }) => {
      const [{ refreshToken }] = await service.issue(1);
      const held = { thief: refreshToken, victim: refreshToken };
      const statuses: number[] = [];
      for (const [turn, who] of (['thief', 'victim', 'thief', 'victim'] as const).entries()) {
        const answer = await refresh(service.url(turn), held[who]);
        statuses.push(answer.status);
        held[who] = answer.body.refresh_token ?? held[who];
        if (turn === 0) await sleep(PAUSE);
      }
      expect(statuses).toEqual([200, 401, 401, 401]);
    });
  }
});
