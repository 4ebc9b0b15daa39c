import { addressOf } from './address.js';
import { headerOf, type HttpRequest } from './http-request.js';

/** The origin of a request, for the session list and for events. */
export interface ClientContext {
  ip?: string | null;
  userAgent?: string | null;
  /** ISO 3166-1, two letters. Set if the option `risk.geoIp` is configured. */
  country?: string | null;
}

const LONGEST_USER_AGENT = 512;

/** Reads the context of an HTTP request. The address depends on the proxy trust of the host. */
export function clientContextOf(request: HttpRequest): Required<Omit<ClientContext, 'country'>> {
  const userAgent = headerOf(request, 'user-agent');
  return {
    ip: addressOf(request.ip ?? ''),
    userAgent: userAgent?.slice(0, LONGEST_USER_AGENT) ?? null,
  };
}
