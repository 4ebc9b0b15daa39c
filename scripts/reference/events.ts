import { outcomeOf } from '../../src/auth/audit/event-outcome.js';
import type { AuthEventType } from '../../src/auth/events/auth-event.js';
import ts from 'typescript';
import { type Documented, literals, members, sourceFile } from './docstrings.js';
import { facts, page } from './page.js';

const FILE = 'src/auth/events/auth-event.ts';

/** The files of the rules. */
const RULES = ['changes', 'frequency', 'geofence', 'impossible-travel'].map((name) => `src/auth/risk/rules/${name}.ts`);

const OF_RULES = `Your own rules have reasons of their own. If a rule fails or takes too long, its reason ends with \`_failed\`. If GeoIP fails, the reason is
\`geo_ip_unavailable\`. See [Risk rules](../guides/risk-rules.md).`;

const INTRODUCTION = `Events tell what happens to sessions. Subscribe to them with \`AuthEventBus\`, store them, or send alerts to a webhook:
[Audit and alerts](../guides/audit-and-alerts.md). An alert is an event with \`alert: true\`; it is also logged as a warning.

No event contains a token, a hash or a key. The reason of a refusal is only in the event. The client never learns it.

The outcome is what \`GET /auth/events\` and the table \`auth_events\` say. A success that is an alert has the outcome \`alert\`.`;

/** `docs/reference/events.md`. */
export function eventsPage(): Promise<string> {
  return page('Events', INTRODUCTION, [
    '## Fields',
    members(FILE, 'AuthEvent').map(listed).join('\n'),
    '## Types',
    ...literals(FILE, 'AuthEventType').flatMap(section),
    '## Reasons of risk rules',
    OF_RULES,
    RULES.flatMap((path) => ruleReasons(path)).join('\n'),
    '## Reasons of a revocation',
    'The event `revoked` has one of these reasons, or the reason of the risk rule that ended the session. You may use others, of at most 64 characters.',
    literals(FILE, 'RevocationReason').map(listed).join('\n'),
  ]);
}

function section({ name, text, tags }: Documented): string[] {
  const tagged = (wanted: string) => tags.filter(({ tag }) => tag === wanted).map((tag) => tag.text);
  const reasons = tagged('reason').map((reason) => reason.replace(/^(\w+):/, '`$1`:'));
  return [
    `### \`${name}\``,
    text,
    facts({
      Alert: tagged('alert')[0] ?? 'never.',
      Outcome: outcomes(name as AuthEventType, tagged('alert')[0]),
      Reason: reasons.length === 1 ? reasons[0] : undefined,
    }),
    ...(reasons.length > 1 ? ['The reason is one of:', reasons.map((reason) => `- ${reason}`).join('\n')] : []),
  ];
}

/** A line for each rule of a file. */
function ruleReasons(path: string): string[] {
  return sourceFile(path)
    .statements.filter(ts.isClassDeclaration)
    .flatMap((rule) => {
      const reason = rule.members.find((member) => member.name?.getText() === 'reason') as
        ts.PropertyDeclaration | undefined;
      const text = reason?.initializer?.getText();
      return text === undefined ? [] : [`- \`${text.slice(1, -1)}\`: the rule \`${rule.name!.text}\``];
    });
}

function outcomes(type: AuthEventType, alert: string | undefined): string {
  const possible = [...(alert === 'always.' ? [] : [undefined]), ...(alert === undefined ? [] : [true as const])];
  const found = possible.map((alert) => `\`${outcomeOf({ type, alert })}\``);
  return [...new Set(found)].join(' or ');
}

const listed = ({ name, text }: Documented) => `- \`${name}\`: ${text}`;
