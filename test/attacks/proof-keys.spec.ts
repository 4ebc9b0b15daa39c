import { createPrivateKey, generateKeyPairSync, type JsonWebKey, randomUUID, sign } from 'node:crypto';
import { DpopVerifier } from 'nestjs-refresh-token/binding';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AuthContext, createAuthContext } from '../support/auth-app.js';
import { databaseNamed } from '../support/databases.js';
import { generateProofKey, hashOf } from '../support/dpop.js';

const REQUEST = { method: 'POST', url: 'https://app.example/auth/refresh' };

const numberOf = (text: string) => BigInt(`0x${Buffer.from(text, 'base64url').toString('hex')}`);

function textOf(number: bigint): string {
  const digits = number.toString(16);
  return Buffer.from(digits.padStart(digits.length + (digits.length % 2), '0'), 'hex').toString('base64url');
}

/** The inverse of `number`, or `undefined` if there is none. */
function inverse(number: bigint, modulus: bigint): bigint | undefined {
  let [rest, next] = [modulus, number % modulus];
  let [factor, nextFactor] = [0n, 1n];
  while (next !== 0n) {
    const quotient = rest / next;
    [rest, next] = [next, rest - quotient * next];
    [factor, nextFactor] = [nextFactor, factor - quotient * nextFactor];
  }
  return rest === 1n ? ((factor % modulus) + modulus) % modulus : undefined;
}

/** A working RSA key, whose public exponent is the first possible one from `exponent` on. */
function rsaKey(modulusLength: number, exponent: bigint): JsonWebKey {
  const jwk = generateKeyPairSync('rsa', { modulusLength }).privateKey.export({ format: 'jwk' });
  const [p, q] = [numberOf(jwk.p!) - 1n, numberOf(jwk.q!) - 1n];
  for (let e = exponent; ; e += 2n) {
    const d = inverse(e, p * q);
    if (d !== undefined) return { ...jwk, e: textOf(e), d: textOf(d), dp: textOf(d % p), dq: textOf(d % q) };
  }
}

