import { createHmac, randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { KeyRing } from '../common/crypto/key-ring.js';
import type { HttpRequest } from '../common/request/http-request.js';
import { RefreshTokenConfig } from '../session/session-options.js';
import { CookieConfig } from './cookie-options.js';
import { LONGEST_MAX_AGE, readCookie, serializeCookie } from './cookie-header.js';

/** Of an id, in base64url: 22 characters. */
const BYTES = 16;
const ID = /^[\w-]{22}$/;

/**
 * A random id of the browser, for `refreshToken.onNewDevice`. It authenticates nobody: it only tells one browser from
 * another of the same kind. So it is at most `SameSite=Lax`, and comes along after the redirect of an identity provider, too.
 */
@Injectable()
export class DeviceIdCookie {
  constructor(
    private readonly keys: KeyRing,
    private readonly cookieConfig: CookieConfig,
    private readonly config: RefreshTokenConfig,
  ) {}

  /**
   * The id of the browser, or a new one. A retry of the same sign-in gets the same new one. `undefined` if nobody wants to
   * know of new devices.
   */
  of(request: HttpRequest, idempotencyKey: string | undefined): string | undefined {
    if (this.config.onNewDevice === false) return undefined;
    const known = readCookie(request, this.cookieConfig.deviceIdName);
    if (known !== undefined && ID.test(known)) return known;
    if (idempotencyKey === undefined) return randomBytes(BYTES).toString('base64url');
    const { knownDevice } = this.keys.current;
    const id = createHmac('sha256', knownDevice)
      .update(JSON.stringify(['device id', idempotencyKey]))
      .digest();
    return id.subarray(0, BYTES).toString('base64url');
  }

  /** The `Set-Cookie` headers after a sign-in. */
  setCookies(id: string | undefined): string[] {
    if (id === undefined) return [];
    const { sameSite, deviceIdName } = this.cookieConfig;
    const config = { ...this.cookieConfig, sameSite: sameSite === 'strict' ? ('lax' as const) : sameSite };
    return [serializeCookie(config, deviceIdName, id, LONGEST_MAX_AGE)];
  }
}
