import { Controller, type MessageEvent, Sse } from '@nestjs/common';
import {
  AccessTokenService,
  type AuthEvent,
  AuthEventBus,
  type AuthenticatedUser,
  CurrentUser,
} from 'nestjs-refresh-token';
import { delay, filter, interval, map, merge, Observable, of, take, takeUntil } from 'rxjs';

/** Milliseconds between signs of life, so that a proxy does not take the silence for the end. */
const HEARTBEAT = 20_000;

/** Milliseconds between looks at whether the listener's access token is still good. */
const LOOK = 1_000;

/** Milliseconds that the story goes on after the session has ended: what follows from that is part of it. */
const EPILOGUE = 1_000;

/** What happens to one's own sessions, as it happens, by server-sent events. */
@Controller('story')
export class StoryController {
  constructor(
    private readonly events: AuthEventBus,
    private readonly accessTokens: AccessTokenService,
  ) {}

  /** Ends with the access token that listens: when it expires, when its session is revoked, here or elsewhere, or stale. */
  @Sse()
  story(@CurrentUser() user: AuthenticatedUser): Observable<MessageEvent> {
    const own = new Observable<AuthEvent>((listener) =>
      this.events.subscribe((event) => {
        if (event.userId === user.id) listener.next(event);
      }),
    );
    const end = interval(LOOK).pipe(
      filter(() => !this.isLive(user)),
      take(1),
      delay(EPILOGUE),
    );
    return merge(
      of({ type: 'begun', data: { at: Date.now() } }),
      own.pipe(map((event) => ({ type: 'happened', data: event }))),
      interval(HEARTBEAT).pipe(map(() => ({ type: 'alive', data: '' }))),
    ).pipe(takeUntil(end));
  }

  private isLive(user: AuthenticatedUser): boolean {
    try {
      this.accessTokens.assertLive(user);
      return true;
    } catch {
      return false;
    }
  }
}
