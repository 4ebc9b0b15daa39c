import { Controller, type MessageEvent, type OnModuleDestroy, Sse } from '@nestjs/common';
import {
  AccessTokenService,
  type AuthEvent,
  AuthEventBus,
  type AuthenticatedUser,
  CurrentUser,
} from 'nestjs-refresh-token';
import { delay, filter, interval, map, merge, Observable, of, Subject, take, takeUntil } from 'rxjs';

/** Milliseconds between heartbeats, so that no proxy closes a silent connection. */
const HEARTBEAT = 20_000;

/** Milliseconds between checks of the listener's access token. */
const LOOK = 1_000;

/** Milliseconds to keep sending after the session has ended, for the events that follow. */
const EPILOGUE = 1_000;

/** Sends the events of the user's own sessions as server-sent events. */
@Controller('story')
export class StoryController implements OnModuleDestroy {
  private readonly stop = new Subject<void>();

  constructor(
    private readonly events: AuthEventBus,
    private readonly accessTokens: AccessTokenService,
  ) {}

  /** A stream would hold the stop of the application. The page connects again, to another instance. */
  onModuleDestroy(): void {
    this.stop.next();
  }

  /**
   * Ends soon after the listener's access token stops being valid: expired, stale, or its session revoked on any
   * instance.
   */
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
    ).pipe(takeUntil(merge(end, this.stop)));
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
