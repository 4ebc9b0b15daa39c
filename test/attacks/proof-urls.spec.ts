import { DpopVerifier } from 'nestjs-refresh-token/binding';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AuthContext, createAuthContext } from '../support/auth-app.js';
import { databaseNamed } from '../support/databases.js';
import { generateProofKey, type ProofKey, signProof } from '../support/dpop.js';

const URL_OF_REQUEST = 'https://app.example/auth/refresh';

describe('the htu of a proof', () => {
  let context: AuthContext;
  let key: ProofKey;
  beforeAll(async () => {
    context = await createAuthContext(await databaseNamed('sqljs').create());
    key = await generateProofKey();
  });
  afterAll(() => context?.close());

  const verified = async (htu: string, url = URL_OF_REQUEST) => {
    const proof = await signProof(key, { htm: 'POST', htu, iat: Math.floor(context.clock.now() / 1000) });
    return context.module.get(DpopVerifier).verify(proof, { method: 'POST', url });
  };

  // A server tricks a client into signing a text that does not look like our URL, but that a URL parser reads as ours.
  it.each([
    ['a backslash instead of a slash', 'https://app.example\\auth\\refresh'],
    ['a backslash after the host', 'https://app.example\\@evil.example/auth/refresh'],
    ['backslashes before the host', 'https:\\\\app.example/auth/refresh'],
    ['a backslash in the path', 'https://app.example/auth\\refresh'],
    ['backslashes and dots', 'https://app.example/auth/x\\..\\refresh'],
    ['a backslash in the query', 'https://app.example/auth/refresh?x\\..'],
    ['no slashes', 'https:app.example/auth/refresh'],
    ['three slashes', 'https:///app.example/auth/refresh'],
    ['a line break in the host', 'https://app.exa\nmple/auth/refresh'],
    ['a line break in the path', 'https://app.example/auth/\r\nrefresh'],
    ['a tab in the scheme', 'ht\ttps://app.example/auth/refresh'],
    ['a line break at the end', 'https://app.example/auth/refresh\n'],
    ['a space before it', ' https://app.example/auth/refresh'],
    ['a space after it', 'https://app.example/auth/refresh '],
    ['a NUL after it', 'https://app.example/auth/refresh\0'],
    ['a NUL in the query', 'https://app.example/auth/refresh?\0'],
    ['a name of a user', 'https://app.example@app.example/auth/refresh'],
    ['an empty name of a user', 'https://@app.example/auth/refresh'],
    ['an encoded host', 'https://%61pp.example/auth/refresh'],
    ['a host in wide letters', 'https://ａｐｐ.example/auth/refresh'],
    ['a host with a soft hyphen', 'https://app\u00ad.example/auth/refresh'],
    ['a wide dot in the host', 'https://app。example/auth/refresh'],
    ['a host with a final dot', 'https://app.example./auth/refresh'],
    ['a wide slash', 'https://app.example／auth/refresh'],
    ['dot segments', 'https://app.example/x/../auth/refresh'],
    ['encoded dot segments', 'https://app.example/x/%2e%2E/auth/refresh'],
    ['another URL before it', 'https://evil.example/ https://app.example/auth/refresh'],
    ['a view-source', 'view-source:https://app.example/auth/refresh'],
    ['a blob', 'blob:https://app.example/auth/refresh'],
  ])('with %s is refused', async (_, htu) => {
    await expect(verified(htu)).rejects.toMatchObject({ code: 'invalid_dpop_proof' });
  });

  // The attacker makes the request look as odd as the signed text, for example by its `Host` and its target.
  it.each(['https://app.example/a\\b', 'https://app.example/a b', 'https://app.example/é', 'https://u@app.example/a'])(
    'that equals the URL of an odd request is refused: %s',
    async (url) => {
      await expect(verified(url, url)).rejects.toMatchObject({ code: 'invalid_dpop_proof' });
    },
  );

  it.each([
    ['as it is', URL_OF_REQUEST],
    ['with the default port', 'https://app.example:443/auth/refresh'],
    ['in capitals', 'HTTPS://APP.EXAMPLE/auth/refresh'],
    ['with a query', 'https://app.example/auth/refresh?a=[1]|{2}#c?d'],
    ['with a letter encoded', 'https://app.example/%61uth/refresh'],
  ])('%s is accepted', async (_, htu) => {
    expect((await verified(htu)).thumbprint).toBe(key.thumbprint);
  });

  it.each([
    "https://app.example/a-._~!$&'()*+,;=:@b/%C3%A9",
    'https://app.example/a|b[0]^',
    'https://app.example',
    'http://[::1]:3000/a',
  ])('is accepted for a request to %s', async (url) => {
    expect((await verified(url, url)).thumbprint).toBe(key.thumbprint);
  });
});
