import { addressOf } from './address.js';
import { headerOf, type HttpRequest } from './http-request.js';

/** From where a request came; told in the session list and in events. */
export interface ClientContext {
  ip?: string | null;
  userAgent?: string | null;
  /** ISO 3166-1, two letters. Found by the option `risk.geoIp`, where it is set. */
  country?: string | null;
}

const LONGEST_USER_AGENT = 512;

/** Of an HTTP request. The address is the one that the host's proxy trust yields. */
export function clientContextOf(request: HttpRequest): Required<Omit<ClientContext, 'country'>> {
  const userAgent = headerOf(request, 'user-agent');
  return {
    ip: addressOf(request.ip ?? ''),
    userAgent: userAgent?.slice(0, LONGEST_USER_AGENT) ?? null,
  };
}
