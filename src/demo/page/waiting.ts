import type { AuthClient } from './client.js';
import { byId, onClick } from './dom.js';
import { askToStepUp } from './step-up.js';

/** Milliseconds before the next attempt: the first time, and at most. */
const PAUSE = 1_000;
const LONGEST_PAUSE = 30_000;

const WHY: Record<string, string> = {
  step_up_required: 'The server wants to see your password before your session goes on.',
  region_not_allowed: 'Your session is not to be used from where you are. It is still there when you are back.',
};

/** What stands on the page while there is a session, and the server does not let it go on. */
export class Waiting {
  private pause = PAUSE;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private code: string | undefined;

  constructor(
    client: AuthClient,
    private readonly attempt: () => Promise<void>,
  ) {
    onClick(byId('try-again'), async () => {
      if (this.code === 'step_up_required' && (await askToStepUp(client))) return;
      await attempt();
    });
    addEventListener('online', () => {
      if (this.timer !== undefined) void attempt();
    });
  }

  begin(error: { code?: string; status?: number; retryAfter?: number }): void {
    this.code = error.code;
    const why = error.status === 429 ? 'Too many have asked the server.' : 'The server cannot answer right now.';
    const decided = WHY[error.code ?? ''];
    byId('waiting-why').textContent = decided ?? `${why} It is asked again by and by.`;
    byId('waiting').hidden = false;
    clearTimeout(this.timer);
    this.timer = undefined;
    if (decided) return;
    this.timer = setTimeout(() => void this.attempt(), Math.max(this.pause, error.retryAfter ?? 0));
    this.pause = Math.min(2 * this.pause, LONGEST_PAUSE);
  }

  end(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.pause = PAUSE;
    byId('waiting').hidden = true;
  }
}
