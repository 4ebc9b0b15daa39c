import { describe, expect, it } from 'vitest';
import { refresh } from '../support/http.js';
import { onTwoServers } from './two-servers.js';

const ROUNDS = 6;
const PARALLEL = 50;

describe('many refreshes with one token at once', () => {
  onTwoServers({}, (service) => {
    it(`answers all ${PARALLEL} with one and the same successor, which then works`, async () => {
      let [{ refreshToken: token }] = await service.issue(1);
      for (let round = 0; round < ROUNDS; round++) {
        const answers = await service.refreshAtOnce(token, PARALLEL);
        expect(answers.map(({ status }) => status)).toEqual(Array(PARALLEL).fill(200));
        const successors = new Set(answers.map(({ body }) => body.refresh_token));
        expect([...successors]).toEqual([expect.stringMatching(/^nrt_/)]);
        expect(successors).not.toContain(token);

        const next = await refresh(service.url(round), answers[0].body.refresh_token);
        expect(next.status).toBe(200);
        token = next.body.refresh_token;
      }
    });
  });
});