describe('the key of a proof', () => {
  const ordinary = rsaKey(2048, 65537n);
  let context: AuthContext;
  beforeAll(async () => {
    context = await createAuthContext(await databaseNamed('sqljs').create());
  });
  afterAll(() => context?.close());

  const verified = (proof: string) => context.module.get(DpopVerifier).verify(proof, REQUEST);
  const refusal = { code: 'invalid_dpop_proof' };

  const encoded = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url');
  const claims = () => ({
    jti: randomUUID(),
    htm: REQUEST.method,
    htu: REQUEST.url,
    iat: Math.floor(context.clock.now() / 1000),
  });

  /** A proof with a valid signature of this key. */
  function proofWith(privateKey: JsonWebKey, shown: JsonWebKey = {}, header: object = {}): string {
    const { kty, n, e } = privateKey;
    const head = encoded({ typ: 'dpop+jwt', alg: 'RS256', jwk: { kty, n, e, ...shown }, ...header });
    const text = `${head}.${encoded(claims())}`;
    const key = createPrivateKey({ key: privateKey, format: 'jwk' });
    return `${text}.${sign('sha256', Buffer.from(text), key).toString('base64url')}`;
  }

  // Every verification costs the server an exponentiation with an exponent of the attacker's choice.
  it.each([
    ['as long as the modulus', 2n ** 2000n + 1n],
    ['just above four bytes', 2n ** 32n + 1n],
  ])('with an RSA exponent %s is refused, although the signature is valid', async (_, exponent) => {
    await expect(verified(proofWith(rsaKey(2048, exponent)))).rejects.toMatchObject(refusal);
  });

  // The attacker hides the length of the exponent or the modulus, or makes reading it the costly part.
  it.each([
    ['an exponent of 1', { e: 'AQ' }],
    ['an even exponent', { e: 'AQAA' }],
    ['an exponent of 0', { e: 'AA' }],
    ['no exponent', { e: '' }],
    ['an exponent that is no text', { e: 65537 as never }],
    ['a modulus of 30,000 bits', { n: Buffer.alloc(3750, 255).toString('base64url') }],
    ['an exponent of 30,000 bits', { e: Buffer.alloc(3750, 255).toString('base64url') }],
    ['an even modulus', { n: Buffer.alloc(256, 254).toString('base64url') }],
    ['a modulus of zeros', { n: Buffer.alloc(256).toString('base64url') }],
  ])('with %s is refused', async (_, shown) => {
    await expect(verified(proofWith(ordinary, shown))).rejects.toMatchObject(refusal);
  });

  it.each([1024, 2040, 4104])(
    'with an RSA modulus of %d bits is refused, although the signature is valid',
    async (bits) => {
      await expect(verified(proofWith(rsaKey(bits, 65537n)))).rejects.toMatchObject(refusal);
    },
  );

  it.each([
    [2048, 3n],
    [2048, 65537n],
    [3072, 2n ** 31n + 1n],
    [4096, 65537n],
  ])('is accepted with an RSA modulus of %d bits and an exponent from %d on', async (bits, exponent) => {
    const key = rsaKey(bits, exponent);
    const { thumbprint } = await verified(proofWith(key));
    expect(thumbprint).toBe(hashOf(`{"e":"${key.e}","kty":"RSA","n":"${key.n}"}`));
  });

  // A thief of one proof writes it in a second way, to pass for a proof that has not been used.
  it('signs one text only: no other spelling of the proof is accepted', async () => {
    const proof = proofWith(ordinary);
    const [header, payload, signature] = proof.split('.');
    const unused = `${signature.slice(0, -1)}${String.fromCharCode(signature.charCodeAt(signature.length - 1) + 1)}`;
    expect(Buffer.from(unused, 'base64url')).toEqual(Buffer.from(signature, 'base64url'));
    const spellings = [
      `${proof}=`,
      `${proof}==`,
      `${proof} `,
      `${proof}\n`,
      `${proof}.`,
      ` ${proof}`,
      `${header}=.${payload}.${signature}`,
      `${header}.${payload}=.${signature}`,
      `${header}.${payload}.${signature.slice(0, 4)}\n${signature.slice(4)}`,
      `${header}.${payload}.${unused}`,
    ];
    for (const spelling of spellings) await expect(verified(spelling), spelling).rejects.toMatchObject(refusal);
    await verified(proof);
  });

  // The attacker asks for an extension that a verifier which ignores it would get wrong (RFC 7797 §6).
  it.each([
    ['crit', { crit: ['b64'], b64: true }],
    ['an unencoded payload', { crit: ['b64'], b64: false }],
    ['an empty crit', { crit: [] }],
    ['a crit that is null', { crit: null }],
  ])('in a header with %s is refused', async (_, header) => {
    await expect(verified(proofWith(ordinary, {}, header))).rejects.toMatchObject(refusal);
  });

  // The attacker has the signature of a key in one algorithm verified in another one.
  it.each(['PS256', 'RS512', 'ES256', 'EdDSA', 'none', 'HS256', '__proto__', 'constructor'])(
    'for RS256 is not one for %s',
    async (alg) => {
      await expect(verified(proofWith(ordinary, {}, { alg }))).rejects.toMatchObject(refusal);
    },
  );

  // A point that is not on the curve gives away, or accepts, what a real key would not.
  it.each([
    ['whose point is not on the curve', (jwk: JsonWebKey) => ({ ...jwk, y: jwk.x })],
    ['that is the point at infinity', (jwk: JsonWebKey) => ({ ...jwk, x: 'AA', y: 'AA' })],
    ['of another curve', (jwk: JsonWebKey) => ({ ...jwk, crv: 'P-384' })],
    ['of a curve that WebCrypto does not know', (jwk: JsonWebKey) => ({ ...jwk, crv: 'secp256k1' })],
    ['with a private member', (jwk: JsonWebKey) => ({ ...jwk, d: null })],
    ['that may not verify', (jwk: JsonWebKey) => ({ ...jwk, key_ops: ['sign'] })],
  ])('%s is refused', async (_, change) => {
    const { jwk } = await generateProofKey();
    const head = encoded({ typ: 'dpop+jwt', alg: 'ES256', jwk: change(jwk as JsonWebKey) });
    for (const signature of [Buffer.alloc(64), Buffer.alloc(64, 1)]) {
      const proof = `${head}.${encoded(claims())}.${signature.toString('base64url')}`;
      await expect(verified(proof)).rejects.toMatchObject(refusal);
    }
  });
});
