import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { parseCookie } from 'cookie';
import { ADDRESSES } from './sample-addresses.js';

export const TRAVEL_COOKIE = '__Host-laboratory_country';

/** Lets the visitor's requests come from the country that they have chosen in the laboratory. It stops nobody. */
@Injectable()
export class TravelGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<{ headers: { cookie?: string } }>();
    const country = parseCookie(request.headers.cookie ?? '')[TRAVEL_COOKIE];
    const address = country === undefined ? undefined : ADDRESSES[country];
    if (address !== undefined) Object.defineProperty(request, 'ip', { value: address });
    return true;
  }
}
