import type { AuthChange, AuthClient } from './client.js';
import { byId } from './dom.js';

/** Milliseconds between two updates. */
const STEP = 250;
/** A token is shown as old when less than this share of its lifetime is left. */
const OLD = 0.25;

/** Shows the remaining lifetime of the access token, and its renewals. */
export function showAge(client: AuthClient): void {
  const life = byId<SVGCircleElement>('life');
  let token: { lifetime: number; endsAt: number } | undefined;
  let renewals = 0;

  client.onChange(({ type, lifetime, expiresIn }: AuthChange) => {
    token = lifetime === undefined ? undefined : { lifetime, endsAt: performance.now() + expiresIn! };
    renewals = type === 'refreshed' ? renewals + 1 : 0;
    byId('renewals').textContent = renewals === 0 ? '' : `renewed ${renewals === 1 ? 'once' : `${renewals} times`}`;
    show();
  });

  const show = () => {
    const left = token ? Math.max(0, token.endsAt - performance.now()) : 0;
    const share = token ? left / token.lifetime : 0;
    life.style.strokeDashoffset = String(100 * (1 - share));
    life.classList.toggle('old', share < OLD);
    byId('left').textContent = token ? minutesOf(left) : '–';
  };
  setInterval(show, STEP);
}

function minutesOf(milliseconds: number): string {
  const seconds = Math.ceil(milliseconds / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}
