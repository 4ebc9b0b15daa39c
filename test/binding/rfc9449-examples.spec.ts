import { DpopVerifier } from 'nestjs-refresh-token/binding';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AuthContext, createAuthContext } from '../support/auth-app.js';
import { databaseNamed } from '../support/databases.js';

const HEADER =
  'eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldW' +
  'QVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19';
/** Figure 2, for a token request. */
const AT_TOKEN_ENDPOINT =
  `${HEADER}.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0Ijox` +
  'NTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg';
/** Figure 12, for a protected resource. */
const AT_RESOURCE =
  `${HEADER}.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNv` +
  'dXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71E' +
  'OptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA';
const ACCESS_TOKEN = 'Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU';
/** Figure 9. */
const THUMBPRINT = '0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I';

describe('the examples of RFC 9449', () => {
  let context: AuthContext;
  let verifier: DpopVerifier;

  beforeAll(async () => {
    context = await createAuthContext(await databaseNamed('sqljs').create());
    verifier = context.module.get(DpopVerifier);
    context.clock.time = 1562262617_000;
  });
  afterAll(() => context?.close());

  it('the proof at the token endpoint', async () => {
    const request = { method: 'POST', url: 'https://server.example.com/token' };
    expect((await verifier.verify(AT_TOKEN_ENDPOINT, request)).thumbprint).toBe(THUMBPRINT);
  });

  it('the proof at the resource, for its access token', async () => {
    const request = { method: 'GET', url: 'https://resource.example.org/protectedresource', accessToken: ACCESS_TOKEN };
    expect((await verifier.verify(AT_RESOURCE, request)).thumbprint).toBe(THUMBPRINT);
  });

  it.each([
    ['for another access token', AT_RESOURCE, { accessToken: `${ACCESS_TOKEN}x` }],
    ['of another time', AT_RESOURCE, {}, 1562262617_000 + 3_600_000],
    ['of the token endpoint', AT_TOKEN_ENDPOINT, {}],
  ])('and no proof %s', async (_, proof, changed, time = 1562262617_000) => {
    context.clock.time = time;
    const request = { method: 'GET', url: 'https://resource.example.org/protectedresource', accessToken: ACCESS_TOKEN };
    await expect(verifier.verify(proof, { ...request, ...changed })).rejects.toMatchObject({
      code: 'invalid_dpop_proof',
    });
  });
});
