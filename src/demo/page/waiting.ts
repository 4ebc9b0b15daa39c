import type { AuthClient } from './client.js';
import { byId, onClick } from './dom.js';
import { askToStepUp } from './step-up.js';

/** Milliseconds before the next attempt: the first pause and the longest one. */
const PAUSE = 1_000;
const LONGEST_PAUSE = 30_000;

const WHY: Record<string, string> = {
  step_up_required: 'The server asks for your password before your session continues.',
  region_not_allowed: 'You cannot use your session from this place. It continues when you are back.',
};

/** Shows why the session cannot continue, while the server does not let it. */
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
    const why = error.status === 429 ? 'The server gets too many requests.' : 'The server cannot answer right now.';
    const decided = WHY[error.code ?? ''];
    byId('waiting-why').textContent = decided ?? `${why} The page tries again by itself.`;
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
