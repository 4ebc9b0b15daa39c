import { Controller, type MessageEvent, Sse } from '@nestjs/common';
import { type AuthEvent, AuthEventBus, type AuthenticatedUser, CurrentUser } from 'nestjs-refresh-token';
import { interval, map, merge, Observable, of } from 'rxjs';

/** Milliseconds between heartbeats, so that no proxy closes a silent connection. */
const HEARTBEAT = 20_000;

/** Sends the events of the user's own sessions as server-sent events. The guard ends the stream with its session. */
@Controller('story')
export class StoryController {
  constructor(private readonly events: AuthEventBus) {}

  @Sse()
  story(@CurrentUser() user: AuthenticatedUser): Observable<MessageEvent> {
    const own = new Observable<AuthEvent>((listener) =>
      this.events.subscribe((event) => {
        if (event.userId === user.id) listener.next(event);
      }),
    );
    return merge(
      of({ type: 'begun', data: { at: Date.now() } }),
      own.pipe(map((event) => ({ type: 'happened', data: event }))),
      interval(HEARTBEAT).pipe(map(() => ({ type: 'alive', data: '' }))),
    );
  }
}
