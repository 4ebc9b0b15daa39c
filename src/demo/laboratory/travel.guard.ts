import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { parseCookie } from 'cookie';
import { ADDRESSES } from './sample-addresses.js';

export const TRAVEL_COOKIE = '__Host-laboratory_country';

/**
 * Changes the request's IP address to the country that the visitor has chosen in the laboratory. It lets every request
 * pass.
 */
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
