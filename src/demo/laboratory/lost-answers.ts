import type { IncomingMessage, ServerResponse } from 'node:http';
import { Injectable, type NestMiddleware } from '@nestjs/common';
import { LRUCache } from 'lru-cache';

/** How many tokens are remembered, and for how many milliseconds. */
const WAITING = { max: 1_000, ttl: 60_000, ttlAutopurge: true };
const HALF_AN_ANSWER =
  'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{"access_token":"';

/**
 * Loses the response to a refresh, as a tunnel does to a train: the server has rotated the token, but the client does
 * not learn of it.
 */
@Injectable()
export class LostAnswers implements NestMiddleware {
  private static readonly tokens = new LRUCache<string, true>(WAITING);

  /** Loses the response to the next refresh with this token. */
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
