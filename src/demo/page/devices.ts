import type { AuthClient, AuthClientSession } from './client.js';
import { byId, element, offer, onClick, update } from './dom.js';
import { countryName } from './happening.js';

/** Lists the visitor's sessions, with a button to end each, and one to rename this device. */
export function showDevices(client: AuthClient): () => Promise<void> {
  const list = byId('device-list');
  onClick(byId('end-others'), async () => {
    await client.sessions.endOthers();
    await show();
  });

  const itemOf = (session: AuthClientSession) => {
    const { id, current, deviceName, clientId, userAgent, lastUsedAt } = session;
    const end = element('button', { type: 'button' }, 'End');
    end.setAttribute('aria-label', `End the session on ${deviceName ?? clientId}`);
    onClick(end, async () => {
      await client.sessions.end(id);
      await show();
    });
    const rename = element('button', { type: 'button' }, 'Rename');
    onClick(rename, async () => {
      const name = prompt('A new name for this device', deviceName ?? '');
      if (name === null) return;
      await client.sessions.update(id, { device_name: name });
      await show();
    });
    return element(
      'li',
      { className: current ? 'current' : '' },
      element('h3', {}, deviceName || clientId),
      current ? element('p', {}, element('span', { className: 'badge' }, 'this device')) : '',
      element('p', { className: 'quiet' }, browserOf(userAgent), ' · ', placeOf(session)),
      element('p', { className: 'quiet' }, 'last used ', timeOf(lastUsedAt)),
      ...(current ? [rename, ' '] : []),
      end,
    );
  };
  const show = async () => {
    if (!(await client.user())) return;
    const sessions = await client.sessions.list();
    const items = sessions.map((session): [string, HTMLElement] => [session.id, itemOf(session)]);
    update(list, items, byId('devices-title'));
    offer(byId('end-others'), sessions.length > 1);
  };
  return show;
}

function placeOf({ ip, country }: AuthClientSession): string {
  const address = ip ?? 'unknown address';
  return country ? `${countryName(country)}, ${address}` : address;
}

function timeOf(iso: string): HTMLTimeElement {
  return element('time', { dateTime: iso }, new Date(iso).toLocaleString());
}

/** The browser's name for people. */
function browserOf(userAgent: string | null): string {
  return /(Firefox|Edg|Chrom(?:e|ium)|Safari|curl)\/\d+/.exec(userAgent ?? '')?.[0] ?? 'unknown browser';
}
