import { createHmac, type KeyObject, randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { equalInConstantTime } from '../common/crypto/equal-in-constant-time.js';
import { KeyRing } from '../common/crypto/key-ring.js';
import type { HttpRequest } from '../common/request/http-request.js';
import { LONGEST_MAX_AGE, readCookie, serializeCookie } from './cookie-header.js';
import { CookieConfig } from './cookie-options.js';
import { isSameSite } from './cross-site.js';

/** Accounts that one browser remembers. */
const MOST_ENTRIES = 8;
/** Bytes of a device id, and of its signature. */
const BYTES = 16;
/** Characters of either in base64url. */
const LENGTH = 22;
const ENTRY = new RegExp(`^[\\w-]{${2 * LENGTH}}$`);

/**
 * Recognises devices that have signed in to an account before, by a cookie (OWASP, "Slow Down Online Guessing Attacks with
 * Device Cookies"). The cookie authenticates nobody. It only gives its device its own allowance of failed logins.
 */
@Injectable()
export class KnownDevices {
  constructor(
    private readonly keys: KeyRing,
    private readonly config: CookieConfig,
  ) {}

  /**
   * The id of the device, if it has signed in with exactly this username before. Requests of other sites have no device,
   * because such a page could make a browser sign in.
   */
  find(request: HttpRequest, username: string): string | undefined {
    if (!this.isOwn(request)) return undefined;
    return this.entries(request)
      .find((entry) => this.isOf(username, entry))
      ?.slice(0, LENGTH);
  }

  /** The `Set-Cookie` headers after a sign-in. The device keeps its id of the account. */
  remember(request: HttpRequest, username: string): string[] {
    if (!this.isOwn(request)) return [];
    const known = this.find(request, username);
    const device = known ?? randomBytes(BYTES).toString('base64url');
    const others = this.entries(request).filter((entry) => !this.isOf(username, entry));
    const entries = [device + sign(this.keys.current.knownDevice, device, username), ...others];
    const value = entries.slice(0, MOST_ENTRIES).join('.');
    return [serializeCookie(this.config, this.config.deviceName, value, LONGEST_MAX_AGE)];
  }

  private isOwn(request: HttpRequest): boolean {
    return isSameSite(request, this.config.allowedOrigins);
  }

  private entries(request: HttpRequest): string[] {
    const given = readCookie(request, this.config.deviceName)?.split('.', MOST_ENTRIES) ?? [];
    return given.filter((entry) => ENTRY.test(entry));
  }

  private isOf(username: string, entry: string): boolean {
    const [device, signature] = [entry.slice(0, LENGTH), entry.slice(LENGTH)];
    return this.keys.all.some(({ knownDevice }) => equalInConstantTime(sign(knownDevice, device, username), signature));
  }
}

function sign(key: KeyObject, device: string, username: string): string {
  const signature = createHmac('sha256', key).update(device).update(username).digest();
  return signature.subarray(0, BYTES).toString('base64url');
}
