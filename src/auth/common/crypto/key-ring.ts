import { createSecretKey, hkdfSync, type KeyObject } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { AuthConfigurationError } from '../errors/auth-error.js';
import { secretsOf, type SecretOption } from './secret-option.js';

/** Bytes of a key id. With 3 bytes a refresh token is a multiple of three bytes, so base64url has no unused bits. */
export const KEY_ID_BYTES = 3;

/** The keys derived from one configured secret, one key per purpose. */
export interface Keys {
  /** Identifies the secret in tokens and rows, without revealing it. */
  readonly id: string;
  /** Authenticates refresh tokens before any I/O. */
  readonly tag: KeyObject;
  /** Keys the hash that the row stores. */
  readonly hash: KeyObject;
  /** Makes the voucher of a refresh token. */
  readonly voucher: KeyObject;
  /** Signs access tokens. */
  readonly accessToken: KeyObject;
  /** Hashes the device signals. */
  readonly fingerprint: KeyObject;
  /** Hashes the version of the user's credentials. */
  readonly credentials: KeyObject;
  /** Makes the DPoP nonces. */
  readonly dpopNonce: KeyObject;
  /** Hashes the names of accounts in events. */
  readonly account: KeyObject;
  /** Signs the entries of the device cookie. */
  readonly knownDevice: KeyObject;
  /** Encrypts what a sign-in needs for its second step. */
  readonly mfaTicket: KeyObject;
}

/**
 * All keys, derived once. The first secret makes new tokens. The others only verify older tokens, so that a secret can
 * be rotated without logging anyone out.
 */
@Injectable()
export class KeyRing {
  readonly current: Keys;
  readonly all: readonly Keys[];
  private readonly byId: ReadonlyMap<string, Keys>;

  /** @param name the name of the `AuthModule` */
  constructor(secret: SecretOption | undefined, name: string | undefined) {
    this.all = secretsOf(secret).map((secret) => deriveKeys(secret, name));
    this.current = this.all[0];
    this.byId = new Map(this.all.map((keys) => [keys.id, keys]));
    if (this.byId.size < this.all.length) {
      throw new AuthConfigurationError('secret: the same secret is configured twice. Remove one.');
    }
  }

  find(id: string): Keys | undefined {
    return this.byId.get(id);
  }
}

/** HKDF (RFC 5869) with one label per purpose and per name. So the tokens of two `AuthModule`s share no key. */
function deriveKeys(secret: Buffer, name: string | undefined): Keys {
  const label = name === undefined ? 'nestjs-refresh-token/1' : `nestjs-refresh-token/1/of ${name}`;
  const derive = (purpose: string, bytes: number) =>
    Buffer.from(hkdfSync('sha256', secret, '', `${label}/${purpose}`, bytes));
  const key = (purpose: string) => createSecretKey(derive(purpose, 32));
  return {
    id: derive('key-id', KEY_ID_BYTES).toString('base64url'),
    tag: key('tag'),
    hash: key('hash'),
    voucher: key('voucher'),
    accessToken: key('access-token'),
    fingerprint: key('fingerprint'),
    credentials: key('credentials'),
    dpopNonce: key('dpop-nonce'),
    account: key('account'),
    knownDevice: key('known-device'),
    mfaTicket: key('mfa-ticket'),
  };
}
