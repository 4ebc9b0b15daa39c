import { type Documented, literals, members } from './docstrings.js';
import { page } from './page.js';

const FILE = 'src/auth/events/auth-event.ts';

const INTRODUCTION = `Events tell what happens to sessions. Subscribe to them with \`AuthEventBus\`, store them, or send alerts to a webhook:
[Audit and alerts](../guides/audit-and-alerts.md). An alert is an event with \`alert: true\`; it is also logged as a warning.

No event contains a token, a hash or a key. The reason of a refusal is only in the event. The client never learns it.`;

/** `docs/reference/events.md`. */
export function eventsPage(): Promise<string> {
  return page('Events', INTRODUCTION, [
    '## Fields',
    members(FILE, 'AuthEvent').map(listed).join('\n'),
    '## Types',
    ...literals(FILE, 'AuthEventType').flatMap(section),
    '## Reasons of a revocation',
    'The event `revoked` has one of these reasons. You may use others, of at most 64 characters.',
    literals(FILE, 'RevocationReason').map(listed).join('\n'),
  ]);
}

function section({ name, text, tags }: Documented): string[] {
  const reasons = tags.map((tag) => tag.text.replace(/^(\w+)/, '- `$1`'));
  return [`### \`${name}\``, text, ...(reasons.length > 0 ? ['Reasons:', reasons.join('\n')] : [])];
}

const listed = ({ name, text }: Documented) => `- \`${name}\`: ${text}`;
