import type { IncomingMessage, ServerResponse } from 'node:http';
import { Injectable, type NestMiddleware } from '@nestjs/common';
import { LRUCache } from 'lru-cache';

/** How many are waited for, and for how many milliseconds. */
const WAITING = { max: 1_000, ttl: 60_000, ttlAutopurge: true };
const HALF_AN_ANSWER =
  'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{"access_token":"';

/** Loses the answer to a refresh, as a train does in a tunnel: the server has done its work, and nobody hears of it. */
@Injectable()
export class LostAnswers implements NestMiddleware {
  private static readonly tokens = new LRUCache<string, true>(WAITING);

  /** The next refresh with this token. */
  static loseNext(refreshToken: string): void {
    this.tokens.set(refreshToken, true);
  }

  use(request: IncomingMessage, response: ServerResponse, next: () => void): void {
    const cookie = request.headers.cookie ?? '';
    const token = [...LostAnswers.tokens.keys()].find((one) => cookie.includes(one));
    if (token === undefined) return next();
    LostAnswers.tokens.delete(token);
    response.end = (() => {
      request.socket.end(HALF_AN_ANSWER);
      return response;
    }) as typeof response.end;
    next();
  }
}
