import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AuthApp, createAuthApp } from '../support/auth-app.js';
import { databaseNamed } from '../support/databases.js';
import { login } from '../support/http.js';
import { generateIdentity, type Identity } from '../support/tls.js';

const ALICE = { username: 'alice', password: 'alice-password', transport: 'body', bind: 'tls' } as const;

describe('X-Forwarded-Client-Cert of a trusted proxy', () => {
  let app: AuthApp;
  let alice: Identity;
  let mallory: Identity;
  beforeAll(async () => {
    [alice, mallory] = await Promise.all(['alice', 'mallory'].map(generateIdentity));
    app = await createAuthApp('fastify', await databaseNamed('sqljs').create(), {
      options: { binding: { tls: { trustedProxies: ['127.0.0.1'] } } },
    });
  });
  afterAll(() => app?.close());

  /** To whose certificate a login with this header is bound. */
  async function boundBy(header: string): Promise<string | null> {
    const { status, body } = await login(app.url, ALICE, { 'x-forwarded-client-cert': header });
    if (status !== 200) return null;
    const [row] = await app.dataSource.query(
      'SELECT certificate_thumbprint AS bound FROM refresh_tokens WHERE id = ?',
      [body.session_id],
    );
    return row.bound;
  }
  const hashOf = ({ thumbprint }: Identity) => Buffer.from(thumbprint, 'base64url').toString('hex');
  const certOf = ({ cert }: Identity) => encodeURIComponent(cert);
  const derOf = ({ cert }: Identity) => Buffer.from(cert.replace(/-----[^-]+-----/g, ''), 'base64');

  it('names the client of the nearest proxy, whatever the client has sent before it', async () => {
    expect(await boundBy(`Hash=${hashOf(mallory)},By=x;Hash=${hashOf(alice)}`)).toBe(alice.thumbprint);
    expect(await boundBy(`Cert="${certOf(mallory)}",By=x;Hash=${hashOf(alice)}`)).toBe(alice.thumbprint);
    expect(await boundBy(`By=x;Subject="/CN=a,b;c";Hash=${hashOf(alice)}`)).toBe(alice.thumbprint);
  });

  it.each<[string, () => string]>([
    ['is empty', () => ''],
    ['says nothing of the client', () => 'By=spiffe://inside'],
    ['has an invalid hash', () => 'Hash=abc'],
    ['has an invalid certificate', () => 'Cert="-----BEGIN%20CERTIFICATE-----"'],
    ['cannot be decoded', () => 'Cert="%E0%A4%A"'],
    ['is a PEM that cannot be decoded', () => '-----BEGIN%E0%A4%A'],
    ['has a quote that does not end', () => `Cert="${certOf(alice)}`],
    [
      'has a quote that does not end before the proxy’s own part',
      () => `Cert="${certOf(mallory)}";Foo=",By=x;Hash=${hashOf(alice)}`,
    ],
    ['is nonsense', () => '=;,"'],
    ['is no base64', () => ':####:'],
    ['has a PEM before what the proxy adds', () => `${certOf(mallory)}%0A,By=x;Hash=${hashOf(alice)}`],
    ['is two PEMs', () => `${certOf(mallory)}, ${certOf(alice)}`],
    ['is two PEMs in one', () => `${certOf(mallory)}%0A${certOf(alice)}`],
    [
      'is DER with something after it',
      () => `:${Buffer.concat([derOf(mallory), Buffer.from('x')]).toString('base64')}:`,
    ],
    ['has DER before what the proxy adds', () => `:${derOf(mallory).toString('base64')}:,By=x;Hash=${hashOf(alice)}`],
  ])('binds nobody where it %s', async (_, header) => {
    expect(await boundBy(header())).toBeNull();
  });

  it('whatever the client puts before it, it is never bound to a certificate of its choice', async () => {
    const piece = fc.constantFrom(
      certOf(mallory),
      '%0A',
      `:${derOf(mallory).toString('base64')}:`,
      'Hash=',
      `Hash=${'a'.repeat(64)}`,
      'Cert=',
      '"',
      '\\',
      ';',
      ',',
      '=',
      'By=x',
      ' ',
      `Cert="${certOf(mallory)}"`,
      'URI=""',
      'Subject="',
    );
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 8 }), async (pieces) => {
        const bound = await boundBy(
          `${pieces.join('')},By=spiffe://inside;Hash=${hashOf(alice)};Subject="CN=alice";URI=`,
        );
        expect([alice.thumbprint, null]).toContain(bound);
      }),
      { numRuns: 300 },
    );
  });
});
